"""The solvers as optimizers of a training: one step of the method is one epoch on the full batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array
from dlcore.optimizers import Rule
from dlcore.pytrees import hyperparams
from dlcore.solvers import loop


class SolverState(NamedTuple):
    """The state of the method, zeros as long as it has not ``started``: it starts with the first objective it sees."""

    started: Array
    inner: Any


@hyperparams
class FullBatch(Rule):
    """A method of ``dlcore.solvers.minimize``, such as ``LBFGS()``, with the interface of a rule.

    ``update`` takes the objective, a function of the parameters, as the keyword ``objective``. A method that has
    converged, or failed, stays where it is; its status and its evaluations are in the state.
    """

    method: Any

    def init(self, params):
        """Not started."""
        x, _ = loop.raveled(params)
        like = jax.eval_shape(lambda v: loop.start(self.method, lambda u: u @ u, v), x)
        return SolverState(jnp.zeros((), bool), jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), like))

    def update(self, grads, state, params=None, *, objective=None, **extra):
        """One step of the method; raises ValueError without parameters or objective."""
        del grads, extra
        if params is None or objective is None:
            raise ValueError("FullBatch: needed params and objective, try update(grads, state, params, objective=f)")
        x, unravel = loop.raveled(params)

        def f(v):
            return objective(unravel(v)).astype(v.dtype)

        inner = jax.lax.cond(state.started, lambda: state.inner, lambda: loop.start(self.method, f, x))
        after = loop.step(self.method, f, inner)
        updates = jax.tree.map(jnp.subtract, unravel(after.x), unravel(x))
        return updates, SolverState(jnp.ones((), bool), after)


def as_rule(optimizer: Any) -> Any:
    """``optimizer``, or the rule that a solver is on the full batch."""
    return FullBatch(optimizer) if isinstance(optimizer, loop.Method) else optimizer
