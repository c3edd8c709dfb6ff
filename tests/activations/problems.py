"""What the tests of activations have in common."""

import mpmath
import numpy as np

mp = mpmath.mp
INF = np.inf


def sigmoid(s):
    return 1 / (1 + mp.exp(-s))


def grid(dtype, low=-INF):
    """Both signs over the whole range, and closer where the derivatives of gelu and silu have their zeros."""
    far = np.geomspace(1e-37, 1e37, 150)
    near = np.geomspace(1e-4, 750, 150)
    zeros = np.concatenate([z + np.geomspace(1e-7, 0.2, 20) * sign for z in (0.75179, 1.27846) for sign in (-1, 1)])
    x = np.unique(np.concatenate([far, -far, near, -near, -zeros]).astype(dtype))
    return x[x > low]
