"""L-BFGS on l2 softmax regression beside its peers, to one norm of the gradient."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from dlcore.data import load
from dlcore.solvers import LBFGS, minimize
from experiments.benchmarks.race import peer, race

PENALTY = 1e-4
LIMIT = 2000  # steps


def softmax_problem(name, examples, largest):
    """Mean cross entropy with an l2 penalty; weights [d, 10] and biases [10] are one vector."""
    data = load(name)
    X = jnp.asarray(np.asarray(data.x[:examples], np.float32).reshape(-1, math.prod(data.x.shape[1:])) / largest)
    y = np.asarray(data.y[:examples])
    onehot = jax.nn.one_hot(y, 10, dtype=X.dtype)
    d = X.shape[1]

    def f(w, X, onehot):
        W, b = w[: 10 * d].reshape(d, 10), w[10 * d :]
        logits = X @ W + b[None, :]
        entropy = jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.sum(onehot * logits, axis=1))
        return entropy + PENALTY / 2 * jnp.sum(W**2)

    return f, jnp.zeros(10 * d + 10), X, onehot, y


def by_optax(f, tolerance, x0, X, onehot):
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
        return (count == 0) | ((count < LIMIT) & (jnp.max(jnp.abs(g)) > tolerance))

    return jax.lax.while_loop(going, step, (x0, rule.init(x0)))[0]


def by_jaxopt(f, tolerance, x0, X, onehot):
    """jaxopt's, its steps driven so that the largest entry of the gradient ends it, not the norm."""
    solver = peer("jaxopt").LBFGS(f, tol=0.0, maxiter=LIMIT)

    def step(carry):
        return tuple(solver.update(*carry, X, onehot))

    def going(carry):
        return (carry[1].iter_num < LIMIT) & (jnp.max(jnp.abs(carry[1].grad)) > tolerance)

    return jax.lax.while_loop(going, step, (x0, solver.init_state(x0, X, onehot)))[0]


def by_optimistix(f, tolerance, x0, X, onehot):
    """Optimistix's, which ends by its steps and values."""
    optimistix = peer("optimistix")
    search = optimistix.LBFGS(rtol=tolerance, atol=tolerance)
    return optimistix.minimize(lambda w, a: f(w, *a), search, x0, (X, onehot), max_steps=LIMIT, throw=False).value


def by_scipy(value_and_grad, tolerance, x0):
    """SciPy's, with a compiled gradient."""
    options = {"gtol": tolerance, "ftol": 0, "maxiter": LIMIT, "maxfun": 2 * LIMIT}
    return scipy.optimize.minimize(value_and_grad, x0, jac=True, method="L-BFGS-B", options=options).x


def by_sklearn(X, labels, tolerance):
    """scikit-learn's estimator, its parameters as one vector."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (PENALTY * len(X)), tol=tolerance, max_iter=LIMIT).fit(X, labels)
    return np.concatenate([model.coef_.T.ravel(), model.intercept_])


def softmax(title: str, name: str, examples: int, largest: float, tolerance: float, rounds: int) -> None:
    """The race on the first ``examples`` of a data set whose inputs are at most ``largest``."""
    f, x0, X, onehot, labels = softmax_problem(name, examples, largest)
    both, rows = jax.jit(jax.value_and_grad(f)), np.asarray(X)
    own = [
        LBFGS(gradient_tolerance=tolerance, max_steps=LIMIT),
        LBFGS(memory=10, gradient_tolerance=tolerance, max_steps=LIMIT),
    ]
    peers: dict[str, Callable] = {
        f"dlcore LBFGS, memory {m.memory}": lambda m=m: minimize(m, f, x0, args=(X, onehot)).params for m in own
    }
    for package, run in [("jaxopt", by_jaxopt), ("optax", by_optax), ("optimistix", by_optimistix)]:
        if peer(package) is not None:
            compiled = jax.jit(functools.partial(run, f, tolerance))
            peers[f"{package} LBFGS, memory 10"] = lambda compiled=compiled: compiled(x0, X, onehot)

    def as_numpy(w):
        value, g = both(w, X, onehot)
        return float(value), np.asarray(g)

    peers["SciPy L-BFGS-B, memory 10"] = lambda: by_scipy(as_numpy, tolerance, x0)
    if peer("sklearn") is not None:
        peers["scikit-learn LogisticRegression"] = lambda: by_sklearn(rows, labels, tolerance)

    def quality(w):
        value, g = both(jnp.asarray(w), X, onehot)
        return f"value {float(value):.9f}, gradient {float(jnp.max(jnp.abs(g))):.1e}"

    race(f"L-BFGS, l2 softmax regression, {title}, to a gradient of {tolerance}", peers, quality, rounds)
