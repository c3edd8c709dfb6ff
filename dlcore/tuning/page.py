"""A study as a table in HTML, for notebooks: the ranking, each configuration with its learning curve."""

from html import escape
from typing import Any

import numpy as np

ROWS, TIMES = 10, "&times;"
_WIDTH, _HEIGHT = 120, 28


def html(study: Any) -> str:
    """The best configurations of ``study``, its warnings and how many runs it took."""
    shown = study.table(ROWS)
    names = [*dict.fromkeys(name for row in shown for name in row), "curve"]
    configurations, runs = study.score.shape
    curves = [_curve(study, i) for i in study.order[:ROWS]]
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in names[:-1])}<td>{curve}</td></tr>"
        for row, curve in zip(shown, curves, strict=True)
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    said = "".join(f"<p>{escape(line)}</p>" for line in study.warnings)
    more = f", the best {len(shown)}" * (len(shown) < configurations)
    count = f"{configurations} configurations {TIMES} {runs} runs{more}"
    return f"<table><caption>{count}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else escape(str(value))


def _curve(study: Any, configuration: int) -> str:
    """What is compared over the epochs, mean over the runs, as a line; logarithmic where it is a positive loss."""
    if study.rows.history is None:
        return ""
    values = study.curves[configuration].mean(0)
    sound = np.flatnonzero(np.isfinite(values))
    if len(sound) < 2:
        return ""
    y = np.log(values[sound]) if study.by.name is None and (values[sound] > 0).all() else values[sound]
    x = (sound - sound[0]) / (sound[-1] - sound[0]) * _WIDTH
    y = (y.max() - y) / (np.ptp(y) or 1) * _HEIGHT
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="-1 -1 {_WIDTH + 2} {_HEIGHT + 2}"'
    return f'<svg {size}><polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
