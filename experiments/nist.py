"""How many digits do the solvers get right where somebody else certified them? Writes docs/nist.md.

``python -m experiments.nist --data-dir DIR`` with the folders ``nist_nonlinear`` (files of NIST StRD), ``nist_linear``,
``certified_logistic`` and ``tables``. All in float64 with default settings, but L-BFGS to a gradient of 1e-9.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.solvers import (
    LBFGS,
    QR,
    LevenbergMarquardt,
    Newton,
    NormalEquations,
    Status,
    least_squares,
    minimize,
    solve,
    standard_deviations,
    standard_errors,
)
from experiments.common import arguments, counted
from experiments.nist_problems import (
    digits,
    negative_log_likelihood,
    read_linear,
    read_logistic,
    read_nonlinear,
    residuals,
)

OUT = pathlib.Path(__file__).parents[1] / "docs" / "nist.md"


def nonlinear_rows(folder: pathlib.Path) -> list[list[str]]:
    rows = []
    for path in counted("Nonlinear", sorted(folder.glob("*.dat")), "problem"):
        problem = read_nonlinear(path)
        r, data = residuals(problem.name), (jnp.asarray(problem.x), jnp.asarray(problem.y))
        for k, b0 in enumerate(jnp.asarray(problem.starts)):
            s = least_squares(LevenbergMarquardt(), r, b0, args=data)
            deviations = standard_deviations(r, s.params, args=data)
            found = [digits(s.params, problem.certified), digits(deviations, problem.deviations)]
            counts = [str(int(s.steps)), str(int(s.evaluations.function))]
            rows.append([f"{problem.name} {k + 1}", *(f"{d:.1f}" for d in found), *counts, Status(int(s.status)).name])
    return rows


def linear_rows(folder: pathlib.Path) -> list[list[str]]:
    rows = []
    for problem in counted("Linear", read_linear(folder), "problem"):
        A, y = jnp.asarray(problem.A), jnp.asarray(problem.y)
        answers = [solve(m, A, y) for m in (QR(), QR(refinements=3), NormalEquations())]
        numpy = np.linalg.lstsq(problem.A, problem.y)[0]
        found = [digits(s.params, problem.exact) for s in answers] + [digits(numpy, problem.exact)]
        rows.append([problem.name, f"{float(answers[0].condition):.1e}", *(f"{d:.1f}" for d in found)])
    return rows


def logistic_rows(data: pathlib.Path) -> list[list[str]]:
    rows = []
    for problem in counted("Logistic", read_logistic(data), "problem"):
        X, y, zero = jnp.asarray(problem.X), jnp.asarray(problem.y), jnp.zeros(problem.params.shape)
        certified = [str(p) for p in problem.params.ravel()]
        newton = minimize(Newton(), negative_log_likelihood, zero, args=(X, y))
        lengths = jnp.linalg.norm(X, axis=0)
        lbfgs = minimize(LBFGS(gradient_tolerance=1e-9), negative_log_likelihood, zero, args=(X / lengths[None, :], y))
        unscaled = lbfgs.params / lengths.reshape((-1,) + (1,) * (zero.ndim - 1))
        errors = standard_errors(negative_log_likelihood, newton.params, args=(X, y))
        known = "-" if problem.errors is None else f"{digits(errors, problem.errors):.1f}"
        found = [f"{digits(np.ravel(p), certified):.1f}" for p in (newton.params, unscaled)]
        rows.append([problem.name, found[0], str(int(newton.steps)), found[1], str(int(lbfgs.steps)), known])
    return rows


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def report(nonlinear: list[list[str]], linear: list[list[str]], logistic: list[list[str]]) -> str:
    return "\n".join(
        [
            "# Certified values",
            "",
            "Correct decimal digits of the worst number, in float64 with default settings. Made by",
            "`python -m experiments.nist`.",
            "",
            "## NIST StRD, nonlinear regression",
            "",
            "`LevenbergMarquardt()` from both published starts; certified to 11 digits.",
            "",
            *table(["problem, start", "parameters", "standard deviations", "steps", "evaluations", "ended"], nonlinear),
            "",
            "## NIST StRD, linear regression",
            "",
            "Against rational arithmetic. The condition is that of R, the columns scaled to lengths near 1.",
            "",
            *table(["problem", "condition", "QR", "QR, 3 refinements", "normal equations", "NumPy lstsq"], linear),
            "",
            "## Maximum likelihood",
            "",
            "Logistic regression, and multinomial on anes96. Newton on the data as they are, L-BFGS on columns scaled",
            "to length 1, to a gradient of 1e-9.",
            "",
            *table(["problem", "Newton", "steps", "L-BFGS", "steps", "standard errors"], logistic),
            "",
        ]
    )


def main() -> None:
    data = arguments(__doc__, data=True).data_dir
    parts = nonlinear_rows(data / "nist_nonlinear"), linear_rows(data / "nist_linear"), logistic_rows(data)
    OUT.write_text(report(*parts))
    print(OUT.read_text())


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
