"""Whose Adam is this? What libraries and lectures mean by the name of a rule or a loss, and how far apart they are.

    python -m experiments.conformance > docs/conformance.md

Every variant takes 100 steps on one quadratic with the same numbers: Optax itself, PyTorch itself where installed, and
the documented forms of PyTorch and Keras and the formulas of the lectures as plain loops (``published_rules``).
"""

import jax
import numpy as np

from experiments import conformance_losses, conformance_rules
from experiments.conformance_rules import CURVATURES, EPS, RATE, START, STEPS


def distance(a, b):
    """The largest difference, or that it is no more than rounding."""
    largest = np.max(np.abs(np.asarray(a) - np.asarray(b)))
    return "rounding" if largest <= 1e-12 * np.max(np.abs(np.asarray(b))) + 1e-14 else f"{largest:.1e}"


def table(rows):
    """(who, form, result, default, rule, result of the rule or None) as Markdown."""
    lines = ["| who | form | from the default | the same form in dlcore | from it |", "|---|---|---|---|---|"]
    for who, form, result, default, rule, same in rows:
        end = " none | " if same is None else f" `{rule}` | {distance(result, same)} "
        lines.append(f"| {who} | {form} | {distance(result, default)} |{end}|")
    return "\n".join(lines) + "\n"


def rules():
    """The sections of all rules."""
    for family in conformance_rules.FAMILIES:
        name, default, reference, variants = family()
        rows = [(v.who, v.form, v.result, reference, v.rule, v.same) for v in variants]
        yield f"### {name}\n\nDefault of dlcore: `{default}`.\n\n{table(rows)}"


def losses():
    """The sections of all losses."""
    for name, family in conformance_losses.FAMILIES.items():
        yield f"### {name}\n\n{table(family())}"


INTRODUCTION = f"""# Whose Adam is this?

One name, several formulas: what Optax, PyTorch, Keras and the lectures mean by the name of a rule or of a loss, and how
far apart they are. Written by `python -m experiments.conformance`; do not edit.

Letters: parameters $\\theta$, gradient $g$, learning rate $\\alpha$, slots $m, v, s, u$, a hat for bias correction. G,
S, T, U, Y are the lectures, as in the atlas. PyTorch and Keras stand here in their documented forms, as plain loops;
PyTorch itself has a row of its own where it was installed. Optax runs itself.

## Rules

Distances are the largest over three coordinates after {STEPS} steps on $\\frac12 \\sum_i a_i x_i^2$ with $a$ =
{tuple(CURVATURES.tolist())} from {tuple(START.tolist())}, in float64, all with the learning rate {RATE:g} and
$\\epsilon$ = {EPS:g}, large so that its place shows. "rounding" is below 1e-12.
"""
LOSSES = """## Losses

Distances are the largest over 100 examples with 5 classes, in float64.
"""


def main():
    jax.config.update("jax_enable_x64", True)
    print("\n".join([INTRODUCTION, *rules(), LOSSES, *losses()]), end="")


if __name__ == "__main__":
    main()
