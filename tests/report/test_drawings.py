"""Which figures belong to which records."""

import numpy as np
import pytest

from dlcore.report.drawing import drawings
from dlcore.runs import RunFolder, read
from tests.report.records import sweep

TABLE, EACH = ["curves", "map"], ["isolation", "parallel"]


@pytest.mark.parametrize(
    ("space", "names"),
    [
        ({}, [*TABLE, "histories"]),
        ({"epochs": [5, 6]}, [*TABLE, *EACH, "histories"]),
        ({"rates": np.geomspace(1e-3, 1, 20)}, [*EACH, "histories"]),
    ],
)
def test_what_a_map_cannot_show_has_other_figures(tmp_path, space, names):
    with RunFolder(tmp_path / "run") as run:
        sweep(run, "coarse", **space)
    drawn = list(drawings(read(tmp_path / "run")))
    assert [one.name for one in drawn] == [f"coarse_{name}" for name in names]
    assert all(one.draw().axes for one in drawn)
