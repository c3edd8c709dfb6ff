"""The solvers beside their peers: to the same answer, in turn in one run. Time to the end, and to the first answer.

    python -m experiments.benchmarks.solvers [--only softmax lm growth linear] [--rounds 5]

SciPy always, scikit-learn, jaxopt, Optax and Optimistix as far as installed. float64. Every peer runs once in every
round; the time is the fastest, which other programs disturb least, the ratio that of a peer's time to dlcore's: above 1
dlcore is the faster. "first" is the first call, compilation included.
"""

import argparse
import functools
import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.optimize

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
    PerExample,
    incomplete_cholesky,
    least_squares,
    minimize,
    solve,
)

TOLERANCE = 1e-6  # of the gradient, for the softmax regression
PENALTY = 1e-4
LM_STEPS = 200


def peer(name: str) -> Any:
    """The package, or None where it is not installed."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def race(title: str, peers: dict[str, Callable], quality: Callable, rounds: int) -> None:
    """Prints a row for each peer: first call, fastest of the rounds, ratio to the first peer, and its ``quality``."""
    first, times, found = {}, {name: [] for name in peers}, {}
    for name, run in peers.items():
        begin = time.perf_counter()
        found[name] = jax.block_until_ready(run())
        first[name] = time.perf_counter() - begin
    for _ in range(rounds):
        for name, run in peers.items():
            begin = time.perf_counter()
            jax.block_until_ready(run())
            times[name].append(time.perf_counter() - begin)
    fastest = {name: min(t) for name, t in times.items()}
    own = next(iter(fastest.values()))
    print(f"\n{title}\n{'':34}{'first':>10}{'fastest':>12}{'ratio':>8}")
    for name, best in fastest.items():
        row = f"{name:34}{first[name]:>9.2f}s{1e3 * best:>10.2f}ms{best / own:>8.2f}"
        print(f"{row}  {quality(found[name])}", flush=True)


def softmax_problem():
    """Mean cross entropy of digits with an l2 penalty; weights [64, 10] and biases [10] are one vector."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = jnp.asarray(X / 16)
    onehot = jax.nn.one_hot(y, 10, dtype=X.dtype)

    def f(w, X, onehot):
        W, b = w[:640].reshape(64, 10), w[640:]
        logits = X @ W + b[None, :]
        entropy = jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.sum(onehot * logits, axis=1))
        return entropy + PENALTY / 2 * jnp.sum(W**2)

    return f, jnp.zeros(650), X, onehot, y


def softmax_by_optax(f, x0, X, onehot):
    """Optax's L-BFGS in the loop of its documentation."""
    import optax

    def loss(w):
        return f(w, X, onehot)

    rule = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(loss)

    def step(carry):
        w, state = carry
        value, g = value_and_grad(w, state=state)
        updates, state = rule.update(g, state, w, value=value, grad=g, value_fn=loss)
        return optax.apply_updates(w, updates), state

    def going(carry):
        state = carry[1]
        count, g = optax.tree.get(state, "count"), optax.tree.get(state, "grad")
        return (count == 0) | ((count < 1000) & (jnp.max(jnp.abs(g)) > TOLERANCE))

    return jax.lax.while_loop(going, step, (x0, rule.init(x0)))[0]


def softmax(rounds: int) -> None:
    f, x0, X, onehot, labels = softmax_problem()
    own = [LBFGS(memory=m, gradient_tolerance=TOLERANCE) for m in (10, 20)]
    peers: dict[str, Callable] = {
        f"dlcore LBFGS, memory {m.memory}": lambda m=m: minimize(m, f, x0, args=(X, onehot)).params for m in own
    }
    if (jaxopt := peer("jaxopt")) is not None:
        solver = jaxopt.LBFGS(f, tol=TOLERANCE, maxiter=1000)
        by_jaxopt = jax.jit(lambda X, onehot: solver.run(x0, X, onehot).params)
        peers["jaxopt LBFGS"] = lambda: by_jaxopt(X, onehot)
    if peer("optax") is not None:
        by_optax = jax.jit(functools.partial(softmax_by_optax, f))
        peers["Optax lbfgs"] = lambda: by_optax(x0, X, onehot)
    if (optimistix := peer("optimistix")) is not None:
        search = optimistix.LBFGS(rtol=TOLERANCE, atol=TOLERANCE)
        by_optimistix = jax.jit(
            lambda X, onehot: optimistix.minimise(lambda w, a: f(w, *a), search, x0, (X, onehot), max_steps=1000).value
        )
        peers["Optimistix LBFGS"] = lambda: by_optimistix(X, onehot)
    both = jax.jit(jax.value_and_grad(f))

    def by_scipy():
        def value_and_grad(w):
            value, g = both(w, X, onehot)
            return float(value), np.asarray(g)

        options = {"gtol": TOLERANCE, "ftol": 0, "maxiter": 1000, "maxfun": 2000}
        return scipy.optimize.minimize(value_and_grad, x0, jac=True, method="L-BFGS-B", options=options).x

    peers["SciPy L-BFGS-B, jitted gradient"] = by_scipy
    if peer("sklearn") is not None:
        from sklearn.linear_model import LogisticRegression

        rows = np.asarray(X)
        model = LogisticRegression(C=1 / (PENALTY * len(rows)), tol=TOLERANCE, max_iter=1000)
        peers["scikit-learn LogisticRegression"] = lambda: np.concatenate(
            [(fitted := model.fit(rows, labels)).coef_.T.ravel(), fitted.intercept_]
        )

    def quality(w):
        value, g = both(jnp.asarray(w), X, onehot)
        return f"value {float(value):.9f}, gradient {float(jnp.max(jnp.abs(g))):.1e}"

    race("L-BFGS, l2 softmax regression, digits, to one gradient norm", peers, quality, rounds)


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


def growth(rounds: int) -> None:
    """Time of a step as the number of parameters and of residuals grows."""
    print(f"\n{'time of a step':34}{'n or m':>10}{'first':>10}{'step':>12}")
    for method, sizes in [
        (LBFGS, (10, 1000, 100_000)),
        (NonlinearCG, (10, 1000, 100_000)),
        (BFGS, (10, 100, 1000, 2000)),
        (Newton, (10, 100, 1000)),
    ]:
        for n in sizes:
            fit = functools.partial(minimize, method(max_steps=20), rosenbrock, jnp.full(n, -0.5))
            _print_step(method.__name__, n, fit, rounds)
    for m in (10**3, 10**4, 10**5):
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
    n = 500
    half = np.random.default_rng(0).normal(size=(n, n))
    A = jnp.asarray(half @ half.T / n + np.eye(n))
    A = A + jnp.diag(jnp.sum(jnp.abs(A), axis=1))
    b = jnp.asarray(np.random.default_rng(1).normal(size=n))
    rows, response = np.asarray(A), np.asarray(b)
    methods = [LU(), Cholesky(), QR(), CG(), PCG(), PCG(preconditioner=incomplete_cholesky), Jacobi(), GaussSeidel()]
    peers: dict[str, Callable] = {repr(m): lambda m=m: solve(m, A, b).params for m in methods}
    by_cg = jax.jit(lambda A, b: jax.scipy.sparse.linalg.cg(A, b, tol=1e-10)[0])
    by_lu, by_cholesky = jax.jit(jnp.linalg.solve), jax.jit(functools.partial(jax.scipy.linalg.solve, assume_a="pos"))
    peers["jax.scipy cg"] = lambda: by_cg(A, b)
    peers["jax.numpy.linalg.solve"] = lambda: by_lu(A, b)
    peers["jax.scipy.linalg.solve, pos"] = lambda: by_cholesky(A, b)
    peers["numpy.linalg.solve"] = lambda: np.linalg.solve(rows, response)
    peers["scipy.linalg.solve, pos"] = lambda: scipy.linalg.solve(rows, response, assume_a="pos")

    def quality(x):
        return f"residual {float(jnp.linalg.norm(b - A @ jnp.asarray(x))):.1e}"

    race(f"Linear systems, n = {n}, diagonally dominant and positive definite", peers, quality, rounds)


PARTS = {"softmax": softmax, "lm": levenberg_marquardt, "growth": growth, "linear": linear}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for name in args.only:
        PARTS[name](args.rounds)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
