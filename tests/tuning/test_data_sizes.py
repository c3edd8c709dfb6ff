"""More and more examples as rows of one program: each of them the training on those examples alone."""

import jax
import numpy as np
import pytest

from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.figures import size_curves
from dlcore.tuning import data_ladder
from dlcore.tuning.data_sizes import DataLadder, _order
from tests.problems import blobs, small_setup
from tests.tuning.problems import KEY, train

DATA = blobs()
N = len(DATA.train.y)
SETUP = small_setup(epochs=4)


@pytest.fixture(scope="module")
def found():
    return data_ladder(SETUP, DATA, KEY, sizes=(2, 10, N), seeds=2, devices=jax.devices()[:1])


def test_a_row_is_the_training_on_those_examples(found):
    assert found.sizes == (2, 10, N)
    assert found.train_loss.shape == found.validation_metrics["accuracy"].shape == (3, 2)
    for i, n in enumerate(found.sizes):
        for seed in range(2):
            rng = np.random.default_rng([seed, *np.asarray(jax.random.key_data(KEY)).ravel()])
            chosen = np.resize(_order(np.asarray(DATA.train.y), rng)[:n], N)
            few = Split(Examples(*(np.asarray(a)[chosen] for a in DATA.train)), DATA.validation)
            alone = train(SETUP, few, jax.random.fold_in(KEY, seed))
            best = int(alone.state.best.epoch)
            np.testing.assert_allclose(found.validation_loss[i, seed], alone.history.validation_loss[best], rtol=1e-9)
            np.testing.assert_allclose(found.train_loss[i, seed], alone.history.train_loss[best], rtol=1e-9)


def test_one_program_whatever_the_sizes(found):
    del found  # compiled by then
    with count_compilations() as counted:
        data_ladder(SETUP, DATA, KEY, sizes=(3, 7, 11), seeds=2, devices=jax.devices()[:1])
    assert counted.count == 0


def test_all_examples_come_last_where_no_sizes_are_given():
    few = Split(Examples(*(np.asarray(a)[:12] for a in DATA.train)), DATA.validation)
    assert data_ladder(small_setup(epochs=2, batch_size=4), few, KEY, seeds=1).sizes == (1, 4, 12)


def test_every_first_part_has_the_classes_in_proportion():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    order = _order(y, np.random.default_rng(0))
    assert sorted(order) == list(range(100))
    for n in (10, 20, 50, 90):
        assert (abs(np.bincount(y[order[:n]], minlength=3) - n * np.array([0.6, 0.3, 0.1])) <= 1).all()
    values = np.linspace(0, 1, 20)[:, None]
    assert sorted(_order(values, np.random.default_rng(0))) == list(range(20))


def test_gain():
    loss = np.array([[3.0, 3.0, 3.0], [2.0, 1.5, 1.0]])
    made = DataLadder((10, 40), loss, loss, {}, {})
    falls = np.array([1.0, 1.5, 2.0]) / 2  # 40 are two doublings of 10
    np.testing.assert_allclose(made.gain(), (falls.mean(), falls.std(ddof=1) / np.sqrt(3)))
    alone = DataLadder((10, 40), loss[:, :1], loss[:, :1], {}, {}).gain()
    assert alone[0] == 0.5
    assert np.isnan(alone[1])


@pytest.mark.parametrize("sizes", [(), (0, 4), (4, 4), (10, 4), (N + 1,), (2.5,)])
def test_sizes_that_there_are_not(sizes):
    with pytest.raises(ValueError, match="sizes: needed rising numbers"):
        data_ladder(SETUP, DATA, KEY, sizes=sizes)


def test_a_figure(found):
    figure = size_curves(found)
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} >= {"training", "validation"}
    assert axes.get_xscale() == "log"
