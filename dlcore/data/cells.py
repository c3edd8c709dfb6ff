"""What the text of a cell says: a number however it is written, a word, a date, or that nothing is known."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

# nobody's value, whatever stands beside it
MISSING = frozenset({"", "?", "nan", "null", "n/a", "#n/a", "<na>", "nat", "#value!", "#div/0!", "#ref!", "#name?"})
# a value among words (no garage; Namibia), nothing known among numbers
_MISSING_NUMBER = frozenset({"na", "none", "nil", "-", "--", ".", "..", "*", "missing", "unknown", "not available"})

_CURRENCY = re.compile(
    r"^[$€£¥₹]\s*|\s*[$€£¥₹%]$|\s*\b(?:USD|EUR|GBP|CHF|JPY)$|^(?:USD|EUR|GBP|CHF|JPY)\b\s*|^([+-])[$€£¥₹]"
)
_GROUP = {".": ",'\u2019_ ", ",": ".'\u2019_ "}
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[ap]m)?(?:\s*(?:z|utc|[+-]\d{2}:?\d{2}))?"
_DAY = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}(?:[-/.]\d{{1,2}})?|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[-. ]*{_MONTH}[-., ]*\d{{2,4}}|{_MONTH}[-. ]+\d{{1,2}},?[- ]+\d{{4}}|{_MONTH}[-. ]+\d{{4}})"
)
_DATE = re.compile(rf"(?:{_DAY}(?:[t ,]+{_CLOCK})?|{_CLOCK})", re.IGNORECASE)
_FEW = 3  # different words that may stand among numbers: how somebody wrote that nothing is known


class Field(NamedTuple):
    """A column as read: ``kind`` "number", "word" or "date"; values float64 [n], numbers of ``words`` for words.

    ``note`` is a sentence on what was guessed, or empty.
    """

    name: str
    kind: str
    values: np.ndarray
    words: tuple[str, ...] = ()
    note: str = ""


def tidy(text: Any) -> str:
    """``text`` without blanks at its ends and with single ones inside: "yes" and "yes " are one word."""
    return " ".join(str(text).split())


def number(text: str, decimal: str = ".") -> float:
    """The number in ``text``, NaN if there is none: "1,234.5", "€ 3", "12 %", "(7)", "1 000"; ``decimal`` its mark."""
    plain = text.replace("\u2212", "-")  # a typeset minus
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    if not (plain[-1:].isdigit() and plain[:1].isdigit()):  # nothing around it
        plain = _CURRENCY.sub(r"\1", _CURRENCY.sub(r"\1", plain))
    if plain.lower().lstrip("+-") in ("inf", "infinity"):
        return float(plain)
    if not _pattern(decimal).fullmatch(plain):
        return float("nan")
    try:
        return float("".join(c for c in plain if c not in _GROUP[decimal]).replace(decimal, "."))
    except ValueError:  # a sign or a point alone
        return float("nan")


_PATTERNS = {
    mark: re.compile(
        rf"[+-]?(?:[1-9]\d{{0,2}}(?:[{group}]\d{{2,3}})*[{group}]\d{{3}}|\d+)?(?:{re.escape(mark)}\d*)?(?:[eE][+-]?\d+)?"
    )
    for mark, group in _GROUP.items()
}


def _pattern(decimal: str) -> re.Pattern[str]:
    return _PATTERNS[decimal]


def is_number(text: str) -> bool:
    """Whether ``text`` is a number with either decimal mark."""
    return bool(np.isfinite(number(text)) or np.isfinite(number(text, ",")))


def is_missing(text: str) -> bool:
    """Whether ``text``, among numbers, says that nothing is known."""
    return text.lower() in MISSING or text.lower() in _MISSING_NUMBER


class Evidence(NamedTuple):
    """Numbers that have a decimal ``comma`` or ``point`` for certain, and such as "1,234" or "1.234" that may have."""

    comma: list[str]
    point: list[str]
    comma_or_group: list[str]
    point_or_group: list[str]


def decimal_evidence(texts: Iterable[str]) -> Evidence:
    """What the numbers among ``texts`` say of their decimal mark."""
    found = Evidence([], [], [], [])
    for text in texts:
        if "," not in text and "." not in text:
            continue
        comma, point = np.isfinite(number(text, ",")), np.isfinite(number(text, "."))
        if comma and point:
            (found.comma_or_group if "," in text else found.point_or_group).append(text)
        elif comma or point:
            (found.comma if comma else found.point).append(text)
    return found


def field_of(values: Any, name: str, decimal: str = ".", missing: tuple[str, ...] = ()) -> Field:
    """The column ``values``, a pandas series, with what it is; ``missing``: further words for nothing known."""
    kind = values.dtype.kind
    if kind == "b":
        return Field(name, "word", values.to_numpy(np.float64, na_value=np.nan), ("False", "True"))
    if kind in "mM":
        return Field(name, "date", np.where(values.isna(), np.nan, 0.0))
    if kind in "iuf":
        found = values.to_numpy(np.float64, na_value=np.nan)
        unknown = [value for value in map(number, missing) if not np.isnan(value)]
        return Field(name, "number", np.where(np.isin(found, unknown), np.nan, found) if unknown else found)
    return _text_field(values, name, decimal, frozenset(word.lower() for word in missing))


def factorized(values: Any) -> tuple[np.ndarray, Any]:
    """The number of each cell's value, -1 for a missing one, and the different values; lists count as their text."""
    try:
        return values.factorize()
    except TypeError:
        return values.map(str, na_action="ignore").factorize()


def _text_field(values: Any, name: str, decimal: str, missing: frozenset[str]) -> Field:
    """Text by its different words, so that a column of a million cells asks each question once."""
    codes, found = factorized(values)
    words = [tidy(label_of(word)) for word in found]
    known = np.array([word.lower() not in MISSING and word.lower() not in missing for word in words], bool)
    counts = np.bincount(codes[codes >= 0], minlength=len(words)) * known

    def spread(by_word: np.ndarray) -> np.ndarray:
        return np.append(by_word, np.nan)[codes]  # -1, pandas' missing, takes the last

    if not known.any():
        return Field(name, "number", np.full(len(codes), np.nan))
    numbers, note = _numbers(words, known, counts, decimal)
    if numbers is not None:
        return Field(name, "number", spread(numbers), (), note)
    if sum(counts[i] for i in np.flatnonzero(known) if _DATE.fullmatch(words[i])) >= 0.9 * counts.sum():
        return Field(name, "date", spread(np.where(known, 0.0, np.nan)))
    different = sorted({word for word, k in zip(words, known, strict=True) if k})
    place = {word: i for i, word in enumerate(different)}
    by_word = np.array([place[word] if k else np.nan for word, k in zip(words, known, strict=True)])
    return Field(name, "word", spread(by_word), tuple(different))


def _numbers(words: list[str], known: np.ndarray, counts: np.ndarray, decimal: str) -> tuple[np.ndarray | None, str]:
    """The number of every word and a note, or None where the column is one of words."""
    other = "," if decimal == "." else "."
    for mark in (decimal, other):
        found = np.array([number(word, mark) if k else np.nan for word, k in zip(words, known, strict=True)])
        rest = known & np.isnan(found)
        strange = [words[i] for i in np.flatnonzero(rest) if not is_missing(words[i])]
        enough = 2 * counts[rest].sum() < counts.sum() and (~np.isnan(found)).any()
        if enough and not strange:
            return found, _note(words, found, rest, mark, decimal)
        many = (~np.isnan(found)).sum() > 20 and counts[rest].sum() < 0.2 * counts.sum()
        if many and len(strange) <= _FEW:
            return found, _note(words, found, rest, mark, decimal)
    return None, ""


def _note(words: list[str], found: np.ndarray, rest: np.ndarray, mark: str, decimal: str) -> str:
    parts, other = [], "," if mark == "." else "."
    written = next((i for i, word in enumerate(words) if not np.isnan(found[i]) and not _is_plain(word)), None)
    if written is not None:
        ambiguous = not np.isnan(number(words[written], other)) and number(words[written], other) != found[written]
        hint = (
            f"; if that is wrong, try --decimal {',' if mark == '.' else '.'}" if ambiguous or mark != decimal else ""
        )
        parts.append(f"{words[written]!r} is read as {found[written]:.10g}{hint}")
    if rest.any():
        parts.append(f"{', '.join(repr(words[i]) for i in np.flatnonzero(rest)[:_FEW])} as missing")
    return ", ".join(parts)


def _is_plain(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def label_of(value: Any) -> str:
    """A value as the name of a class: 3.0 is "3"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
