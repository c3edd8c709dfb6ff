"""A learning rate from the first steps: each of its losses is that of the short training alone."""

import dataclasses

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from dlcore.figures import rate_curve
from dlcore.optimizers import Momentum
from dlcore.schedules import Exponential
from dlcore.training import evaluate, start
from dlcore.tuning import assign, find_learning_rate
from dlcore.tuning.first_steps import _suggested
from tests.problems import blobs, small_setup
from tests.tuning.problems import KEY, train

DATA = blobs()
SETUP = small_setup(epochs=50)
RATE = "optimizer.learning_rate"


@pytest.fixture(scope="module")
def found():
    return find_learning_rate(SETUP, DATA, KEY, low=1e-4, high=10, steps=20, seeds=2)


def test_losses_are_those_of_short_trainings(found):
    assert_allclose(found.rates, np.geomspace(1e-4, 10, 21))
    batches = -(-len(DATA.train.y) // SETUP.batch_size)
    epochs = found.steps // batches
    assert found.steps == epochs * batches >= 20 > (epochs - 1) * batches
    for i, seed in ((3, 0), (8, 1)):
        short = assign(dataclasses.replace(SETUP, epochs=epochs), {RATE: float(found.rates[i])})
        key = jax.random.fold_in(KEY, seed)
        assert_allclose(found.loss[i, seed], train(short, DATA, key).history.validation_loss[-1], rtol=1e-9)
        fresh = start(short, DATA, key)
        assert_allclose(
            found.start[seed], evaluate(short, fresh.params, fresh.model_state, DATA.validation)[0], rtol=1e-9
        )


def test_the_suggestion_is_the_smallest_that_is_as_good_as_the_best(found):
    mean = found.loss.mean(1)
    best = mean.argmin()
    error = found.loss[best].std(ddof=1) / np.sqrt(2)
    place = list(found.rates).index(found.suggestion)
    assert mean[place] <= mean[best] + error
    assert (mean[:place] > mean[best] + error).all()


def test_nothing_is_suggested_where_nothing_falls():
    rates, start_ = np.array([1e-3, 1e-2]), np.array([1.0, 1.1, 0.9])
    assert np.isnan(_suggested(rates, np.full((2, 3), np.inf), start_))
    assert np.isnan(_suggested(rates, np.stack([start_, start_ + [0.1, -0.2, 0.05]]), start_))
    assert _suggested(rates, np.stack([start_, start_ / 2]), start_) == 1e-2


def test_another_path_and_a_schedule_there():
    setup = small_setup(optimizer=Momentum(Exponential(1e-2, 0.9), 0.5))
    found = find_learning_rate(setup, DATA, KEY, low=1e-3, high=1e-1, steps=5, seeds=1)
    assert found.loss.shape == (9, 1)
    other = find_learning_rate(setup, DATA, KEY, path=f"{RATE}.initial", low=1e-3, high=1e-1, steps=5, seeds=1)
    assert not np.allclose(found.loss, other.loss)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 1), (1e-3, np.inf), (-1, 1), (np.nan, 1)])
def test_ranges_that_are_none(low, high):
    with pytest.raises(ValueError, match="0 < low < high"):
        find_learning_rate(SETUP, DATA, KEY, low=low, high=high)


def test_a_figure(found):
    (axes,) = rate_curve(found).axes
    assert axes.get_xscale() == "log"
    assert any("suggested" in text.get_text() for text in axes.texts)
