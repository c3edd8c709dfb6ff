r"""Distributions as data: frozen numbers, which may be swept, batched and differentiated, over the plain functions."""

import abc
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.probability import continuous, discrete, multivariate, normal
from dlcore.probability.arguments import dtype_of
from dlcore.probability.divergence import (
    bernoulli_entropy,
    discrete_entropy,
    laplace_entropy,
    mvn_entropy,
    normal_entropy,
    uniform_entropy,
)
from dlcore.probability.moments import Moments
from dlcore.pytrees import hyperparams


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
class Normal(Distribution):
    r"""$N(\mu, \sigma^2)$: ``normal_pdf`` and its kin."""

    mean: Scalar = 0.0
    std: Scalar = 1.0

    def log_prob(self, x):
        """``normal_logpdf``."""
        return normal.normal_logpdf(x, self.mean, self.std)

    def sample(self, key, shape=()):
        """``normal_sample``."""
        return normal.normal_sample(key, shape, self.mean, self.std, dtype_of(mean=self.mean, std=self.std))

    def moments(self):
        r"""$\mu$, $\sigma^2$."""
        dtype = dtype_of(mean=self.mean, std=self.std)
        return Moments(jnp.asarray(self.mean, dtype), jnp.square(jnp.asarray(self.std, dtype)))

    def entropy(self):
        """``normal_entropy``."""
        return normal_entropy(self.std)


@hyperparams
class Laplace(Distribution):
    r"""$L(\mu, b)$: ``laplace_pdf`` and its kin."""

    mean: Scalar = 0.0
    scale: Scalar = 1.0

    def log_prob(self, x):
        """``laplace_logpdf``."""
        return continuous.laplace_logpdf(x, self.mean, self.scale)

    def sample(self, key, shape=()):
        """``laplace_sample``."""
        return continuous.laplace_sample(key, shape, self.mean, self.scale, dtype_of(mean=self.mean, scale=self.scale))

    def moments(self):
        r"""$\mu$, $2 b^2$."""
        dtype = dtype_of(mean=self.mean, scale=self.scale)
        return Moments(jnp.asarray(self.mean, dtype), 2 * jnp.square(jnp.asarray(self.scale, dtype)))

    def entropy(self):
        """``laplace_entropy``."""
        return laplace_entropy(self.scale)


@hyperparams
class Uniform(Distribution):
    r"""$U(a, b)$: ``uniform_pdf`` and its kin."""

    low: Scalar = 0.0
    high: Scalar = 1.0

    def log_prob(self, x):
        """``uniform_logpdf``."""
        return continuous.uniform_logpdf(x, self.low, self.high)

    def sample(self, key, shape=()):
        """``uniform_sample``."""
        return continuous.uniform_sample(key, shape, self.low, self.high, dtype_of(low=self.low, high=self.high))

    def moments(self):
        r"""$(a + b) / 2$, $(b - a)^2 / 12$."""
        dtype = dtype_of(low=self.low, high=self.high)
        low, high = jnp.asarray(self.low, dtype), jnp.asarray(self.high, dtype)
        return Moments((low + high) / 2, jnp.square(high - low) / 12)

    def entropy(self):
        """``uniform_entropy``."""
        return uniform_entropy(self.low, self.high)


@hyperparams
class MultivariateNormal(Distribution):
    r"""$N(\mu, C)$, mean [d], covariance [d, d]: ``mvn_logpdf`` and its kin."""

    mean: Array
    covariance: Array

    def log_prob(self, x):
        """``mvn_logpdf``."""
        return multivariate.mvn_logpdf(x, self.mean, self.covariance)

    def sample(self, key, shape=()):
        """``mvn_sample``."""
        return multivariate.mvn_sample(key, shape, self.mean, self.covariance)

    def moments(self):
        r"""$\mu$, $C$."""
        return Moments(self.mean, self.covariance)

    def entropy(self):
        """``mvn_entropy``."""
        return mvn_entropy(self.covariance)


@hyperparams
class Bernoulli(Distribution):
    """1 with probability ``p``, else 0: ``bernoulli_pmf`` and its kin."""

    p: Scalar = 0.5

    def log_prob(self, x):
        """``bernoulli_logpmf``."""
        return discrete.bernoulli_logpmf(x, jnp.asarray(self.p, dtype_of(p=self.p)))

    def sample(self, key, shape=()):
        """``bernoulli_sample``."""
        return discrete.bernoulli_sample(key, shape, jnp.asarray(self.p, dtype_of(p=self.p)))

    def moments(self):
        r"""$p$, $p (1 - p)$."""
        p = jnp.asarray(self.p, dtype_of(p=self.p))
        return Moments(p, p * (1 - p))

    def entropy(self):
        """``bernoulli_entropy``."""
        return bernoulli_entropy(self.p)


@hyperparams
class Categorical(Distribution):
    """One-hot vectors [c] with the probabilities ``p`` [c]: ``categorical_pmf`` and its kin."""

    p: Array

    def log_prob(self, x):
        """``categorical_logpmf``."""
        return discrete.categorical_logpmf(x, self.p)

    def sample(self, key, shape=()):
        """``categorical_sample``."""
        return discrete.categorical_sample(key, shape, self.p)

    def moments(self):
        r"""$p$, $\operatorname{diag}(p) - p p^\top$."""
        return Moments(self.p, jnp.diag(self.p) - jnp.outer(self.p, self.p))

    def entropy(self):
        """``discrete_entropy``."""
        return discrete_entropy(self.p)


@hyperparams
class Mixture(Distribution):
    r"""$\sum_k w_k p_k(x)$ of scalars: ``weights`` [K], ``components`` one distribution with numbers [K].

    ``Mixture(jnp.array([0.3, 0.7]), Normal(jnp.array([-2.0, 2.0]), jnp.array([1.0, 0.5])))`` has two peaks.
    """

    weights: Array
    components: Any

    def log_prob(self, x):
        r"""$\ln \sum_k w_k p_k(x)$."""
        logs = jax.vmap(lambda P: P.log_prob(x))(self.components)
        weights = self.weights.astype(logs.dtype).reshape((-1,) + (1,) * (logs.ndim - 1))
        return jax.nn.logsumexp(logs, 0, b=jnp.broadcast_to(weights, logs.shape))

    def sample(self, key, shape=()):
        """A component by its weight, then a draw from it."""
        which, draw = jax.random.split(key)
        chosen = discrete.categorical_sample(which, shape, self.weights)
        drawn = jax.vmap(lambda P: P.sample(draw, shape), out_axes=-1)(self.components)
        return jnp.sum(jnp.where(chosen == 1, drawn, 0), -1)

    def moments(self):
        r"""$\mu = \sum_k w_k \mu_k$, $\sum_k w_k (\sigma_k^2 + (\mu_k - \mu)^2)$."""
        means, variances = self.components.moments()
        mean = jnp.sum(self.weights * means)
        return Moments(mean, jnp.sum(self.weights * (variances + jnp.square(means - mean))))
