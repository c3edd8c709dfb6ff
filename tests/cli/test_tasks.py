"""The recipe on other tasks."""

import numpy as np
import pytest

from dlcore import data, recipe, report
from tests.cli.kitchen import FEW

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_a_recipe_of_a_regression(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    html = recipe.run(FEW, "diabetes", tmp_path / "run").read_text()
    found = report.read(tmp_path / "run")
    assert -1 < found.test.metrics["R2"] < 1
    assert found.test.baseline["R2"] <= 0
    y, prediction = found.test.values
    error = np.sqrt(np.square(y - prediction).mean())
    assert found.test.metrics["root mean squared error"] == pytest.approx(error)
    assert found.test.metrics["R2"] == pytest.approx(1 - error**2 / y.var())
    assert 24.9 <= y.min() < y.max() <= 346.1  # in the units of the data
    assert "R2" in html or "R²" in html
    assert found.setup.setup["optimizer"]["learning_rate"] == pytest.approx(1e-2, rel=2)


def test_uneven_classes_get_more_than_accuracy(tmp_path):
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(np.int32)
    few = data.Dataset("rare", rng.normal(size=(400, 2)).astype(np.float32), y, ("usual", "rare"))
    recipe.run(FEW, recipe.Source("rare", by=lambda _: few), tmp_path / "run")
    found = report.read(tmp_path / "run")
    assert set(found.test.metrics) == {"accuracy", "balanced accuracy", "recall of rare"}
    assert found.test.baseline["accuracy"] == pytest.approx(0.95, abs=0.01)
    assert (found.test.baseline["balanced accuracy"], found.test.baseline["recall of rare"]) == (0.5, 0)
    rows = np.diag(found.test.confusion) / found.test.confusion.sum(1)
    assert found.test.metrics["balanced accuracy"] == pytest.approx(rows.mean())
    assert found.test.metrics["recall of rare"] == pytest.approx(rows[1])
    assert found.verdict.verdict.severity != "good"  # as good as always saying the same
