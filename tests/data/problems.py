"""What the tests of data have in common."""

import numpy as np

from dlcore import data


def table(n=30, d=3, c=3, seed=0, **fields):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    y = (np.arange(n) % c).astype(np.int32)
    return data.Dataset(**{"name": "table", "x": x, "y": y, "classes": tuple("abcdefghij"[:c]), **fields})


def one_line(error):
    return "\n" not in str(error.value)
