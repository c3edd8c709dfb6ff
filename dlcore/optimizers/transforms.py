"""What stands before or after a rule in a chain: clipping, weight decay, scale, trace."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, PyTree, Scalar, at_least_f32, check_float, in_dtype_of
from dlcore.optimizers.first_order import Velocity
from dlcore.optimizers.rule import LeafRule, Rule, RuleState, _needed, _one_more, check_numbers
from dlcore.pytrees import hyperparams
from dlcore.schedules import at


@hyperparams
class ClipByValue(LeafRule):
    r"""$g \leftarrow \max(-c, \min(c, g))$, elementwise, with the limit $c$ ``limit``."""

    limit: Scalar = 1.0

    def step(self, g, s, x, t):
        """Into the box."""
        del x, t
        return jnp.clip(g, -self.limit, self.limit), s


@hyperparams
class ClipByGlobalNorm(Rule):
    r"""$g \leftarrow g \min(1, c / \|g\|_2)$ over all leaves together. Pascanu et al. 2013, algorithm 1.

    Gradients too large for their squares are clipped too, not set to 0. A gradient that is not finite stays so.
    """

    max_norm: Scalar = 1.0

    def init(self, params):
        """Only a clock, for a scheduled limit."""
        del params
        check_numbers(self)
        return RuleState(jnp.zeros((), jnp.int32), ())

    def update(self, grads, state, params=None, **extra):
        """Onto the ball, where outside."""
        del params, extra
        norm = global_norm(grads)
        max_norm = in_dtype_of(norm, at(self, state.step.astype(float)).max_norm)
        scale = jnp.where(norm > max_norm, max_norm / jnp.where(norm > max_norm, norm, 1), 1)
        clipped = jax.tree.map(lambda g: (g.astype(_wide(g)) * scale.astype(_real(g))).astype(g.dtype), grads)
        return clipped, RuleState(_one_more(state.step), ())


def global_norm(tree: PyTree) -> Array:
    r"""$\sqrt{\sum_i |x_i|^2}$ over all entries of all leaves, a scalar of at least float32; 0 for an empty tree.

    Where a square overflows or vanishes, the entries are scaled first: the norm is finite and positive whenever it can
    be. Its derivative at 0 is 0.
    """
    leaves = jax.tree.leaves(tree)
    for x in leaves:
        check_float("leaf", x)
    dtype = np.result_type(np.float32, *(jnp.finfo(at_least_f32(x.dtype)).dtype for x in leaves))
    parts = [part.astype(dtype) for x in leaves for part in ((x.real, x.imag) if jnp.iscomplexobj(x) else (x,))]
    squares = sum((jnp.sum(jnp.square(a)) for a in parts), jnp.zeros((), dtype))
    numbers = jnp.finfo(dtype)
    plain = (squares > numbers.tiny / numbers.eps**2) & (squares < jnp.inf)
    # A second look at all entries only where the first has lost something.
    return jax.lax.cond(plain, lambda: jnp.sqrt(jnp.where(plain, squares, 1)), lambda: _scaled_norm(parts, dtype))


def _scaled_norm(parts, dtype):
    zero = jnp.zeros((), dtype)
    largest = jnp.max(jnp.stack([zero, *(jnp.max(jnp.abs(a)) for a in parts if a.size)]))
    limit = float(jnp.finfo(dtype).max) ** 0.75  # beyond it, the reciprocal in the derivative would be subnormal
    unit = jax.lax.stop_gradient(jnp.clip(largest, 1 / limit, limit))
    squares = sum((jnp.sum(jnp.square(a / unit)) for a in parts), zero)
    dead = squares == 0
    return jnp.where(dead, 0, unit * jnp.sqrt(jnp.where(dead, 1, squares)))


def _wide(g):
    return at_least_f32(g.dtype)


def _real(g):
    return jnp.finfo(_wide(g)).dtype


@hyperparams
class AddDecayedWeights(LeafRule):
    r"""$g \leftarrow g + \lambda \theta$: an $\ell_2$ penalty where it stands before a rule, decoupled decay after it.

    ``chain(AddDecayedWeights(1e-4), Momentum())`` is SGD's classical weight decay;
    ``chain(Adam(1.0), AddDecayedWeights(-1e-4), Scale(rate))`` is AdamW. ``OnLeaves`` for the rate spares leaves.
    """

    weight_decay: Scalar = 1e-4

    def step(self, g, s, x, t):
        """Add the pull towards 0."""
        del t
        return g + self.weight_decay * _needed(x), s


@hyperparams
class Scale(LeafRule):
    r"""$g \leftarrow c g$ with the number or schedule $c$ ``factor``."""

    factor: Scalar

    def step(self, g, s, x, t):
        """Multiply."""
        del x, t
        return self.factor * g, s


@hyperparams
class Trace(LeafRule):
    r"""$v \leftarrow \beta v + g$, which is the new $g$: momentum for what comes in.

    ``chain(SGD(rate), Trace(0.9))`` is ``Momentum``, ``chain(Trace(0.9), SGD(rate))`` is ``GradientMomentum``.
    """

    momentum: Scalar = 0.9

    def start(self, x):
        """At rest."""
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        """Leave a trace."""
        del x, t
        v = self.momentum * s.v + g
        return v, Velocity(v)
