"""Numbers as text, in the digits that they support."""

import datetime
import math
from typing import Any

MISSING, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


def number(value: Any) -> float:
    """A number that may be missing: None is NaN."""
    return float("nan") if value is None else float(value)


def short(value: Any, digits: int = 4) -> str:
    """``digits`` significant digits, small numbers as 1e-4; words as they are; a dash for what is missing."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return grouped(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{digits - 1}e}" if 0 < abs(value) < 1e-3 else f"{value:.{digits}g}"
    mantissa, e, power = text.partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}" if e else text


def grouped(value: int) -> str:
    """An integer with thin spaces between thousands, from five digits on."""
    return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)


def fixed(value: Any, digits: int = 4) -> str:
    """``digits`` decimal places, so that numbers in a column align; very small and very large ones in powers of ten."""
    value = number(value)
    if not math.isfinite(value) or (value != 0 and not 10.0**-digits <= abs(value) < 1e5):
        return short(value, 3)
    return f"{value:.{digits}f}"


def with_error(value: Any, error: Any, digits: int | None = None) -> str:
    """A value with its standard error, both to ``digits`` places, or the error's second digit: "0.0812 ± 0.0035"."""
    value, error = number(value), number(error)
    if not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return short(value) if digits is None else fixed(value, digits)
    digits = places(error) if digits is None else digits
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def places(error: float) -> int | None:
    """Decimal places up to the second significant digit of a standard error; None where there is no error."""
    return max(0, 1 - math.floor(math.log10(error))) if math.isfinite(error) and error > 0 else None


def percent(value: Any, error: Any = None) -> str:
    """A share in percent, with its standard error if there is one: "97.2 ± 0.9 %"."""
    value, error = number(value), number(error)
    if math.isnan(value):
        return MISSING
    return f"{value:.1%}".replace("%", " %") if math.isnan(error) else f"{100 * value:.1f} ± {100 * error:.1f} %"


def metric(name: str, value: Any, error: Any = None) -> str:
    """A metric: shares in percent, others as they are."""
    return percent(value, error) if "accuracy" in name or "recall" in name else with_error(value, error)


def when(time: str) -> str:
    """A time of ISO 8601 as a person writes it: "2026-11-21 04:01 UTC"; other text as it is."""
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError:
        return time
    return f"{moment:%Y-%m-%d %H:%M} {moment:%Z}".rstrip()


def memory(size: Any) -> str:
    """Bytes in GiB."""
    return MISSING if size is None else f"{number(size) / 2**30:.1f} GiB"
