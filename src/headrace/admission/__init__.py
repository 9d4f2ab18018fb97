"""What an answer depends on before its 2xx: keys, limits, stats, claims, retries."""
