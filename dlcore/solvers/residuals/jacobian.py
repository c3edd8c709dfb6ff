"""The Jacobian J [m, n] of residuals: of a function of all examples, or of the formula for one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.problem import Problem
from dlcore.tree.fields import hyperparams


@hyperparams
class PerExample:
    """Residuals by the formula for one example, ``residual(params, *row) -> scalar or [k]``.

    Called as ``(params, *args)`` it maps over the first axis of all ``args`` and returns them as one vector. A solver
    then takes J row by row, in reverse: the work of a few gradients of f and the memory of J, where the J of a function
    of all examples costs n products, each with the memory of all that ``residual`` computes on the way.
    """

    residual: Any

    def __call__(self, params, *args):
        """The residuals of all examples, [m] or [m k]."""
        return jax.vmap(self.residual, in_axes=(None, *[0] * len(args)))(params, *args).ravel()


def jacobian(f: Callable, x: Array) -> Array:
    """J [m, n] of the residuals ``f`` at the vector ``x`` [n]: forward, column by column, or as ``PerExample`` says."""
    if not (isinstance(f, Problem) and isinstance(f.f, PerExample)):
        return jax.jacfwd(f)(x)

    def one(x, *row):
        return f.scaled(f.f.residual(f.unravel(x), *row))

    # examples last, as they are in the columns of jacfwd: the products with J's transpose are then faster
    columns = jax.vmap(jax.jacrev(one), in_axes=(None, *[0] * len(f.args)), out_axes=-1)(x, *f.args)
    return jnp.moveaxis(columns, -1, 0).reshape(-1, x.size)
