"""Schedules made of phases: a warm-up before any other, one after another, one cycle up and down."""

import jax.numpy as jnp

from dlcore.numerics.formats import Scalar
from dlcore.schedules.clock import Schedule
from dlcore.schedules.decay import between, check_counts, half_wave, order_of_limit, progress, rising
from dlcore.tree.fields import hyperparams, number, stand_in


@hyperparams
class OneCycle(Schedule):
    r"""Three lines: from $\alpha / d$ to the ``peak`` $\alpha$, back to $\alpha / d$, and down to $\alpha / (d f)$.

    They meet at the fractions ``rise`` and ``fall`` of ``length``; $d$ ``div_factor``, $f$ ``final_div_factor``.
    Smith & Topin 2018, section 3.
    """

    peak: Scalar = stand_in()
    length: Scalar = number(low=0, log=True)
    rise: Scalar = number(0.3, low=0, high=1)
    fall: Scalar = number(0.85, low=0, high=1)
    div_factor: Scalar = number(25.0, above=0, log=True)
    final_div_factor: Scalar = number(1e4, above=0, log=True)

    def formula(self, t):
        p, rise, fall = progress(t, self.length), self.rise, self.fall
        low, last = self.peak / self.div_factor, self.peak / self.div_factor / self.final_div_factor
        up = between(low, self.peak, progress(p, rise))
        down = between(self.peak, low, progress(p - rise, fall - rise))
        out = between(low, last, progress(p - fall, 1 - fall))
        return jnp.where(p < rise, up, jnp.where(p < fall, down, out))

    def order(self):
        return order_of_limit(self.peak)

    def conditions(self):
        """Of the numbers together."""
        return {"rise not above fall": self.rise <= self.fall}


@hyperparams
class CosineOneCycle(Schedule):
    r"""Two half waves: from $\alpha / d$ up to the ``peak`` $\alpha$ at ``rise``, and down to $\alpha / (d f)$.

    ``rise`` is a fraction of ``length``, $d$ ``div_factor``, $f$ ``final_div_factor``: the cycle of
    PyTorch and fast.ai.
    """

    peak: Scalar = stand_in()
    length: Scalar = number(low=0, log=True)
    rise: Scalar = number(0.3, low=0, high=1)
    div_factor: Scalar = number(25.0, above=0, log=True)
    final_div_factor: Scalar = number(1e4, above=0, log=True)

    def formula(self, t):
        p, rise = progress(t, self.length), self.rise
        low, last = self.peak / self.div_factor, self.peak / self.div_factor / self.final_div_factor
        up = between(self.peak, low, half_wave(progress(p, rise)))
        down = between(last, self.peak, half_wave(progress(p - rise, 1 - rise)))
        return jnp.where(p < rise, up, down)

    def order(self):
        return order_of_limit(self.peak)


@hyperparams
class Warmup(Schedule):
    """Along a line from ``start`` to the first value of ``schedule``, which begins ``length`` units later."""

    schedule: Schedule = stand_in()
    length: Scalar = number(low=0, log=True)
    start: Scalar = stand_in(0.0)

    def formula(self, t):
        first, later = self.schedule(jnp.zeros_like(t)), self.schedule(jnp.maximum(t - self.length, 0))
        return jnp.where(t < self.length, between(self.start, first, progress(t, self.length)), later)

    def order(self):
        return self.schedule.order()


@hyperparams
class Joined(Schedule):
    """``schedules`` one after another: each begins at its boundary, the first at 0.

    Raises ValueError unless there is one more schedule than ``boundaries``.
    """

    schedules: tuple[Schedule, ...] = stand_in(many=True)
    boundaries: tuple[Scalar, ...] = number(low=0, many=True)

    def formula(self, t):
        check_counts("Joined", "schedule", self.schedules, self.boundaries)
        value = self.schedules[0](t)
        for schedule, begin in zip(self.schedules[1:], self.boundaries, strict=True):
            value = jnp.where(t >= begin, schedule(jnp.maximum(t - begin, 0)), value)
        return value

    def order(self):
        return self.schedules[-1].order()

    def conditions(self):
        """Of the numbers together."""
        return {"boundaries that rise": rising(self.boundaries)}
