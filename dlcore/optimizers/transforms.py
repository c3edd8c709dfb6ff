"""What stands before or after a rule in a chain: clipping, weight decay, scale, trace."""

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Scalar, at_least_f32, in_dtype_of
from dlcore.numerics.norms import global_norm
from dlcore.optimizers.first_order import Velocity
from dlcore.optimizers.rule import LeafRule, Rule, with_params
from dlcore.tree.fields import hyperparams, number
from dlcore.tree.leaves import OnLeaves


@hyperparams
class ClipByValue(LeafRule):
    r"""$g \leftarrow \max(-c, \min(c, g))$, elementwise, with the limit $c$ ``limit``."""

    limit: Scalar = number(1.0, low=0, log=True)

    def step(self, g, s, x, t):
        return jnp.clip(g, -self.limit, self.limit), s


@hyperparams
class ClipByGlobalNorm(Rule):
    r"""$g \leftarrow g \min(1, c / \|g\|_2)$ over all leaves together. Pascanu et al. 2013, algorithm 1.

    Gradients too large for their squares are clipped too, not set to 0. A gradient that is not finite stays so.
    """

    max_norm: Scalar = number(1.0, low=0, log=True)

    def start_tree(self, params):
        return ()

    def step_tree(self, grads, slots, params, t, **extra):
        norm = global_norm(grads)
        max_norm = in_dtype_of(norm, self.max_norm)
        scale = jnp.where(norm > max_norm, max_norm / jnp.where(norm > max_norm, norm, 1), 1)

        def clip(g):
            wide = at_least_f32(g.dtype)
            return (g.astype(wide) * scale.astype(wide)).astype(g.dtype)

        return jax.tree.map(clip, grads), slots


@hyperparams
class AddDecayedWeights(LeafRule):
    r"""$g \leftarrow g + \lambda \theta$: an $\ell_2$ penalty where it stands before a rule, decoupled decay after it.

    ``chain(AddDecayedWeights(1e-4), Momentum())`` is SGD's classical weight decay;
    ``chain(Adam(1.0), AddDecayedWeights(-1e-4), Scale(rate))`` is AdamW. ``OnLeaves`` for the rate spares leaves.
    """

    weight_decay: Scalar = number(1e-4)

    def step(self, g, s, x, t):
        return g + self.weight_decay * with_params(x), s


@hyperparams
class Scale(LeafRule):
    r"""$g \leftarrow c g$ with the number or schedule $c$ ``factor``."""

    factor: Scalar = number()

    def step(self, g, s, x, t):
        return self.factor * g, s

    def gain(self, slots):
        return self.factor.value if isinstance(self.factor, OnLeaves) else self.factor


@hyperparams
class Trace(LeafRule):
    r"""$v \leftarrow \beta v + g$, which is the new $g$: momentum for what comes in.

    ``chain(SGD(rate), Trace(0.9))`` is ``Momentum``, ``chain(Trace(0.9), SGD(rate))`` is ``SGDMomentum``.
    """

    momentum: Scalar = number(0.9, low=0, high=1)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        v = self.momentum * s.v + g
        return v, Velocity(v)
