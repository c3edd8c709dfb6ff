"""What a case is, and makers of arguments that many cases share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Case(NamedTuple):
    """``call(f, *args, *numbers)`` is what the laws hold for; ``args`` makes float64 arrays, cast as a law needs them.

    ``numbers`` are hyperparameters; where ``made(cls, *numbers)`` makes an object, it stands for f. ``line`` makes
    arguments from points s [n] of the whole float range up to ``until``. ``differentiable``, ``dtypes`` and ``out``,
    the dtype that comes out for one that goes in, say what is special.
    """

    args: Callable[[np.random.Generator], tuple]
    numbers: tuple[float, ...] = ()
    call: Callable[..., Any] = lambda f, *args: f(*args)
    made: Callable[..., Any] | None = None
    line: Callable[[Any], tuple] | None = None
    until: float = np.inf
    differentiable: bool = True
    dtypes: tuple[str, ...] = ("bfloat16", "float16", "float32", "float64")
    out: Callable[[Any], Any] = lambda dtype: dtype

    def apply(self, thing, *given):
        """The case on ``thing``, a function or class, with arguments and numbers."""
        if self.made is None:
            return self.call(thing, *given)
        end = len(given) - len(self.numbers)
        return self.call(self.made(thing, *given[end:]), *given[:end])


def normal(*shapes):
    return lambda r: tuple(r.normal(size=shape) for shape in shapes)


def positive(*shapes):
    return lambda r: tuple(r.uniform(0.2, 2, size=shape) for shape in shapes)


def shares(r, *shape):
    """Distributions over the last axis, no entry near 0."""
    p = r.uniform(0.2, 1, size=shape)
    return p / p.sum(-1, keepdims=True)


def spd(r, n=3):
    """A symmetric positive definite matrix."""
    a = r.normal(size=(n, n))
    return a @ a.T + 2 * np.eye(n)


def key(r):
    return jax.random.key(int(r.integers(1000)))


def params(r):
    return {"kernel": r.normal(size=(3, 2)), "bias": r.normal(size=2)}


def as_rows(s):
    return jnp.stack([s, -s, s / 3], -1)


def as_share(s):
    """From all floats to (0, 1), by s or its reciprocal: at the ends a logarithm is infinite by right."""
    size = jnp.abs(s)
    info = jnp.finfo(s.dtype)
    return jnp.clip(jnp.where(size < 1, size, 1 / jnp.where(size < 1, 1, size)), info.tiny, 1 - info.eps)


def quarter(s):
    return jnp.full_like(s, 0.25)


def objects(case, *numbers, made=lambda cls, *numbers: cls(*numbers)):
    """The case of the objects that ``made(cls, *numbers)`` makes, on the arguments of ``case``."""
    return case._replace(numbers=numbers, made=made)


ROWS = Case(normal((2, 3)), line=lambda s: (as_rows(s),))
ELEMENTWISE = Case(normal((4,)), line=lambda s: (s,))
POSITIVE = Case(positive((4,)), line=lambda s: (jnp.abs(s),))
