r"""Bayes' rule, and the decisions drawn from a posterior; classes are the last axis."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array, compiled
from dlcore.numerics.ranges import DISTRIBUTION, NOT_NEGATIVE
from dlcore.numerics.softmax import log_softmax


@compiled(prior=DISTRIBUTION, likelihood=NOT_NEGATIVE)
def posterior(prior: Array, likelihood: Array) -> Array:
    r"""$p(y | x) = p(x | y)\, p(y) / p(x)$ with the evidence $p(x) = \sum_y p(x | y)\, p(y)$.

    prior [c], likelihood [..., c], probabilities or densities -> [..., c]; NaN where the evidence is 0. Raises
    ValueError for shapes that do not fit, a prior that is no distribution and a negative likelihood.
    """
    check_float("likelihood", likelihood)
    prior = _per_class(prior, likelihood)
    largest = jax.lax.stop_gradient(jnp.max(likelihood, -1, keepdims=True))
    scaled = likelihood / jnp.where(largest > 0, largest, 1)  # densities far below the range of products
    joint = scaled * prior
    return joint / jnp.sum(joint, -1, keepdims=True)


@compiled()
def log_posterior(log_prior: Array, log_likelihood: Array) -> Array:
    r"""$\ln p(y | x) = \ln p(x | y) + \ln p(y) - \ln p(x)$: log_prior [c], log_likelihood [..., c] -> [..., c]."""
    check_float("log_likelihood", log_likelihood)
    return log_softmax(log_likelihood + _per_class(log_prior, log_likelihood), -1)


@compiled()
def map_decision(posterior: Array) -> Array:
    r"""$\arg\max_y p(y | x)$, the most probable class: [..., c] -> integer [...]; the first of equals."""
    return jnp.argmax(posterior, -1)


@compiled(posterior=DISTRIBUTION)
def bayes_risk(posterior: Array, loss: Array) -> Array:
    r"""$R(\hat y | x) = \sum_y \ell(y, \hat y)\, p(y | x)$: posterior [..., c], loss [c, k] of (y, ŷ) -> [..., k].

    k need not be c: one more decision may be to refuse. Raises ValueError for shapes that do not fit.
    """
    if np.ndim(loss) != 2 or loss.shape[0] != posterior.shape[-1]:
        shape = list(np.shape(posterior))
        hint = "loss[y, decision], the true class first"
        raise ValueError(needed("loss", f"loss [c, k] for posterior [..., c] = {shape}", list(np.shape(loss)), hint))
    return jnp.matmul(posterior, loss.astype(posterior.dtype), precision=jax.lax.Precision.HIGHEST)


@compiled(posterior=DISTRIBUTION)
def minimum_risk_decision(posterior: Array, loss: Array) -> Array:
    r"""$\arg\min_{\hat y} R(\hat y | x)$, the minimum-Bayes-risk decision: as ``bayes_risk`` -> integer [...].

    With the loss $1 - \delta_{y \hat y}$ it is ``map_decision``.
    """
    return jnp.argmin(bayes_risk(posterior, loss), -1)


def _per_class(prior, likelihood):
    if np.ndim(prior) != 1 or np.shape(likelihood)[-1:] != np.shape(prior):
        got = f"{list(np.shape(prior))} and {list(np.shape(likelihood))}"
        raise ValueError(needed("shapes", "prior [c] and likelihood [..., c]", got, "the classes last"))
    return jnp.broadcast_to(prior, np.shape(likelihood)).astype(likelihood.dtype)
