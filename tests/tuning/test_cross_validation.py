"""Folds in a sweep: an axis of the same program, and every row the training alone on its fold."""

import dataclasses

import jax
import numpy as np
import pytest

from dlcore import data
from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import BatchNorm, Dense, sequential
from dlcore.optimizers import SGD
from dlcore.training import EarlyStopping, Watch
from dlcore.tuning import assign, grid, resume, sweep
from tests.problems import blobs, small_setup
from tests.tuning.problems import TWO, train

KEY = jax.random.key(3)
DATA = blobs(n=50, validation=21)  # 71 = 5 x 14 + 1: training parts of 56 and 57
RATES = grid({"optimizer.learning_rate": [1e-3, 1e-2, 0.1]})


def assert_alone(study, setup, splits, cells, rtol=1e-7):
    for i, column in cells:
        stream = study.streams[column]
        alone = train(assign(setup, study.space[i]), splits[stream.fold], jax.random.fold_in(KEY, stream.seed))
        row = jax.tree.map(lambda a, i=i, c=column: a[i, c], study.rows)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12), row.history, alone.history)
        np.testing.assert_allclose(row.validation_loss, alone.state.best.validation_loss, rtol=rtol)
        assert row.best_epoch == alone.state.best.epoch


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"watch": Watch(training=10, chunk=5), "stopping": EarlyStopping(1.0), "epochs": 6},
        {"model": sequential(Dense(8), BatchNorm(), Dense(3))},
        {"batch_size": 19},
    ],
    ids=["plain", "watched in chunks", "batch norm", "full last batch"],
)
def test_a_row_is_the_training_alone_on_its_fold(changes):
    setup = small_setup(**changes)
    splits = data.folds(DATA, 5)
    assert sorted({len(fold.train.y) for fold in splits}) == [56, 57]
    study = sweep(setup, RATES, DATA, KEY, seeds=2, folds=5, devices=TWO)
    assert study.loss.shape == (3, 10)
    assert [tuple(stream) for stream in study.streams] == [(s, f) for s in (0, 1) for f in range(5)]
    assert_alone(study, setup, splits, [(0, 0), (1, 4), (2, 7), (2, 9)])


def test_folds_of_unequal_size_are_one_program():
    setup = small_setup(epochs=2)
    with count_compilations() as compiled:
        study = sweep(setup, RATES, DATA, KEY, folds=5, devices=TWO)
    assert len(study.plans) == 1
    warm = compiled.count
    with count_compilations() as compiled:
        sweep(setup, RATES, data.folds(DATA, 5, seed=8), KEY, devices=TWO)
    assert compiled.count == 0 < warm


@pytest.mark.parametrize("batch_size", [None, 28])
def test_folds_of_another_number_of_batches_are_programs_of_their_own(batch_size):
    """56 examples are two batches of 28 and 57 are three; the full batch is as large as the fold."""
    setup = small_setup(batch_size=batch_size, optimizer=SGD(0.1))
    study = sweep(setup, RATES[:1], DATA, KEY, folds=5, devices=TWO[:1])
    assert len(study.plans) == 2
    assert_alone(study, setup, data.folds(DATA, 5), [(0, f) for f in range(5)])


def test_any_list_of_splits_is_folds():
    """Such as those of a time series, where what validates comes after what trains."""
    x, y = (np.concatenate([a, b]) for a, b in zip(DATA.train, DATA.validation, strict=True))
    splits = [Split(Examples(x[:n], y[:n]), Examples(x[n : n + 10], y[n : n + 10])) for n in (33, 40, 47)]
    study = sweep(small_setup(), RATES[:2], splits, KEY, devices=TWO)
    assert study.loss.shape == (2, 3)
    assert_alone(study, small_setup(), splits, [(0, 0), (1, 1), (1, 2)])


def test_the_winner_has_a_member_for_every_seed_and_fold():
    study = sweep(small_setup(), RATES, DATA, KEY, seeds=2, folds=3, devices=TWO)
    assert study.winner.members == 6
    splits = data.folds(DATA, 3)
    for column, stream in enumerate(study.streams):
        loss = study.winner.evaluate(splits[stream.fold].validation)["loss"][column]
        np.testing.assert_allclose(loss, study.rows.validation_loss[study.best, column], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 1}, "needed 2 to 71 folds of 71 examples, got k = 1"),
        ({"folds": 100}, "needed 2 to 71 folds"),
        ({"folds": 2, "data": [DATA]}, "a list of splits"),
        ({"data": []}, "needed a split or a pair"),
        ({"data": [DATA, blobs(features=3)]}, "one shape and type"),
    ],
)
def test_folds_that_cannot_be_are_refused_before_anything_compiles(changes, words):
    given = {"data": DATA} | changes
    with pytest.raises((ValueError, TypeError), match=words), count_compilations() as compiled:
        sweep(small_setup(), RATES, given.pop("data"), KEY, devices=TWO, **given)
    assert compiled.count == 0


@pytest.mark.parametrize("missing", [False, True])
def test_the_winner_takes_inputs_as_they_were_before_the_folds(missing, tmp_path):
    """Every member scales them as its own training part was, also once the study was saved."""
    raw = data.split(data.load("wine"))
    if missing:
        (tmp_path / "wine.csv").write_text(table_with_holes())
        raw = data.split(data.load(str(tmp_path / "wine.csv")))
    prepared, _ = data.prepare(raw)
    setup = small_setup(epochs=3)
    study = sweep(setup, RATES[:2], prepared, KEY, folds=4, devices=TWO)
    winner, splits = study.winner, data.folds(prepared, 4)
    assert all(fold.inputs is not None and (fold.inputs.missing is not None) == missing for fold in splits)
    for x in (prepared.train.x, prepared.validation.x):
        outputs = winner.predict(x)
        for member, fold in enumerate(splits):
            one = jax.tree.map(lambda a, i=member: a[i], winner)
            np.testing.assert_array_equal(one.inputs(x), fold.inputs(x))
            alone = dataclasses.replace(one, inputs=None).predict(np.asarray(fold.inputs(x)))
            np.testing.assert_allclose(outputs[member], alone, rtol=1e-5, atol=1e-6)
    lowest = study.rows.validation_loss[study.best]
    for member, fold in enumerate(splits):
        y = fold.validation.y
        pool = np.concatenate([prepared.train.x, prepared.validation.x])
        held_out = data.k_folds(np.concatenate([prepared.train.y, prepared.validation.y]), 4)[member][1]
        np.testing.assert_allclose(winner.evaluate((pool[held_out], y))["loss"][member], lowest[member], rtol=1e-5)
    study.save(tmp_path / "study")
    again = resume(tmp_path / "study").winner
    np.testing.assert_array_equal(again.predict(prepared.train.x), winner.predict(prepared.train.x))


def table_with_holes():
    rng = np.random.default_rng(2)
    rows = [f"{a:.3f},{'' if rng.random() < 0.2 else f'{b:.3f}'},{'rb'[i % 2]},{i % 3}"
            for i, (a, b) in enumerate(rng.normal(size=(90, 2)))]  # fmt: skip
    return "\n".join(["a,b,color,kind", *rows])
