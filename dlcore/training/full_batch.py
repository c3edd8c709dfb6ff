"""The solvers as optimizers of a training: one step of the method is one epoch on the full batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.optimizers import Rule
from dlcore.solvers import loop, ravel
from dlcore.tree.fields import hyperparams


class SolverState(NamedTuple):
    """The state of the method, zeros as long as it has not ``started``: it starts with the first objective it sees.

    ``gradient`` [n] is that of the objective where the last step began.
    """

    started: Array
    inner: Any
    gradient: Array


@hyperparams
class FullBatch(Rule):
    """A method of ``dlcore.solvers.minimize``, such as ``LBFGS()``, as a rule.

    ``step_tree`` takes the objective, a function of the parameters, as the keyword ``objective``. A method that has
    converged, or failed, stays where it is; its status and its evaluations are in the state.
    """

    method: Any

    def start_tree(self, params):
        x, _ = ravel(params)
        like = jax.eval_shape(lambda v: loop.init_state(self.method, lambda u: u @ u, v), x)
        return SolverState(
            jnp.zeros((), bool), jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), like), jnp.zeros_like(x)
        )

    def step_tree(self, grads, slots, params, t, *, objective=None, **extra):
        """One step of the method; raises ValueError without parameters or objective."""
        if params is None or objective is None:
            raise ValueError("FullBatch: needed params and objective, try update(grads, state, params, objective=f)")
        x, unravel = ravel(params)

        def f(v):
            return objective(unravel(v)).astype(v.dtype)

        inner = jax.lax.cond(slots.started, lambda: slots.inner, lambda: loop.init_state(self.method, f, x))
        after = loop.next_state(self.method, f, inner)
        updates = jax.tree.map(jnp.subtract, unravel(after.x), unravel(x))
        return updates, SolverState(jnp.ones((), bool), after, inner.gradient)

    def gain(self, slots):
        return jnp.nan


def as_rule(optimizer: Any) -> Any:
    """``optimizer``, or the rule that a solver is on the full batch."""
    return FullBatch(optimizer) if isinstance(optimizer, loop.Method) else optimizer
