"""Held-out predictions: each by a member that had not learned from the example."""

import dataclasses

import numpy as np
import pytest

from dlcore import data
from dlcore.layers import mlp
from dlcore.training import Run
from dlcore.tuning import held_out, sweep
from tests.problems import blobs, small_setup
from tests.tuning.problems import DATA, KEY

SETUP = small_setup(epochs=2, model=mlp((4, 3)))
RATE = "optimizer.learning_rate"


def test_of_folds_every_example_is_predicted_by_its_own():
    split, _ = data.normalize(data.split(data.load("iris")))
    study = sweep(SETUP, [{RATE: 1e-2}], split, KEY, seeds=2, folds=3, keep="all")
    found = held_out(study)
    pool = np.concatenate([np.asarray(part.x) for part in (split.train, split.validation)])
    assert found.outputs.shape == (2, len(pool), 3)
    order = np.lexsort(pool.round(3).T), np.lexsort(found.x.round(3).T)
    np.testing.assert_allclose(found.x[order[1]], pool[order[0]], atol=1e-6)  # as the sweep was given them
    members = np.asarray(study.winner.predict(found.x))  # a member scales its inputs as its own fold was
    seeds = np.array([stream.seed for stream in study.streams])
    folds = np.array([stream.fold for stream in study.streams])
    sizes = [len(fold.validation.y) for fold in study.asked.data]
    mine = np.repeat(np.arange(3), sizes)
    for seed in range(2):
        for fold in range(3):
            (member,) = np.flatnonzero((seeds == seed) & (folds == fold))
            some = mine == fold
            np.testing.assert_allclose(found.outputs[seed, some], members[member, some], rtol=1e-4, atol=1e-5)


def test_without_folds_it_is_the_validation_part():
    study = sweep(SETUP, [{RATE: 1e-3}, {RATE: 1e-2}], DATA, KEY, seeds=2, keep="all")
    found = held_out(study, 1)
    run: Run = study.run(1)
    np.testing.assert_array_equal(found.y, DATA.validation.y)
    np.testing.assert_array_equal(found.outputs, np.asarray(run.predict(DATA.validation.x)))


def test_what_was_not_kept():
    study = sweep(SETUP, [{RATE: 1e-2}], blobs(), KEY, keep="none")
    with pytest.raises(ValueError, match="that was kept"):
        held_out(study)
    with pytest.raises(ValueError, match="a study that sweep gave"):
        held_out(dataclasses.replace(study, asked=None))
