"""The regression problems of NIST's Statistical Reference Datasets: their models in JAX, their files, their digits.

https://www.itl.nist.gov/div898/strd: 27 nonlinear problems with two starts and certified values of 11 digits.
"""

import csv
import json
import pathlib
import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Nonlinear(NamedTuple):
    """A problem: response [m], predictors [m] or [m, 2], starts [2, n], certified values, standard deviations, RSS."""

    name: str
    y: np.ndarray
    x: np.ndarray
    starts: np.ndarray
    certified: np.ndarray
    deviations: np.ndarray
    rss: float


def read_nonlinear(path: pathlib.Path) -> Nonlinear:
    """A problem from its file as NIST publishes it."""
    text = path.read_text()
    number = r"([-+.\dE]+)"
    rows = re.findall(rf"^\s*b\d+\s*=\s*{number}\s+{number}\s+{number}\s+{number}\s*$", text, re.M)
    table = np.array(rows, float)
    rss = re.search(rf"Residual Sum of Squares:\s*{number}", text)
    data = re.split(r"^Data:\s+y\s.*$", text, flags=re.M)[-1]
    columns = np.array([line.split() for line in data.strip().splitlines()], float)
    y, x = columns[:, 0], columns[:, 1:]
    if rss is None or not len(rows):
        raise ValueError(f"{path}: needed a file of NIST StRD nonlinear regression; no certified values found in it")
    x = x[:, 0] if x.shape[1] == 1 else x
    return Nonlinear(path.stem, y, x, table[:, :2].T, table[:, 2], table[:, 3], float(rss[1]))


def digits(computed, certified) -> float:
    """The correct decimal digits of the worst number: -log10 of the largest relative error, between 0 and 16."""
    errors = [abs(Fraction(float(c)) / Fraction(e) - 1) for c, e in zip(computed, certified, strict=True)]
    worst = max(errors) if np.all(np.isfinite(np.asarray(computed, float))) else 1
    return float(np.clip(-np.log10(max(float(worst), 1e-16)), 0, 16))


def _rational(b, x, numerator):
    """A quotient of polynomials, the constant of the lower one being 1."""
    top, bottom = b[:numerator], b[numerator:]
    above = sum(c * x**k for k, c in enumerate(top))
    return above / (1 + sum(c * x ** (k + 1) for k, c in enumerate(bottom)))


def _decays(b, x):
    return b[0] * jnp.exp(-b[1] * x) + b[2] * jnp.exp(-b[3] * x) + b[4] * jnp.exp(-b[5] * x)


def _bells(b, x):
    bells = b[2] * jnp.exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * jnp.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    return b[0] * jnp.exp(-b[1] * x) + bells


def _chwirut(b, x):
    return jnp.exp(-b[0] * x) / (b[1] + b[2] * x)


def _wave(b, x, period, k):
    angle = 2 * np.pi * x / period
    return b[k] * jnp.cos(angle) + b[k + 1] * jnp.sin(angle)


MODELS: dict[str, Callable] = {
    "Misra1a": lambda b, x: b[0] * (1 - jnp.exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Chwirut1": _chwirut,
    "Chwirut2": _chwirut,
    "Lanczos1": _decays,
    "Lanczos2": _decays,
    "Lanczos3": _decays,
    "Gauss1": _bells,
    "Gauss2": _bells,
    "Gauss3": _bells,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "Kirby2": lambda b, x: _rational(b, x, 3),
    "Hahn1": lambda b, x: _rational(b, x, 4),
    "Thurber": lambda b, x: _rational(b, x, 4),
    "Nelson": lambda b, x: b[0] - b[1] * x[:, 0] * jnp.exp(-b[2] * x[:, 1]),
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * jnp.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * jnp.exp(-x * b[3]) + b[2] * jnp.exp(-x * b[4]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - jnp.arctan(b[2] / (x - b[3])) / np.pi,
    "ENSO": lambda b, x: b[0] + _wave(b, x, 12, 1) + _wave(b, x, b[3], 4) + _wave(b, x, b[6], 7),
    "Rat42": lambda b, x: b[0] / (1 + jnp.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + jnp.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Eckerle4": lambda b, x: b[0] / b[1] * jnp.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1 - jnp.exp(-b[1] * x)),
}


def residuals(name: str) -> Callable:
    """The residuals [m] of a problem as a function of the parameters [n], the predictors and the response."""
    model = MODELS[name]
    if name == "Nelson":  # the certified model is of the logarithm of the response
        return lambda b, x, y: model(b, x) - jnp.log(y)
    return lambda b, x, y: model(b, x) - y


class Linear(NamedTuple):
    """A linear problem: matrix [m, n], response [m], and as decimal strings from rational arithmetic the answers."""

    name: str
    A: np.ndarray
    y: np.ndarray
    exact: list[str]
    exact_errors: list[str]


def read_linear(folder: pathlib.Path) -> list[Linear]:
    """The linear problems of a folder with ``certified.json`` and one CSV file each."""
    problems = []
    for name, facts in json.loads((folder / "certified.json").read_text()).items():
        with (folder / f"{name}.csv").open() as file:
            table = np.array(list(csv.reader(file))[1:], float)
        y, x = table[:, 0], table[:, 1:]
        columns = [x[:, 0] ** k for k in range(1, facts["degree"] + 1)] if facts["degree"] > 1 else list(x.T)
        ones = [np.ones_like(y)] if facts["intercept"] else []
        exact = facts["exact"]
        problems.append(Linear(name, np.stack(ones + columns, axis=1), y, exact["beta"], exact["se"]))
    return problems


class Logistic(NamedTuple):
    """A logistic or multinomial regression: matrix [m, n], classes [m], certified parameters, errors (or None)."""

    name: str
    X: np.ndarray
    y: np.ndarray
    params: np.ndarray
    errors: np.ndarray | None


def read_logistic(data: pathlib.Path) -> list[Logistic]:
    """The maximum-likelihood fits certified in ``certified_logistic``, their data there and in ``tables``."""
    folder = data / "certified_logistic"
    certified = json.loads((folder / "logistic_certified.json").read_text())
    tables = {
        "spector_logit": np.loadtxt(folder / "spector.csv", skiprows=1)[:, 1:],
        "pima_logit": np.loadtxt(data / "tables" / "pima-indians-diabetes.csv", delimiter=","),
        "banknote_logit": np.loadtxt(data / "tables" / "banknote_authentication.csv", delimiter=","),
    }
    problems = []
    for name, table in tables.items():
        X = np.column_stack([table[:, :-1], np.ones(len(table))])
        facts = certified[name]
        problems.append(Logistic(name, X, table[:, -1], np.array(facts["params"]), np.array(facts["bse"])))
    anes = np.genfromtxt(folder / "anes96.csv", names=True, deletechars="'", delimiter="\t")
    columns = [np.log(anes["popul"] + 0.1), *(anes[c] for c in ("selfLR", "age", "educ", "income")), np.ones(len(anes))]
    facts = json.loads((folder / "mnlogit_anes96.json").read_text())
    return [*problems, Logistic("anes96", np.stack(columns, axis=1), anes["PID"], np.array(facts["params"]), None)]


def negative_log_likelihood(w, X, y):
    """Summed over the examples; the first class has the logit 0. w [n] or [n, classes - 1], X [m, n], y [m]."""
    W = w.reshape(X.shape[1], -1)
    logits = jnp.pad(X @ W, ((0, 0), (1, 0)))
    chosen = jnp.take_along_axis(logits, y.astype(int)[:, None], axis=1)[:, 0]
    return jnp.sum(jax.nn.logsumexp(logits, axis=1) - chosen)
