r"""Bayes' rule, and the decisions drawn from a posterior; classes are the last axis."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, check_between, check_float
from dlcore.probability.arguments import check_probabilities


def posterior(prior: Array, likelihood: Array) -> Array:
    r"""$p(y | x) = p(x | y)\, p(y) / p(x)$ with the evidence $p(x) = \sum_y p(x | y)\, p(y)$.

    prior [c], likelihood [..., c], probabilities or densities -> [..., c]; NaN where the evidence is 0. Raises
    ValueError for shapes that do not fit, a prior that is no distribution and a negative likelihood.
    """
    check_probabilities(prior=prior)
    check_float("likelihood", likelihood)
    check_between(0, np.inf, likelihood=likelihood)
    prior = _per_class(prior, likelihood)
    largest = jax.lax.stop_gradient(jnp.max(likelihood, -1, keepdims=True))
    scaled = likelihood / jnp.where(largest > 0, largest, 1)  # densities far below the range of products
    joint = scaled * prior
    return joint / jnp.sum(joint, -1, keepdims=True)


def log_posterior(log_prior: Array, log_likelihood: Array) -> Array:
    r"""$\ln p(y | x) = \ln p(x | y) + \ln p(y) - \ln p(x)$: log_prior [c], log_likelihood [..., c] -> [..., c]."""
    check_float("log_likelihood", log_likelihood)
    return jax.nn.log_softmax(log_likelihood + _per_class(log_prior, log_likelihood), -1)


def map_decision(posterior: Array) -> Array:
    r"""$\arg\max_y p(y | x)$, the most probable class: [..., c] -> integer [...]; the first of equals."""
    return jnp.argmax(posterior, -1)


def bayes_risk(posterior: Array, loss: Array) -> Array:
    r"""$R(\hat y | x) = \sum_y \ell(y, \hat y)\, p(y | x)$: posterior [..., c], loss [c, k] of (y, ŷ) -> [..., k].

    k need not be c: one more decision may be to refuse. Raises ValueError for shapes that do not fit.
    """
    check_probabilities(posterior=posterior)
    if np.ndim(loss) != 2 or loss.shape[0] != posterior.shape[-1]:
        raise ValueError(
            f"needed loss [c, k] for posterior [..., c], got loss {list(np.shape(loss))}, "
            f"posterior {list(np.shape(posterior))}; try: loss[y, decision], the true class first"
        )
    return jnp.matmul(posterior, loss.astype(posterior.dtype), precision=jax.lax.Precision.HIGHEST)


def minimum_risk_decision(posterior: Array, loss: Array) -> Array:
    r"""$\arg\min_{\hat y} R(\hat y | x)$, the minimum-Bayes-risk decision: as ``bayes_risk`` -> integer [...].

    With the loss $1 - \delta_{y \hat y}$ it is ``map_decision``.
    """
    return jnp.argmin(bayes_risk(posterior, loss), -1)


def _per_class(prior, likelihood):
    if np.ndim(prior) != 1 or np.shape(likelihood)[-1:] != np.shape(prior):
        raise ValueError(
            f"needed prior [c] and likelihood [..., c], got {list(np.shape(prior))} and {list(np.shape(likelihood))}"
        )
    return jnp.broadcast_to(prior, np.shape(likelihood)).astype(likelihood.dtype)
