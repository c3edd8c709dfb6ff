"""What the tests of optimizers have in common."""

import jax
import jax.numpy as jnp

from dlcore.optimizers import (
    apply_updates,
)

START = {
    "quadratic": jnp.array([1.0, -2.0, 3.0]),
    "rosenbrock": jnp.array([-1.2, 1.0]),
    "mlp": {
        "hidden": (jnp.sin(jnp.arange(12.0)).reshape(3, 4), jnp.zeros(4)),
        "out": jnp.cos(jnp.arange(8.0)).reshape(4, 2),
    },
}
INPUTS = jnp.sin(jnp.arange(15.0)).reshape(5, 3)
TARGETS = jnp.cos(jnp.arange(10.0)).reshape(5, 2)


def objective(params):
    """Three problems at once: rules that treat every array alone solve each as if it were alone."""
    a = jnp.array([1.0, 10.0, 100.0])
    quadratic = 0.5 * jnp.sum(a * params["quadratic"] ** 2)
    x, y = params["rosenbrock"]
    rosenbrock = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    W, b = params["mlp"]["hidden"]
    hidden = jnp.tanh(INPUTS @ W + jnp.broadcast_to(b, (5, 4)))
    return quadratic + rosenbrock + jnp.mean((hidden @ params["mlp"]["out"] - TARGETS) ** 2)


def trajectory(optimizer, steps, params=START, loss=objective):
    """The parameters after each of ``steps`` steps, stacked."""
    evaluation_point = getattr(optimizer, "evaluation_point", lambda params, state: params)

    def body(carry, _):
        params, state = carry
        grads = jax.grad(loss)(evaluation_point(params, state))
        updates, state = optimizer.update(grads, state, params)
        params = apply_updates(params, updates)
        return (params, state), params

    return jax.lax.scan(body, (params, optimizer.init(params)), length=steps)[1]
