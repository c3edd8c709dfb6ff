"""The numbers that an argument or a hyperparameter may be: what is known is checked, what is traced becomes NaN."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.errors import check_float, needed


class Range(NamedTuple):
    """The numbers that a hyperparameter may be: from ``low`` to ``high``, strictly ``above`` and ``below``.

    ``log`` says that its scale is the logarithm, which sampling and refining follow; ``whole`` that it counts.
    """

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        bounds = [f"from {self.low:g}"] * (self.low > -math.inf) + [f"to {self.high:g}"] * (self.high < math.inf)
        bounds += [f"above {self.above:g}"] * (self.above > -math.inf) + [f"below {self.below:g}"] * (
            self.below < math.inf
        )
        return " ".join(["whole numbers" if self.whole else "numbers", *bounds])

    def holds(self, values: Any) -> np.ndarray:
        """Where ``values`` [...] lie in the range; NaN lies nowhere."""
        v = np.asarray(values, np.float64)
        inside = (v >= self.low) & (v <= self.high) & ((v > self.above) | (self.above == -math.inf))
        inside &= (v < self.below) | (self.below == math.inf)
        return inside & (~np.isnan(v)) & ((v == np.floor(v)) | (not self.whole))

    def check(self, name: str, values: Any) -> None:
        """Raise ValueError for ``values`` [...] that are known and lie outside; traced ones are data and pass."""
        if isinstance(values, Tracer) or (isinstance(values, (int, float)) and self._holds_number(values)):
            return
        known = np.asarray(values)
        if known.size and not self.whole and self._holds_number(known.min()) and self._holds_number(known.max()):
            return  # in a tenth of the time; a NaN is where it does not hold
        outside = known[~self.holds(known)]
        if outside.size:
            raise ValueError(needed(name, str(self), outside.flat[0], "look where it comes from, or clip it"))

    def or_nan(self, values: Any) -> Any:
        """``values``, with NaN in the place of floating ones that are traced and lie outside."""
        if not isinstance(values, Tracer) or not jnp.issubdtype(values.dtype, jnp.floating):
            return values
        inside = (values >= self.low) & (values <= self.high)
        inside &= (values > self.above) | (self.above == -math.inf)
        inside &= (values < self.below) | (self.below == math.inf)
        return values + jnp.where(inside, jnp.zeros_like(values), jnp.nan)  # added: the gradient is NaN too

    def _holds_number(self, v: float) -> bool:
        """``holds`` of one Python number, in a hundredth of the time."""
        inside = self.low <= v <= self.high and (v > self.above or self.above == -math.inf)
        return inside and (v < self.below or self.below == math.inf) and not self.whole


POSITIVE = Range(above=0)
NOT_NEGATIVE = Range(low=0)
SHARE = Range(low=0, high=1)


class Shares:
    """Distributions over the last axis: at least 0, of sum 1; as a range for an argument."""

    def check(self, name: str, p: Any) -> None:
        """Raise TypeError unless floating, ValueError for a scalar and for a ``p`` known to be no distribution."""
        check_float(name, p)
        if np.ndim(p) == 0:
            raise ValueError(needed(name, "probabilities [..., c]", "a scalar", "jnp.stack([1 - p, p], -1)"))
        if isinstance(p, Tracer) or 0 in np.shape(p):
            return
        known = np.asarray(p)
        wide = known.astype(np.promote_types(known.dtype, np.float32), copy=False)
        totals = np.ravel(wide @ np.ones(known.shape[-1], wide.dtype))  # five times as fast as a sum of short rows
        worst = totals[np.argmax(np.abs(totals - 1))]
        SHARE.check(name, known)
        if abs(worst - 1) > max(np.sqrt(float(jnp.finfo(p.dtype).eps)), 1e-4):
            raise ValueError(needed(name, "a sum of 1 along the last axis", f"{worst:.6g}", "dividing by the sum"))

    def or_nan(self, p: Any) -> Any:
        """``p``, with NaN for all of a row that is no distribution, to a hundredth.

        Shares of 16 bits are one, and those of a difference quotient.
        """
        if not p.shape[-1]:
            return p
        whole = jnp.all(p >= -1e-2, -1, keepdims=True) & (jnp.abs(jnp.sum(p, -1, keepdims=True) - 1) <= 1e-2)
        return p + jnp.where(whole, jnp.zeros_like(p), jnp.nan)  # added: the gradient is NaN too


DISTRIBUTION = Shares()
