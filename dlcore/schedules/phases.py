"""Schedules made of phases: a warm-up before any other, one after another, one cycle up and down."""

import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.pytrees import hyperparams
from dlcore.schedules.clock import Schedule, _on_clock
from dlcore.schedules.decay import _between, _order_of_limit, _progress


def one_cycle(
    t: Scalar,
    peak: Scalar,
    length: Scalar,
    rise: Scalar = 0.3,
    fall: Scalar = 0.85,
    div_factor: Scalar = 25.0,
    final_div_factor: Scalar = 1e4,
) -> Array:
    r"""Three lines: from $\alpha / d$ to the ``peak`` $\alpha$, back to $\alpha / d$, and down to $\alpha / (d f)$.

    They meet at the fractions ``rise`` and ``fall`` of ``length``; $d$ ``div_factor``, $f$ ``final_div_factor``.
    Smith & Topin 2018, section 3.
    """
    t, peak, length, rise, fall, d, f = _on_clock(t, peak, length, rise, fall, div_factor, final_div_factor)
    p, low = _progress(t, length), peak / d
    up = _between(low, peak, _progress(p, rise))
    down = _between(peak, low, _progress(p - rise, fall - rise))
    out = _between(low, low / f, _progress(p - fall, 1 - fall))
    return jnp.where(p < rise, up, jnp.where(p < fall, down, out))


def cosine_one_cycle(
    t: Scalar,
    peak: Scalar,
    length: Scalar,
    rise: Scalar = 0.3,
    div_factor: Scalar = 25.0,
    final_div_factor: Scalar = 1e4,
) -> Array:
    r"""Two half waves: from $\alpha / d$ up to the ``peak`` $\alpha$ at ``rise``, and down to $\alpha / (d f)$.

    ``rise`` is a fraction of ``length``, $d$ ``div_factor``, $f$ ``final_div_factor``: the cycle of
    PyTorch and fast.ai.
    """
    t, peak, length, rise, d, f = _on_clock(t, peak, length, rise, div_factor, final_div_factor)
    p, low = _progress(t, length), peak / d
    up = _between(peak, low, _half_wave(_progress(p, rise)))
    down = _between(low / f, peak, _half_wave(_progress(p - rise, 1 - rise)))
    return jnp.where(p < rise, up, down)


def _half_wave(p):
    return (1 + jnp.cos(jnp.pi * p)) / 2


@hyperparams
class OneCycle(Schedule):
    """``one_cycle``: up, down, and out, along lines."""

    peak: Scalar
    length: Scalar
    rise: Scalar = 0.3
    fall: Scalar = 0.85
    div_factor: Scalar = 25.0
    final_div_factor: Scalar = 1e4

    def __call__(self, t):
        """``one_cycle`` with this schedule's numbers."""
        return one_cycle(t, self.peak, self.length, self.rise, self.fall, self.div_factor, self.final_div_factor)

    def order(self):
        """0: the last value stays."""
        return _order_of_limit(self.peak)


@hyperparams
class CosineOneCycle(Schedule):
    """``cosine_one_cycle``: up and down, along half waves."""

    peak: Scalar
    length: Scalar
    rise: Scalar = 0.3
    div_factor: Scalar = 25.0
    final_div_factor: Scalar = 1e4

    def __call__(self, t):
        """``cosine_one_cycle`` with this schedule's numbers."""
        return cosine_one_cycle(t, self.peak, self.length, self.rise, self.div_factor, self.final_div_factor)

    def order(self):
        """0: the last value stays."""
        return _order_of_limit(self.peak)


@hyperparams
class Warmup(Schedule):
    """Along a line from ``start`` to the first value of ``schedule``, which begins ``length`` units later."""

    schedule: Schedule
    length: Scalar
    start: Scalar = 0.0

    def __call__(self, t):
        """The line before ``length``, the schedule from there on."""
        t, length, start = _on_clock(t, self.length, self.start)
        first, later = self.schedule(jnp.zeros_like(t)), self.schedule(jnp.maximum(t - length, 0))
        return jnp.where(t < length, _between(start, first, _progress(t, length)), later)

    def order(self):
        """The schedule's."""
        return self.schedule.order()


@hyperparams
class Joined(Schedule):
    """``schedules`` one after another: each begins at its boundary, the first at 0.

    Raises ValueError unless there is one more schedule than ``boundaries``.
    """

    schedules: tuple[Schedule, ...]
    boundaries: tuple[Scalar, ...]

    def __call__(self, t):
        """The value of the schedule whose turn it is, at its own time."""
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"Joined: needed one more schedule than boundaries, got {len(self.schedules)} schedules and "
                f"{len(self.boundaries)} boundaries"
            )
        t, *boundaries = _on_clock(t, *self.boundaries)
        value = self.schedules[0](t)
        for schedule, begin in zip(self.schedules[1:], boundaries, strict=True):
            value = jnp.where(t >= begin, schedule(jnp.maximum(t - begin, 0)), value)
        return value

    def order(self):
        """The last schedule's."""
        return self.schedules[-1].order()
