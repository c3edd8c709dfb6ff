"""The solvers beside their peers: to the same answer, in turn in one run. Time to the end, and to the first answer.

    python -m experiments.benchmarks.solvers [--only digits mnist lm linear iterative overdetermined growth]

SciPy always, scikit-learn, jaxopt, Optax and Optimistix as far as installed; MNIST where ``DLCORE_DATA`` has it.
float64. Every peer runs once in every round; the time is the fastest, which other programs disturb least, the ratio
that of a peer's time to the first row's: above 1 the first row is the faster. "compile" is how much longer the first
call took.
"""

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy
import scipy.linalg
import scipy.optimize
import scipy.sparse.linalg

from dlcore.solvers import (
    BFGS,
    CG,
    LBFGS,
    LU,
    PCG,
    QR,
    Cholesky,
    GaussSeidel,
    Jacobi,
    LevenbergMarquardt,
    Newton,
    NonlinearCG,
    NormalEquations,
    PerExample,
    incomplete_cholesky,
    least_squares,
    minimize,
    solve,
)
from experiments.benchmarks.race import peer, race
from experiments.benchmarks.softmax import softmax
from experiments.common import options

LM_STEPS = 200


def residual(p, x, y):
    """Of a network 1-20-1 of 61 parameters at one point."""
    return jnp.tanh(x * p[:20] + p[20:40]) @ p[40:60] + p[60] - y


def residuals(p, x, y):
    """Of the network at all points x [m], as the peers want them."""
    hidden = jnp.tanh(x[:, None] * p[None, :20] + p[None, 20:40])
    return hidden @ p[40:60] + p[60] - y


def network_fit(m: int):
    """(start, x, y): m points of a noisy wave."""
    x = jnp.linspace(-3, 3, m)
    y = jnp.sin(2 * x) + 0.1 * jnp.asarray(np.random.default_rng(0).normal(size=m))
    return jnp.asarray(np.random.default_rng(1).normal(size=61)), x, y


def levenberg_marquardt(rounds: int) -> None:
    x0, x, y = network_fit(2000)
    r = residuals
    method = LevenbergMarquardt(max_steps=LM_STEPS, gradient_tolerance=0.0, step_tolerance=0.0)
    forms = {"dlcore, residual PerExample": PerExample(residual), "dlcore, residuals of all": r}
    peers: dict[str, Callable] = {
        name: lambda f=f: least_squares(method, f, x0, args=(x, y)).params for name, f in forms.items()
    }
    if (jaxopt := peer("jaxopt")) is not None:
        solver = jaxopt.LevenbergMarquardt(r, maxiter=LM_STEPS, tol=0.0, xtol=0.0, gtol=0.0)
        by_jaxopt = jax.jit(lambda x, y: solver.run(x0, x, y).params)
        peers["jaxopt LevenbergMarquardt"] = lambda: by_jaxopt(x, y)
    if (optimistix := peer("optimistix")) is not None:
        search = optimistix.LevenbergMarquardt(rtol=0.0, atol=0.0)
        by_optimistix = jax.jit(
            lambda x, y: (
                optimistix.least_squares(
                    lambda p, a: r(p, *a), search, x0, (x, y), max_steps=LM_STEPS, throw=False
                ).value
            )
        )
        peers["Optimistix LevenbergMarquardt"] = lambda: by_optimistix(x, y)
    values, jacobian = jax.jit(r), jax.jit(jax.jacfwd(r))

    def by_scipy():
        options: dict[str, Any] = {"max_nfev": LM_STEPS, "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        options["jac"] = lambda p: np.asarray(jacobian(p, x, y))
        return scipy.optimize.least_squares(lambda p: np.asarray(values(p, x, y)), x0, method="lm", **options).x

    peers["SciPy lm, jitted Jacobian"] = by_scipy

    def quality(p):
        return f"half the sum of squares {0.5 * float(jnp.sum(values(jnp.asarray(p), x, y) ** 2)):.9f}"

    race(f"Levenberg-Marquardt, 2000 residuals, 61 parameters, {LM_STEPS} steps", peers, quality, rounds)


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def second_difference(x):
    return 2 * x - jnp.pad(x[1:], (0, 1)) - jnp.pad(x[:-1], (1, 0))


def growth(rounds: int) -> None:
    """Time of a step as the number of parameters and of residuals grows."""
    print(f"\n{'time of a step':34}{'n or m':>10}{'first':>10}{'step':>12}")
    for method, sizes in [
        (LBFGS, (10, 100, 1000, 10_000, 100_000)),
        (NonlinearCG, (10, 100, 1000, 10_000, 100_000)),
        (BFGS, (10, 100, 1000, 2000)),
        (Newton, (10, 100, 1000, 2000)),
    ]:
        for n in sizes:
            fit = functools.partial(minimize, method(max_steps=20), rosenbrock, jnp.full(n, -0.5))
            _print_step(method.__name__, n, fit, rounds)
    for n in (10, 100, 1000, 10_000, 100_000):
        fit = functools.partial(solve, CG(tolerance=0.0, max_steps=20), second_difference, jnp.ones(n))
        _print_step("CG, by products", n, fit, rounds)
    for m in (10**3, 10**4, 10**5, 10**6):
        x0, x, y = network_fit(m)
        f = PerExample(residual)
        fit = functools.partial(least_squares, LevenbergMarquardt(max_steps=20), f, x0, args=(x, y))
        _print_step("LevenbergMarquardt, 61 parameters", m, fit, rounds)


def _print_step(name, size, fit, rounds):
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        solution = jax.block_until_ready(fit())
        times.append(time.perf_counter() - begin)
    step = min(times[1:]) / max(int(solution.steps), 1)
    print(f"{name:34}{size:>10}{times[0]:>9.2f}s{1e3 * step:>10.3f}ms", flush=True)


def linear(rounds: int) -> None:
    by_lu = jax.jit(jnp.linalg.solve)
    by_cholesky = jax.jit(functools.partial(jax.scipy.linalg.solve, assume_a="pos"))
    positive = functools.partial(scipy.linalg.solve, assume_a="pos")
    for n in (500, 2000):
        A, b = dominant_system(n)
        for title, runs in {
            f"LU, n = {n}; condition number by dlcore alone": {
                "dlcore LU()": lambda A, b: solve(LU(), A, b).params,
                "jax.numpy.linalg.solve": by_lu,
                "numpy.linalg.solve": np.linalg.solve,
            },
            f"Cholesky, n = {n}; condition number by dlcore and SciPy": {
                "dlcore Cholesky()": lambda A, b: solve(Cholesky(), A, b).params,
                "jax.scipy.linalg.solve, pos": by_cholesky,
                "scipy.linalg.solve, pos": positive,
            },
        }.items():
            race(title, _on(runs, A, b), accuracy(A, b), rounds)


def _on(runs: dict[str, Callable], A: jax.Array, b: jax.Array) -> dict[str, Callable]:
    """``runs`` on one system, NumPy's and SciPy's on arrays of theirs."""
    own = np.asarray(A), np.asarray(b)
    return {
        name: functools.partial(run, *(own if name.startswith(("numpy", "scipy")) else (A, b)))
        for name, run in runs.items()
    }


def dominant_system(n):
    """A random positive definite matrix whose diagonal dominates, and a right-hand side."""
    half = np.random.default_rng(0).normal(size=(n, n))
    A = jnp.asarray(half @ half.T / n + np.eye(n))
    return A + jnp.diag(jnp.sum(jnp.abs(A), axis=1)), jnp.asarray(np.random.default_rng(1).normal(size=n))


def accuracy(A, b):
    return lambda x: f"residual {float(jnp.linalg.norm(b - A @ jnp.asarray(x))):.1e}"


def iterative(rounds: int) -> None:
    """Poisson's equation on a square, five-point formula: the matrix of the textbooks, condition number about 560."""
    side = 35
    line = 2 * np.eye(side) - np.eye(side, k=1) - np.eye(side, k=-1)
    A = jnp.asarray(np.kron(line, np.eye(side)) + np.kron(np.eye(side), line))
    b = jnp.ones(side**2)
    methods = [CG(), PCG(preconditioner=incomplete_cholesky), GaussSeidel(), Jacobi()]
    runs: dict[str, Callable] = {f"dlcore {m!r}": lambda A, b, m=m: solve(m, A, b).params for m in methods}
    runs["jax.scipy.sparse.linalg.cg"] = jax.jit(lambda A, b: jax.scipy.sparse.linalg.cg(A, b, tol=1e-10)[0])
    runs["scipy.sparse.linalg.cg"] = lambda A, b: scipy.sparse.linalg.cg(A, b, rtol=1e-10)[0]
    race(f"Iterations, n = {side**2}, Poisson's equation, a dense matrix", _on(runs, A, b), accuracy(A, b), rounds)


def overdetermined(rounds: int) -> None:
    rng = np.random.default_rng(0)
    A, b = jnp.asarray(rng.normal(size=(20_000, 100))), jnp.asarray(rng.normal(size=20_000))
    gelsy: Any = functools.partial(scipy.linalg.lstsq, lapack_driver="gelsy")
    runs: dict[str, Callable] = {
        "dlcore QR()": lambda A, b: solve(QR(), A, b).params,
        "dlcore NormalEquations()": lambda A, b: solve(NormalEquations(), A, b).params,
        "jax.numpy.linalg.lstsq": jax.jit(lambda A, b: jnp.linalg.lstsq(A, b)[0]),
        "numpy.linalg.lstsq": lambda A, b: np.linalg.lstsq(A, b)[0],
        "scipy.linalg.lstsq, gelsy": lambda A, b: gelsy(A, b)[0],
    }

    def quality(x):
        return f"slope {float(jnp.max(jnp.abs(A.T @ (b - A @ jnp.asarray(x))))):.1e}"

    race("Linear least squares, 20000 x 100", _on(runs, A, b), quality, rounds)


PARTS = {
    "digits": functools.partial(softmax, "digits", "digits", 1797, 16, 1e-6),
    "mnist": functools.partial(softmax, "10000 of MNIST", "mnist", 10_000, 255, 1e-5),
    "lm": levenberg_marquardt,
    "linear": linear,
    "iterative": iterative,
    "overdetermined": overdetermined,
    "growth": growth,
}


def main() -> None:
    parts = {"nargs": "+", "choices": PARTS, "default": list(PARTS)}
    given = options(__doc__, only=parts, rounds={"type": int, "default": 5})
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, SciPy {scipy.__version__}, float64")
    for name in given.only:
        if name == "mnist" and "DLCORE_DATA" not in os.environ:
            print("\nno MNIST: DLCORE_DATA is not set")
        else:
            PARTS[name](given.rounds)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
