"""Input normalisation with the statistics of the training set."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, check_float, in_dtype_of
from dlcore.data.examples import Examples
from dlcore.data.splits import Split
from dlcore.pytrees import hyperparams


@hyperparams
class Normalization:
    r"""$z = (x - \mu) / \sigma$, the same for training, validation, test and deployment.

    mean and std are of the shape of one example, or scalars shared by all features.
    """

    mean: Any
    std: Any

    def __call__(self, x: Any) -> Array:
        """x [n, …] to z [n, …]; raises TypeError for integers and ValueError for other features than were fitted."""
        x, mean, std = self._aligned(x)
        return (x - mean) / std

    def inverse(self, z: Any) -> Array:
        r"""$x = \mu + \sigma z$."""
        z, mean, std = self._aligned(z)
        return mean + std * z

    def _aligned(self, x: Any) -> tuple[Array, Array, Array]:
        check_float("x", x)
        features = np.shape(self.mean)
        if np.shape(x)[np.ndim(x) - len(features) :] != features:
            raise ValueError(f"needed examples of shape {list(features)}, got {list(np.shape(x))}; try to fit anew")
        x = jnp.asarray(x)
        mean, std = (jnp.broadcast_to(s, x.shape) for s in in_dtype_of(x, self.mean, self.std))
        return x, mean, std


def fit_normalization(x: Any, shared: bool = False) -> Normalization:
    """Mean and standard deviation (1/n) over the examples x [n, …], summed in float64, stored in float32.

    ``shared``: one mean and scale for all features, as is usual for pixels. What does not vary gets std 1: it becomes 0
    and stays finite on other data. Raises ValueError if there is no example.
    """
    x = np.asarray(x)
    if not len(x):
        raise ValueError("needed at least one example to normalise by, got none; try a larger training fraction")
    axes = None if shared else 0
    mean, std = x.mean(axis=axes, dtype=np.float64), x.std(axis=axes, dtype=np.float64)
    varies = (x.max(axis=axes) > x.min(axis=axes)) & (std > np.finfo(np.float32).tiny)  # rounding alone is no variation
    return Normalization(np.asarray(mean, np.float32), np.asarray(np.where(varies, std, 1), np.float32))


def normalize(split: Split, normalization: Normalization | None = None) -> tuple[Split, Normalization]:
    """All three parts of ``split`` by ``normalization``, which is fitted to the training part unless given.

    The test set stays sealed: it is normalised when it opens.
    """
    by = fit_normalization(split.train.x) if normalization is None else normalization

    def apply(examples: Examples) -> Examples:
        return Examples(np.asarray(by(examples.x)), examples.y)

    parts = {"train": apply(split.train), "validation": apply(split.validation), "test": split.test.map(apply)}
    return dataclasses.replace(split, **parts), by
