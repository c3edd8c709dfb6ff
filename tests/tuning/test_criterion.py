"""What decides which configuration, epoch and parameters are the best: the validation loss, or any metric."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import f1_score

from dlcore.data import Examples, Split
from dlcore.losses import softmax_cross_entropy
from dlcore.optimizers import SGD
from dlcore.training import F1, RMSE, Criterion, EarlyStopping, Watch, accuracy, criterion_of, fit
from dlcore.tuning import Halving, Rows, Study, extend, grid, importance, resume, sweep
from tests.problems import blobs, small_setup
from tests.tuning.problems import KEY, TWO, history_of

DATA = blobs(50, 20)
SPACE = grid({"optimizer.learning_rate": [1e-4, 1e-2, 1e-1]})
SETUP = small_setup(epochs=6)
NAN = np.nan


def study_of(curves, by, best=None, first=-1):
    """A study whose metric "accuracy" has these curves [configurations, runs, epochs]; the loss falls in all alike."""
    curves = np.asarray(curves, float)
    size = curves.shape[:-1]
    loss = np.broadcast_to(np.arange(curves.shape[-1], 0.0, -1), curves.shape)
    best = np.full(size, curves.shape[-1] - 1) if best is None else np.asarray(best)
    rows = Rows(history_of(loss, curves), loss.min(-1), best, np.broadcast_to(first, size))
    space = grid({"optimizer.learning_rate": list(np.geomspace(1e-3, 1, len(curves)))})
    return Study(SETUP, tuple(space), rows, by=by)


LARGER, SMALLER = Criterion("accuracy", True), Criterion("accuracy", False)
CURVES = [[[1, 3, 2], [1, 4, 2]], [[5, 1, 1.0], [5, 1, 1.5]], [[2, 3, 3], [2, 3, 3.5]]]


def test_larger_or_smaller_is_better():
    """Means over the runs 1 3.5 2, 5 1 1.25 and 2 3 3.25; smoothed 2.25 2.17 2.75, 3 2.42 1.13 and 2.5 2.75 3.13."""
    larger, smaller = study_of(CURVES, LARGER), study_of(CURVES, SMALLER)
    np.testing.assert_array_equal(larger.epoch[:, 0], [2, 0, 2])
    np.testing.assert_array_equal(larger.score, [[2, 2], [5, 5], [3, 3.5]])
    np.testing.assert_array_equal(larger.mean, [2, 5, 3.25])
    assert larger.order.tolist() == [1, 2, 0]
    assert larger.one_standard_error == [1]
    np.testing.assert_array_equal(smaller.epoch[:, 0], [1, 2, 0])
    np.testing.assert_array_equal(smaller.score, [[3, 4], [1, 1.5], [2, 2]])
    assert smaller.order.tolist() == [1, 2, 0]
    assert larger.difference(1, 2) == (1.75, pytest.approx(0.25))
    np.testing.assert_array_equal(larger.loss[:, 0], [1, 3, 1])  # the loss at the epochs of the metric
    assert larger.metric("accuracy").tolist() == larger.score.tolist()
    assert [row["validation accuracy"] for row in larger.table()] == [5, 3.25, 2]


def test_what_is_within_one_standard_error_lies_below_where_larger_is_better():
    study = study_of([[[3.0], [5.0]], [[3.1], [3.1]], [[2.9], [2.9]]], LARGER)
    assert study.mean.tolist() == [4, 3.1, 2.9]
    assert study.one_standard_error == [0, 1]


def test_a_diverged_run_and_one_without_the_metric_are_last():
    study = study_of([[[9.0, 9.0]], [[1.0, 2.0]], [[NAN, NAN]]], LARGER, [[0], [1], [-1]], [[1], [-1], [-1]])
    np.testing.assert_array_equal(study.score[:, 0], [-np.inf, 1, -np.inf])
    assert study.sound == [1]
    assert study.best == 1
    assert importance(study_of(CURVES, LARGER)).alone["optimizer.learning_rate"] == pytest.approx(1)


def test_a_run_that_stopped_early_counts_with_its_own_best():
    study = study_of([[[1, 4, NAN, NAN], [1, 2, 3, 6]]], LARGER, [[1, 3]])
    np.testing.assert_array_equal(study.epoch, [[1, 3]])
    np.testing.assert_array_equal(study.score, [[4, 6]])


def test_a_sweep_by_a_metric_compares_keeps_and_stops_by_it(tmp_path):
    setup = dataclasses.replace(SETUP, stopping=EarlyStopping(2), watch=Watch(chunk=7))
    study = sweep(setup, SPACE, DATA, KEY, seeds=2, folds=3, by=F1(), devices=TWO, keep="all", folder=tmp_path / "s")
    assert study.by == ("F1", True)
    assert set(study.rows.history.validation_metrics) == {"F1", "accuracy"}
    curves = study.rows.history.validation_metrics["F1"]
    best = np.nanmax(curves, -1)
    np.testing.assert_array_equal(study.rows.best_epoch, (curves == best[..., None]).argmax(-1))
    assert study.best == study.mean.argmax()
    again = resume(tmp_path / "s", devices=TWO)
    assert (again.by, again.order.tolist()) == (study.by, study.order.tolist())
    np.testing.assert_array_equal(again.score, study.score)
    alone = study.run(1)  # a member gives back the parameters of its own best epoch by F1
    fold = study.asked.data[2]
    outputs = np.asarray(alone.predict(study.asked.data[0].validation.x))[2]
    expected = f1_score(fold.validation.y, np.asarray(alone.predict(fold.validation.x))[2].argmax(1), average="macro")
    assert outputs.shape == (len(study.asked.data[0].validation.y), 3)
    assert expected == pytest.approx(best[1, 2], rel=1e-9)
    with pytest.raises(ValueError, match=r"setup\.watch\.by"):
        sweep(setup, SPACE, DATA, KEY, seeds=2, folds=3, devices=TWO, folder=tmp_path / "s")


def test_who_leaves_a_halving_is_decided_by_the_metric():
    full = sweep(SETUP, SPACE, DATA, KEY, by=accuracy, devices=TWO)
    study = sweep(SETUP, SPACE, DATA, KEY, by=accuracy, devices=TWO, halving=Halving(2, 0.4))
    so_far = np.asarray(full.rows.history.validation_metrics["accuracy"])[:, 0, :2]
    mean = np.stack([so_far[:, :2].mean(1), so_far[:, :2].mean(1)], 1)  # smoothed over both epochs
    epoch = (mean == mean.max(1, keepdims=True)).argmax(1)
    best = int(np.lexsort((np.arange(3), -so_far[np.arange(3), epoch]))[0])
    assert study.rungs[0].kept == (best,)
    more = extend(full, seeds=2, devices=TWO)
    assert more.by == full.by


def test_the_parameters_of_a_fit_are_those_of_the_best_epoch_by_the_metric():
    y = jnp.asarray(np.arange(20) % 3, jnp.int32)  # nothing to learn: metric and loss have other best epochs
    data = Split(DATA.train, Examples(DATA.validation.x, y))
    for by in (F1(), accuracy):
        run = fit(small_setup(epochs=12, optimizer=SGD(0.5), watch=Watch(by=by)), data, KEY)
        curve = run.history.validation_metrics[criterion_of(by).name]
        assert int(run.state.best.epoch) == curve.argmax()
        np.testing.assert_allclose(run.state.best.validation_loss, run.history.validation_loss[curve.argmax()])
        assert run.evaluate(data.validation)[criterion_of(by).name] == pytest.approx(curve.max())
    stopped = fit(small_setup(epochs=90, stopping=EarlyStopping(4), watch=Watch(by=accuracy)), DATA, KEY)
    best = int(stopped.state.best.epoch)
    assert stopped.ending == "stopped early"
    assert len(stopped.history.train_loss) == best + 1 + 4


def test_what_cannot_decide_is_refused():
    for by, error, words in [
        ("F1", TypeError, r"watch.by: needed a metric, or None for the loss, got 'F1'; try accuracy, or F1()"),
        (F1, TypeError, "watch.by: needed a metric"),
        (lambda o, y: o[:, 0], ValueError, "says whether larger is better"),
        (RMSE(), ValueError, "RMSE: labels: needed floating ones"),
    ]:
        with pytest.raises(error, match=words):
            sweep(SETUP, SPACE, DATA, KEY, by=by)


def test_losses_that_cannot_be_compared_are_named():
    setup = small_setup(epochs=2, loss=jax.tree_util.Partial(softmax_cross_entropy, label_smoothing=0.1))
    space = grid({"loss.label_smoothing": [0.0, 0.2], "penalty": [None]})
    (said,) = [line for line in sweep(setup, space, DATA, KEY).warnings if "edge" not in line]
    assert said.startswith("losses that differ in loss.label_smoothing cannot be compared; try to choose by a metric")
    assert not [line for line in sweep(setup, space, DATA, KEY, by=accuracy).warnings if "edge" not in line]
