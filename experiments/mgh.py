"""Do the solvers find the published minima of Moré, Garbow & Hillstrom's 41 test problems? Writes docs/mgh.md.

``python -m experiments.mgh --data-dir DIR`` with ``DIR/mgh/mgh_table.json``: number, name, n, m, start, minimum.
"""

import json
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.solvers import (
    BFGS,
    LBFGS,
    Levenberg,
    LevenbergMarquardt,
    Newton,
    NewtonCG,
    NonlinearCG,
    Status,
    least_squares,
    minimize,
)
from experiments.common import arguments
from experiments.mgh_problems import PROBLEMS

METHODS = [
    LevenbergMarquardt(),
    Levenberg(),
    BFGS(max_steps=5000),
    LBFGS(max_steps=5000),
    Newton(),
    NewtonCG(),
    NonlinearCG(max_steps=5000),
]
LOCAL_MINIMA = {  # published with the problems; descent from the standard start usually ends there
    "Freudenstein-Roth": 48.9842536792,
    "Bard": 17.4286,
    "Kowalik-Osborne": 1.02734e-3,
    "Biggs EXP6": 5.65565e-3,
    "Trigonometric n=10": 2.79506e-5,
    "Brown almost-linear n=10": 1.0,
}
OUT = pathlib.Path(__file__).parents[1] / "docs" / "mgh.md"


class Outcome(NamedTuple):
    """The sum of squares reached, whether it is a known minimum, evaluations of f or r, and the status."""

    value: float
    found: bool
    evaluations: int
    status: Status


def is_minimum(row: dict, value: float) -> bool:
    """Whether ``value`` is a published one to four digits, or for zero below 1e-10."""
    known = [row["f_pub"], LOCAL_MINIMA.get(row["name"], row["f_pub"])]
    return any(value <= 1e-10 if f == 0 else abs(value - f) <= 1e-4 * f for f in known)


def outcome(method, row: dict) -> Outcome:
    f, x0 = PROBLEMS[row["id"] - 1], jnp.asarray(row["x0"])
    if isinstance(method, (Levenberg, LevenbergMarquardt)):
        s = least_squares(method, lambda x: f(x, row["m"]), x0)
    else:
        s = minimize(method, lambda x: 0.5 * jnp.sum(f(x, row["m"]) ** 2), x0)
    value = 2 * float(s.value)
    return Outcome(value, is_minimum(row, value), int(s.evaluations.function), Status(int(s.status)))


def report(rows: list[dict], outcomes: dict[str, list[Outcome]]) -> str:
    names = list(outcomes)
    counts = " | ".join(f"**{sum(o.found for o in outcomes[name])}**" for name in names)
    lines = [
        "# Moré-Garbow-Hillstrom test problems",
        "",
        "Sums of squares reached from the standard starts in float64 with default settings, in brackets the",
        "evaluations; struck through where the value is neither the published minimum nor a published local one.",
        "BFGS, L-BFGS and nonlinear CG may take 5000 steps. Made by `python -m experiments.mgh`.",
        "",
        f"| # | problem | published | {' | '.join(names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for k, row in enumerate(rows):
        cells = [outcomes[name][k] for name in names]
        texts = [
            f"{c.value:.6g} ({c.evaluations})" if c.found else f"~~{c.value:.6g}~~ ({c.status.name})" for c in cells
        ]
        lines.append(f"| {row['id']} | {row['name']} | {row['f_pub']:g} | {' | '.join(texts)} |")
    lines.append(f"| | found of {len(rows)} | | {counts} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    rows = json.loads((arguments(__doc__, data=True).data_dir / "mgh" / "mgh_table.json").read_text())
    outcomes = {}
    for method in METHODS:
        outcomes[type(method).__name__] = [outcome(method, row) for row in rows]
        print(type(method).__name__, sum(o.found for o in outcomes[type(method).__name__]), "of", len(rows), flush=True)
    OUT.write_text(report(rows, outcomes))


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
