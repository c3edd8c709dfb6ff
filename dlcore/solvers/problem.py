"""What a solver is given, made ready: a function of one vector, checked, its products at full precision."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array, PyTree, at_least_f32, in_dtype_of
from dlcore.tree.names import leaf_names

F = TypeVar("F", bound=Callable)
T = TypeVar("T")


class Problem(NamedTuple):
    """``f(params, *args)`` as a function of the raveled vector, its value in ``dtype``, in units of ``1 / scale``."""

    f: Callable
    unravel: Callable
    args: tuple
    dtype: Any
    scale: Array | float = 1.0

    def __call__(self, x):
        """The value at the vector ``x`` [n]."""
        return self.scaled(self.f(self.unravel(x), *self.args))

    def scaled(self, value: Array) -> Array:
        """``value`` as this function returns it."""
        return value.astype(self.dtype) * self.scale


def full_precision(f: F) -> F:
    """``f`` with matrix products at full precision, those of the functions it is given too: TPUs take bfloat16 else."""

    @functools.wraps(f)
    def precise(*args, **named):
        with jax.default_matmul_precision("highest"):
            return f(*args, **named)

    return cast(F, precise)


def ravel(tree: PyTree) -> tuple[Array, Callable[[Array], PyTree]]:
    """(x, unravel): the leaves of ``tree`` as one vector ``x`` [n] and the way back.

    The vector has the widest dtype of the leaves, at least float32; the way back restores the dtypes. Raises
    TypeError for leaves that are not real floating, ValueError where there is not one number.
    """
    leaves, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, tree))
    for path, leaf in zip(leaf_names(tree), leaves, strict=True):
        name = f"x0.{path}" if path else "x0"
        check_float(name, leaf)
        if jnp.iscomplexobj(leaf):
            raise TypeError(needed(name, "real parameters", "complex ones", "their real and imaginary parts"))
    sizes = [leaf.size for leaf in leaves]
    if not sum(sizes):
        raise ValueError(needed("x0", "at least one number", repr(tree)))
    dtype = max((at_least_f32(leaf.dtype) for leaf in leaves), key=lambda d: jnp.finfo(d).bits)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]

    def unravel(x):
        parts = [x[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        old = [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
        return treedef.unflatten(old)

    return jnp.concatenate([leaf.astype(dtype).ravel() for leaf in leaves]), unravel


def numbers_like(x: Array, method: T) -> T:
    """``method`` with its numbers in the dtype of ``x``."""
    return jax.tree.map(lambda number: in_dtype_of(x, number), method)


def as_data(f: Callable) -> Callable:
    """``f`` as something jit takes as an argument: a plain function is structure, a Partial brings its data."""
    return f if jax.tree_util.all_leaves([f]) is False else jax.tree_util.Partial(f)


def check_output(name: str, out: Any, rank: int) -> None:
    """Raise TypeError or ValueError unless ``out`` is one real floating array of ``rank`` dimensions."""
    what = "a scalar" if rank == 0 else "a vector [m]"
    if not hasattr(out, "shape"):
        raise TypeError(needed(name, f"{what} back", type(out).__name__, "returning one array"))
    if len(out.shape) != rank:
        hint = "the mean or the sum" if rank == 0 else ".ravel()"
        raise ValueError(needed(name, f"{what} back", f"shape {list(out.shape)}", hint))
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise TypeError(needed(name, f"{what} of a real floating type back", out.dtype))
