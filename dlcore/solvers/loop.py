"""The one compiled loop below every solver of nonlinear problems, on a raveled vector.

A method says how to start and how to take one step; the loop repeats the step until the state has a status.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, Scalar, at_least_f32, check_float, in_dtype_of
from dlcore.pytrees import hyperparams
from dlcore.solvers.solution import History, Solution, Status


@hyperparams
class Method(abc.ABC):
    """An iterative solver as data: frozen hyperparameters and two pure functions on vectors.

    Its states are NamedTuples with at least ``x, value, gradient, step_norm, steps, evaluations, status``.
    """

    max_steps: Scalar = dataclasses.field(default=1000, kw_only=True)

    @abc.abstractmethod
    def start(self, f: Callable, x: Array) -> Any:
        """The state before the first step, for the function ``f`` at the point ``x`` [n]."""

    @abc.abstractmethod
    def step(self, f: Callable, state: Any) -> Any:
        """The state after one more step."""


def start(method: Method, f: Callable, x: Array) -> Any:
    """The state of ``method`` at the vector ``x`` [n], for a caller that drives the steps; ``raveled`` makes ``x``.

    ``f`` is a function of the vector alone: the objective, or the residuals of a least-squares method.
    """
    with jax.default_matmul_precision("highest"):
        return _in_dtype_of_tree(x, method).start(f, x)


def step(method: Method, f: Callable, state: Any) -> Any:
    """One step on; a state whose status is not ``Status.RUNNING`` stays as it is."""
    running = state.status == Status.RUNNING
    return jax.lax.cond(running, lambda state: _step(method, f, state), lambda state: state, state)


def _step(method, f, state):
    with jax.default_matmul_precision("highest"):
        return _in_dtype_of_tree(state.x, method).step(f, state)


def _in_dtype_of_tree(x: Array, method: Any) -> Any:
    """``method`` with its numbers in the dtype of ``x``."""
    return jax.tree.map(lambda number: in_dtype_of(x, number), method)


def raveled(tree: PyTree) -> tuple[Array, Callable[[Array], PyTree]]:
    """(x, unravel): the leaves of ``tree`` as one vector ``x`` [n] and the way back.

    The vector has the widest dtype of the leaves, at least float32; the way back restores the dtypes. Raises
    TypeError for leaves that are not real floating, ValueError where there is not one number.
    """
    leaves, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, tree))
    for leaf in leaves:
        check_float("x0", leaf)
        if jnp.iscomplexobj(leaf):
            raise TypeError("x0: needed real parameters, got complex ones; try their real and imaginary parts")
    sizes = [leaf.size for leaf in leaves]
    if not sum(sizes):
        raise ValueError(f"x0: needed at least one number, got {tree!r}")
    dtype = max((at_least_f32(leaf.dtype) for leaf in leaves), key=lambda d: jnp.finfo(d).bits)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]

    def unravel(x):
        parts = [x[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        old = [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
        return treedef.unflatten(old)

    return jnp.concatenate([leaf.astype(dtype).ravel() for leaf in leaves]), unravel


class _OnVectors(NamedTuple):
    """``f(params, *args)`` as a function of the raveled vector, its value in ``dtype``."""

    f: Callable
    unravel: Callable
    args: tuple
    dtype: Any

    def __call__(self, x):
        return self.f(self.unravel(x), *self.args).astype(self.dtype)


def _as_data(f: Callable) -> Callable:
    """``f`` as something jit takes as an argument: a plain function is structure, a Partial brings its data."""
    return f if jax.tree_util.all_leaves([f]) is False else jax.tree_util.Partial(f)


def _check_output(name: str, out: Any, rank: int) -> None:
    """Raise TypeError or ValueError unless ``out`` is one real floating array of ``rank`` dimensions."""
    what = "a scalar" if rank == 0 else "a vector [m]"
    if not hasattr(out, "shape"):
        raise TypeError(f"{name}: needed {what} back, got {type(out).__name__}; try returning one array")
    if len(out.shape) != rank:
        hint = "the mean or the sum" if rank == 0 else ".ravel()"
        raise ValueError(f"{name}: needed {what} back, got shape {list(out.shape)}; try {hint}")
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise TypeError(f"{name}: needed {what} of a real floating type back, got {out.dtype}")


def _run(method: Method, f: Callable, x: Array, keep: int) -> tuple[Any, History | None]:
    """(last state, history of the first ``keep`` steps): the step repeated until there is a status."""
    limit = jnp.asarray(method.max_steps).astype(jnp.int32)
    state = start(method, f, x)
    blank = jnp.full(keep + 1, jnp.nan, x.dtype)
    history = _record(History(blank, blank, blank), state) if keep else None

    def going(carry):
        return (carry[0].status == Status.RUNNING) & (carry[0].steps < limit)

    def once(carry):
        state = _step(method, f, carry[0])
        return state, _record(carry[1], state) if keep else None

    state, history = jax.lax.while_loop(going, once, (state, history))
    status = jnp.where(state.status == Status.RUNNING, jnp.int32(Status.STEP_LIMIT), state.status)
    return state._replace(status=status), history


def _record(history, state):
    row = (state.value, jnp.max(jnp.abs(state.gradient)), state.step_norm)
    return History(*(h.at[state.steps].set(now, mode="drop") for h, now in zip(history, row, strict=True)))


def _solution(state: Any, history: History | None, unravel: Callable) -> Solution:
    """The ``Solution`` that a last state is."""
    gradient_norm = jnp.max(jnp.abs(state.gradient))
    params = unravel(state.x)
    return Solution(params, state.value, gradient_norm, state.steps, state.evaluations, state.status, history)
