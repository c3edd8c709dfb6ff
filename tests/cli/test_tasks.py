"""The recipe on other tasks."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.utils.class_weight import compute_class_weight

from dlcore import data, fit, load_model, mlp, recipe, report
from dlcore.deployment import TrainedModel
from dlcore.recipe import single
from dlcore.recipe.steps import test as testing
from dlcore.recipe.task import Source, prepare
from dlcore.training import F1
from dlcore.tree import from_config
from tests.cli.kitchen import FEW
from tests.problems import small_setup

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


def rare():
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(np.int32)
    x = (rng.normal(size=(400, 2)) + 2 * y[:, None]).astype(np.float32)
    return data.Dataset("rare", x, y, ("usual", "rare"))


def test_a_metric_decides_and_classes_weigh_alike(tmp_path):
    """The weights are those of the training part, of scikit-learn, in the saved setup, and the loss is weighted."""
    asked = single.Training(None, ("metrics=[training.AUC]", "epochs=4"), "balanced", "f1", test=True)
    single.run(asked, Source("rare", by=lambda _: rare()), tmp_path / "run")
    found = report.read(tmp_path / "run")
    history = found.training.history
    assert set(history.validation_metrics) == {"AUC", "F1"}
    assert found.training.best_epoch == np.argmax(history.validation_metrics["F1"]) + 1
    setup = from_config(found.setup.setup)
    y = data.split(rare()).train.y
    weights = setup.loss.keywords["class_weights"]
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.arange(2), y=y), rtol=1e-6)
    assert setup.watch.by == F1()
    model = load_model(tmp_path / "run")
    test = data.split(rare()).test.open("here")
    scores = model.evaluate(*test)
    assert found.test.metrics["AUC"] == pytest.approx(scores.metrics["AUC"])
    p = model.predict(test.x).probabilities
    assert scores.metrics["AUC"] == pytest.approx(roc_auc_score(test.y, p[:, 1]))
    assert scores.metrics["F1"] == pytest.approx(f1_score(test.y, p.argmax(1), average="macro"))
    assert scores.loss == pytest.approx(np.mean(-np.log(p[range(80), test.y]) * weights[test.y]), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"by": "f2"}, "iris", "no metric 'f2'; nearest first, there are: f1, "),
        ({"by": "r2"}, "iris", "R2: labels: needed floating ones"),
        ({"class_weights": "balanced"}, "diabetes", "--class-weights: needed balanced, .* got balanced for quantities"),
        (
            {"class_weights": "balanced", "set": ("loss=losses.multiclass_hinge",)},
            "iris",
            "takes weights, got balanced for multiclass_hinge",
        ),
    ],
)
def test_a_metric_or_weights_that_do_not_fit_are_one_line(tmp_path, changes, name, words):
    with pytest.raises(ValueError, match=words):
        single.run(single.Training(**changes), Source(name), tmp_path / "run")
    assert not (tmp_path / "run").exists()


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


def test_what_is_wrong_is_kept_for_every_class():
    task = prepare(data.load("digits"), 32, 0)
    trained = fit(small_setup(model=mlp((10,)), epochs=1), task.split, task.key, progress=False)
    found = testing.evaluate(TrainedModel.of(trained, task.split), task)
    errors = found.confusion.sum(1) - np.diag(found.confusion)
    assert errors.max() > testing.EACH
    assert np.bincount(found.by_class.y, minlength=10).tolist() == np.minimum(errors, testing.EACH).tolist()
    assert (found.by_class.y != found.by_class.prediction).all()
    for c in range(10):
        mine, all_ = (one.probability[one.y == c] for one in (found.by_class, found.mistakes))
        assert (np.diff(mine) <= 0).all()
        assert mine[: len(all_)].tolist() == all_[: len(mine)].tolist()
    assert found.by_class.x.shape == (len(found.by_class.y), 64)
