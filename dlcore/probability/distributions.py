r"""Distributions as data: frozen numbers, which may be swept, batched and differentiated, over the plain functions."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.ranges import DISTRIBUTION
from dlcore.probability import continuous, discrete, divergence, multivariate, normal
from dlcore.probability.arguments import dtype_of
from dlcore.probability.moments import Moments
from dlcore.tree.fields import hyperparams


class Functions(NamedTuple):
    """A distribution as functions of its numbers, in the order of its fields."""

    log_prob: Callable[..., Array]  # (x, *numbers)
    sample: Callable[..., Array]  # (key, shape, *numbers), these arrays
    moments: Callable[..., tuple[Array, Array]]  # (*numbers), these arrays
    entropy: Callable[..., Array]  # (*numbers)


@hyperparams
class Distribution(abc.ABC):
    """What can be drawn from and says how probable an outcome is."""

    @abc.abstractmethod
    def log_prob(self, x: Array) -> Array:
        """The logarithm of the density, or of the probability of a discrete outcome, at ``x``."""

    @abc.abstractmethod
    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        """Independent draws: [*shape], or [*shape, d] of vectors, in the dtype of the numbers."""

    @abc.abstractmethod
    def moments(self) -> Moments:
        """Mean and variance, or mean and covariance matrix of a vector."""

    def entropy(self) -> Array:
        """$-E[ln p(X)]$; raises TypeError where there is no closed form."""
        raise TypeError(f"no closed form of the entropy of {type(self).__name__}; try: expectation_monte_carlo")


@hyperparams
class Family(Distribution):
    """A distribution that ``functions`` of its numbers describe."""

    functions: ClassVar[Functions]

    def log_prob(self, x):
        return self.functions.log_prob(x, *self._numbers())

    def sample(self, key, shape=()):
        return self.functions.sample(key, shape, *self._arrays())

    def moments(self):
        return Moments(*self.functions.moments(*self._arrays()))

    def entropy(self):
        return self.functions.entropy(*self._numbers())

    def _numbers(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def _arrays(self):
        numbers = self._numbers()
        dtype = dtype_of(**{str(place): number for place, number in enumerate(numbers)})
        return [jnp.asarray(number, dtype) for number in numbers]


def _in_its_type(sample):
    return lambda key, shape, *numbers: sample(key, shape, *numbers, numbers[0].dtype)


@hyperparams
class Normal(Family):
    r"""$N(\mu, \sigma^2)$: ``normal_pdf`` and its kin."""

    mean: Scalar = 0.0
    std: Scalar = 1.0
    functions = Functions(
        normal.normal_logpdf,
        _in_its_type(normal.normal_sample),
        moments=lambda mean, std: (mean, std**2),
        entropy=lambda _, std: divergence.normal_entropy(std),
    )


@hyperparams
class Laplace(Family):
    r"""$L(\mu, b)$: ``laplace_pdf`` and its kin."""

    mean: Scalar = 0.0
    scale: Scalar = 1.0
    functions = Functions(
        continuous.laplace_logpdf,
        _in_its_type(continuous.laplace_sample),
        moments=lambda mean, b: (mean, 2 * b**2),
        entropy=lambda _, b: divergence.laplace_entropy(b),
    )


@hyperparams
class Uniform(Family):
    r"""$U(a, b)$: ``uniform_pdf`` and its kin."""

    low: Scalar = 0.0
    high: Scalar = 1.0
    functions = Functions(
        continuous.uniform_logpdf,
        _in_its_type(continuous.uniform_sample),
        moments=lambda a, b: ((a + b) / 2, (b - a) ** 2 / 12),
        entropy=divergence.uniform_entropy,
    )


@hyperparams
class MultivariateNormal(Family):
    r"""$N(\mu, C)$, mean [d], covariance [d, d]: ``mvn_logpdf`` and its kin."""

    mean: Array
    covariance: Array
    functions = Functions(
        multivariate.mvn_logpdf,
        multivariate.mvn_sample,
        moments=lambda mean, C: (mean, C),
        entropy=lambda _, C: divergence.mvn_entropy(C),
    )


@hyperparams
class Bernoulli(Family):
    """1 with probability ``p``, else 0: ``bernoulli_pmf`` and its kin."""

    p: Scalar = 0.5
    functions = Functions(
        discrete.bernoulli_logpmf,
        discrete.bernoulli_sample,
        moments=lambda p: (p, p * (1 - p)),
        entropy=divergence.bernoulli_entropy,
    )


@hyperparams
class Categorical(Family):
    """One-hot vectors [c] with the probabilities ``p`` [c]: ``categorical_pmf`` and its kin."""

    p: Array
    functions = Functions(
        discrete.categorical_logpmf,
        discrete.categorical_sample,
        moments=lambda p: (p, jnp.diag(p) - jnp.outer(p, p)),
        entropy=divergence.discrete_entropy,
    )


@hyperparams
class Mixture(Distribution):
    r"""$\sum_k w_k p_k(x)$ of scalars: ``weights`` [K], ``components`` one distribution with numbers [K].

    ``Mixture(jnp.array([0.3, 0.7]), Normal(jnp.array([-2.0, 2.0]), jnp.array([1.0, 0.5])))`` has two peaks.
    Raises ValueError for weights that are known to be no distribution; traced ones give NaN.
    """

    weights: Array
    components: Any

    def log_prob(self, x):
        r"""$\ln \sum_k w_k p_k(x)$."""
        logs = jax.vmap(lambda P: P.log_prob(x))(self.components)
        weights = self._weights().astype(logs.dtype).reshape((-1,) + (1,) * (logs.ndim - 1))
        return jax.nn.logsumexp(logs, 0, b=jnp.broadcast_to(weights, logs.shape))  # a weight may be 0

    def sample(self, key, shape=()):
        """A component by its weight, then a draw from it."""
        which, draw = jax.random.split(key)
        chosen = discrete.categorical_sample(which, shape, self.weights)
        drawn = jax.vmap(lambda P: P.sample(draw, shape), out_axes=-1)(self.components)
        return jnp.sum(jnp.where(chosen == 1, drawn, 0), -1)

    def moments(self):
        r"""$\mu = \sum_k w_k \mu_k$, $\sum_k w_k (\sigma_k^2 + (\mu_k - \mu)^2)$."""
        means, variances = self.components.moments()
        w = self._weights()
        mean = jnp.sum(w * means)
        return Moments(mean, jnp.sum(w * (variances + jnp.square(means - mean))))

    def _weights(self):
        DISTRIBUTION.check("weights", self.weights)
        return DISTRIBUTION.or_nan(self.weights) if isinstance(self.weights, Tracer) else self.weights
