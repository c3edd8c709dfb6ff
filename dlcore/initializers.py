r"""Initial weights: hyperparameters that are called as JAX's initializers are, ``init(key, shape, dtype)``.

Ready ones, all of mean 0, with $n_{in}$ and $n_{out}$ the connections into and out of one unit:

==================================  ===========================  ==========================================
``xavier_normal``, ``_uniform``     $1 / n_{in}$                 the lectures' "Xavier", for tanh
``lecun_normal``, ``_uniform``      $1 / n_{in}$                 LeCun et al. 1998, eq. 16: the same variance
``glorot_normal``, ``_uniform``     $2 / (n_{in} + n_{out})$     Glorot & Bengio 2010, eq. 12 and 16
``he_normal``, ``_uniform``         $2 / n_{in}$                 He et al. 2015, eq. 10, for ReLU
==================================  ===========================  ==========================================

JAX, Flax, Keras and PyTorch give the name Xavier to what is ``glorot`` here. JAX's ``he_normal`` and ``lecun_normal``
cut the normal distribution off at two standard deviations, as ``VarianceScaling(2.0, "fan_in", "truncated_normal")``
does; here a normal distribution is whole.
"""

import abc
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.formats import Array, Scalar, at_least_f32, in_dtype_of
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams, number, static
from dlcore.tree.names import nearest

__all__ = [
    "Initializer",
    "Orthogonal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "relu_bias",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("normal", "truncated_normal", "uniform")
TRUNCATED_STD = 0.87962566103423978  # standard deviation of a standard normal cut off at -2 and 2


@hyperparams
class Initializer(abc.ABC):
    """How a parameter starts; the numbers of an initializer are leaves, to be swept by their path."""

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
        """An array of ``shape`` and the floating ``dtype``: drawn in at least float32, then rounded.

        Raises TypeError for a dtype that is not a real floating one, ValueError for a shape that the rule cannot take
        and for a number out of its range.
        """
        check_ranges(self)
        dtype = jax.dtypes.canonicalize_dtype(dtype)
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(f"dtype: needed a real floating type, got {dtype}; try jnp.float32")
        wide = at_least_f32(dtype)
        rule = jax.tree.map(lambda value: in_dtype_of(wide, value), self)
        return rule.draw(key, tuple(shape), wide).astype(dtype)

    @abc.abstractmethod
    def draw(self, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        """The rule itself, in float32 or float64."""


@hyperparams
class Zeros(Initializer):
    """0 everywhere: right for biases; weights would all learn the same, no symmetry is broken."""

    def draw(self, key, shape, dtype):
        """No randomness."""
        del key
        return jnp.zeros(shape, dtype)


@hyperparams
class Constant(Initializer):
    """``value`` everywhere."""

    value: Scalar = number()

    def draw(self, key, shape, dtype):
        """No randomness."""
        del key
        return jnp.full(shape, self.value, dtype)


@hyperparams
class Normal(Initializer):
    r"""$N(0, \sigma^2)$ with the standard deviation ``std``, whatever the shape."""

    std: Scalar = number(low=0, log=True)

    def draw(self, key, shape, dtype):
        r"""$\sigma z$ with $z \sim N(0, 1)$."""
        return self.std * jax.random.normal(key, shape, dtype)


@hyperparams
class Uniform(Initializer):
    r"""$U(-a, a)$ with the limit $a$ ``limit``, whatever the shape: a standard deviation of $a / \sqrt 3$."""

    limit: Scalar = number(low=0, log=True)

    def draw(self, key, shape, dtype):
        r"""$a u$ with $u \sim U(-1, 1)$."""
        return self.limit * jax.random.uniform(key, shape, dtype, minval=-1)


@hyperparams
class VarianceScaling(Initializer):
    r"""Mean 0 and variance $s / n$ with the ``scale`` $s$, so that signals keep their size through the layers.

    ``mode`` says what $n$ is: "fan_in" $n_{in}$, "fan_out" $n_{out}$, "fan_avg" $(n_{in} + n_{out}) / 2$;
    ``distribution`` is "normal", "truncated_normal" (at two standard deviations, widened to the full variance)
    or "uniform". Glorot & Bengio 2010; He et al. 2015.

    >>> import jax
    >>> from dlcore.initializers import he_normal
    >>> he_normal(jax.random.key(0), (784, 64)).shape
    (784, 64)
    """

    scale: Scalar = number(1.0, low=0, log=True)
    mode: str = static(default="fan_in")
    distribution: str = static(default="normal")

    def draw(self, key, shape, dtype):
        r"""$\sqrt{s / n}$ times a sample of variance 1."""
        n_in, n_out = fans(shape)
        n = {"fan_in": n_in, "fan_out": n_out, "fan_avg": (n_in + n_out) / 2}[_one_of("mode", self.mode, MODES)]
        sample = _UNIT_VARIANCE[_one_of("distribution", self.distribution, DISTRIBUTIONS)]
        return jnp.sqrt(jnp.asarray(self.scale, dtype) / max(n, 1)) * sample(key, shape, dtype)


@hyperparams
class Orthogonal(Initializer):
    r"""$g Q$ with $Q$ uniform over the matrices of orthonormal columns, or rows where there are more columns than rows.

    The axes before the last are one: a kernel [h, w, n_in, n_out] is the matrix [h w n_in, n_out]. Saxe et al. 2014.
    """

    gain: Scalar = number(1.0)

    def draw(self, key, shape, dtype):
        """The gain times Q of a normal matrix's QR decomposition, signs made unique."""
        fans(shape)
        columns = shape[-1]
        rows = math.prod(shape[:-1])
        if rows * columns == 0:
            return jnp.zeros(shape, dtype)
        q = jax.random.orthogonal(key, rows, dtype=dtype, m=columns)
        return self.gain * q.reshape(shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """($n_{in}$, $n_{out}$) of a kernel [..., n_in, n_out]; the axes before are the window of a convolution.

    Raises ValueError for a shape of fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(
            f"shape: needed [..., n_in, n_out] to count connections, got {list(shape)}; "
            "try zeros, constant, normal or uniform for biases and other vectors"
        )
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _one_of(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}: needed one of {', '.join(nearest(str(value), choices))}, got {value!r}")
    return value


def _standard_truncated(key, shape, dtype):
    return jax.random.truncated_normal(key, -2, 2, shape, dtype) / TRUNCATED_STD


def _standard_uniform(key, shape, dtype):
    return np.sqrt(3).item() * jax.random.uniform(key, shape, dtype, minval=-1)


_UNIT_VARIANCE = {
    "normal": jax.random.normal,
    "truncated_normal": _standard_truncated,
    "uniform": _standard_uniform,
}

zeros = Zeros()
constant = Constant
normal = Normal
uniform = Uniform
xavier_normal = VarianceScaling(1.0, "fan_in", "normal")
xavier_uniform = VarianceScaling(1.0, "fan_in", "uniform")
lecun_normal = VarianceScaling(1.0, "fan_in", "normal")
lecun_uniform = VarianceScaling(1.0, "fan_in", "uniform")
glorot_normal = VarianceScaling(1.0, "fan_avg", "normal")
glorot_uniform = VarianceScaling(1.0, "fan_avg", "uniform")
he_normal = VarianceScaling(2.0, "fan_in", "normal")
he_uniform = VarianceScaling(2.0, "fan_in", "uniform")
orthogonal = Orthogonal()
relu_bias = Constant(0.01)  # slightly positive: units that start active for most inputs
