r"""$\ln \sum_j e^{s_j} - s_y$ and $-\sum_k y_k \ln p_k$ with $p$ = ``softmax(s)``, to the last bits, with gradients.

The parts of ``softmax_cross_entropy``: [..., c] -> [...] in float32 or float64, labels checked before.
"""

import jax
import jax.numpy as jnp

from dlcore.losses.labels import index_mask
from dlcore.numerics.exact import two_sum
from dlcore.numerics.formats import Array
from dlcore.numerics.softmax import behind_largest, exp_difference


@jax.custom_jvp
def of_index(s: Array, labels: Array) -> Array:
    r"""$-\ln p_y = \ln (1 + \sum_{j \ne y} e^{s_j - s_y})$, in terms of the largest other logit."""
    return _loss_and_shares(s, labels)[0]


@of_index.defjvp
def _of_index_jvp(primals, tangents):
    r"""$p_j$ for the others, $-\sum_{j \ne y} p_j$ for the label: $p_y - 1$ would be 0 once $p_y$ rounds to 1."""
    (s, labels), (ds, _) = primals, tangents
    loss, others, missed = _loss_and_shares(s, labels)
    slopes = others - jnp.where(index_mask(s, labels), missed[..., None], 0)
    return loss, jnp.sum(slopes * ds, axis=-1)


def _loss_and_shares(s, labels):
    """The loss, the probabilities of the other classes [..., c], 0 at the label, and their sum [...]."""
    others = jnp.where(index_mask(s, labels), -jnp.inf, s)
    m = jnp.maximum(jnp.max(others, axis=-1, initial=-jnp.inf), jnp.finfo(s.dtype).min)
    e = exp_difference(others, m[..., None])[1]
    total = jnp.sum(e, axis=-1)
    ahead, rest = two_sum(m, -_own(s, labels))
    behind = jnp.exp(jnp.minimum(ahead, 0)) * (1 + jnp.where((ahead < 0) & (ahead > -1e4), rest, 0))
    own = jnp.exp(-jnp.maximum(ahead, 0))
    more = jnp.where(ahead < 0, behind * total, jnp.maximum(total - 1, 0) + own)
    unit = behind / jnp.where(total == 0, 1, behind * total + own)
    return jnp.maximum(ahead, 0) + jnp.log1p(more), e * unit[..., None], total * unit


def _own(s, labels):
    if not s.shape[-1]:
        return jnp.zeros(s.shape[:-1], s.dtype)
    return jnp.take_along_axis(s, labels.astype(jnp.int32)[..., None], axis=-1, mode="clip")[..., 0]


@jax.custom_jvp
def of_distribution(s: Array, y: Array) -> Array:
    r"""$-\sum_k y_k \ln p_k = \sum_k y_k \ln (1 + r) - \sum_k y_k d_k$; $d$ and $r$ as in ``behind_largest``."""
    return _loss_of_distribution(y, *behind_largest(s, -1))


@of_distribution.defjvp
def _of_distribution_jvp(primals, tangents):
    r"""$p_k \sum_j y_j - y_k$ as $p_k \sum_{j \ne k} y_j - y_k (1 - p_k)$, by $r$ without a loss of digits."""
    (s, y), (ds, dy) = primals, tangents
    d, e, r = behind_largest(s, -1)
    all_y = jnp.sum(y, axis=-1)
    slopes = (e * (all_y[..., None] - y) - y * (r[..., None] + (1 - e))) * (1 / (1 + r))[..., None]
    surprise = jnp.log1p(r)[..., None] - jnp.maximum(d, jnp.finfo(d.dtype).min)  # finite: its share may be 0
    return _loss_of_distribution(y, d, e, r), jnp.sum(slopes * ds, axis=-1) + jnp.sum(surprise * dy, axis=-1)


def _loss_of_distribution(y, d, _, r):
    return jnp.sum(y, axis=-1) * jnp.log1p(r) - jnp.sum(jnp.where(y == 0, 0, y * d), axis=-1)
