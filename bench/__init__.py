"""Measures Headrace beside VictoriaMetrics and InfluxDB on one machine, in one run: figures are ratios."""
