"""What the tests of tables have in common."""

import numpy as np

from dlcore import data

N = 60
A, B = [f"{i / 7:.3f}" for i in range(N)], [str(i % 5) for i in range(N)]
Y = ["ja" if i % 2 else "nein" for i in range(N)]


def lines(*columns, header=None, by=","):
    rows = [by.join(row) for row in zip(*columns, strict=True)]
    return "\n".join([header, *rows] if header is not None else rows) + "\n"


PLAIN = lines(A, B, Y, header="a,b,y")


def load(tmp_path, text, name="t.csv", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return data.load(path, **options)


def is_plain(dataset):
    assert dataset.features == ("a", "b")
    assert dataset.classes == ("ja", "nein")
    np.testing.assert_array_equal(dataset.x, np.array([A, B], float).T)
    np.testing.assert_array_equal(dataset.y, [0 if label == "ja" else 1 for label in Y])


def mixed(n=300, seed=0):
    """A table with all that ``prepare`` codes; word "rare" occurs once, "new" in the last third alone."""
    rng = np.random.default_rng(seed)
    color = np.where(np.arange(n) >= 2 * n // 3, "new", rng.choice(["red", "blue"], n)).astype(object)
    size = rng.normal(1e6, 3, n)
    size[::7] = np.nan
    frame = {"size": size, "color": color, "whole": rng.integers(0, 99, n), "y": rng.choice(["p", "q"], n)}
    return data.load(frame)
