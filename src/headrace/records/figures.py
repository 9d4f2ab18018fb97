"""How figures read, wherever people read them: 1,234 · 12.3 k · 4.56 M."""

from __future__ import annotations

import math

_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
#: Up to this whole numbers are written out.
_WRITTEN_OUT = 10_000
#: What stands where nothing is known.
NOTHING = "–"


def number(value: float | None) -> str:
    """1,234 · 12.3 k · 4.56 M · 0.0123; three significant digits from 10,000 on."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size < _WRITTEN_OUT:
        return _minus(f"{value:,.0f}" if value == int(value) else significant(value))
    for step, unit in _STEPS:
        if size >= step * 0.9995:  # what would round to 1,000 of a unit is 1 of the next
            return _minus(f"{significant(value / step)} {unit}")
    return _minus(f"{value:,.0f}")


def whole(value: int | None) -> str:
    """Every digit: 1,234,567."""
    return NOTHING if value is None else _minus(f"{value:,}")


def significant(value: float) -> str:
    """Three significant digits, without exponents down to 0.001, without trailing zeros."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    if abs(rounded) < 0.001:
        return f"{value:.2e}"
    text = f"{rounded:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    """A real minus sign: it is as wide as a digit."""
    return text.replace("-", "−") if text.startswith("-") else text
