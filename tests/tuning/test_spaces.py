"""Spaces: grids, refined axes, wrong ones."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import Dense, Dropout, sequential
from dlcore.losses import softmax_cross_entropy
from dlcore.numerics.formats import Scalar
from dlcore.optimizers import SGD, Adam, Momentum
from dlcore.training import EarlyStopping, ready
from dlcore.tree import hyperparams, number
from dlcore.tuning import assign, axes_of, beyond, edges, grid, refine, sweep
from dlcore.tuning.spaces import range_of
from tests.problems import small_setup
from tests.tuning.problems import DATA, KEY, SETUP, TWO, _study, train


def test_grid_and_axes():
    space = grid({"a": [1, 2], "b": [0.5, 1.5]})
    assert space == [{"a": 1, "b": 0.5}, {"a": 1, "b": 1.5}, {"a": 2, "b": 0.5}, {"a": 2, "b": 1.5}]
    assert axes_of(space) == {"a": [1, 2], "b": [0.5, 1.5]}


def test_refined_axes_lie_between_the_neighbors():
    axes = {"rate": [1e-4, 1e-3, 1e-2, 1e-1], "decay": [0.0, 1e-5, 1e-4]}
    finer = refine(axes, {"rate": 1e-3, "decay": 1e-5}, points=5)
    assert len(finer["rate"]) == 5
    assert finer["rate"][2] == 1e-3
    np.testing.assert_allclose(finer["rate"][0], 10**-3.5, rtol=1e-2)
    np.testing.assert_allclose(finer["rate"][-1], 10**-2.5, rtol=1e-2)
    assert finer["decay"][0] == 0.0
    outside = refine(axes, {"rate": 1e-1, "decay": 0.0})
    np.testing.assert_allclose(outside["rate"][-1], 10**-0.5, rtol=1e-2)
    assert outside["decay"] == [0.0, 5e-6]
    assert refine({"x": [3.0], "y": [0.0]}, {"x": 3.0, "y": 0.0}) == {"x": [3.0], "y": [0.0]}


def test_finer_axes_are_finer_and_hold_the_best_once():
    for values, best, points in (
        ([0.9, 0.99, 0.999, 0.9999], 0.999, 3),
        ([0.9, 0.99, 0.999, 0.9999], 0.999, 5),
        ([1000.0, 1001.0, 1002.0], 1001.0, 3),
        ([1e-3, 1.0001e-3], 1e-3, 9),
    ):
        found = refine({"p": values}, {"p": best}, points)["p"]
        assert found == sorted(set(found))
        assert best in found
        assert len(found) == points
        assert found[0] < best < found[-1]
    assert refine({"n": [16, 32, 64]}, {"n": 32})["n"] == [23, 32, 45]
    assert refine({"n": [1, 2, 3]}, {"n": 2}, 5)["n"] == [1, 2]  # 1.41, 1.68, 2, 2.21, 2.45
    assert refine({"optimizer": [Adam(), SGD()]}, {"optimizer": SGD()}) == {"optimizer": [SGD()]}
    assert refine({"b": [True, False]}, {"b": False}) == {"b": [False]}


@hyperparams
class Ranged:
    """Numbers with ranges."""

    share: Scalar = number(0.5, low=0, high=1)
    rate: Scalar = number(0.1, above=0, log=True)
    decay: Scalar = number(0.9, low=0, below=1)
    count: Scalar = number(3, low=1, whole=True)


@pytest.mark.parametrize(
    ("path", "values", "best", "expected"),
    [
        ("share", [0.5, 0.7, 0.9], 0.9, [0.8, 0.9, 1.0]),
        ("share", [0.5, 0.75, 1.0], 1.0, [0.875, 1.0]),
        ("share", [0.2, 0.4], 0.2, [0.1, 0.2, 0.3]),
        ("share", [0.02, 0.4], 0.02, [0.0, 0.02, 0.21]),
        ("decay", [0.5, 0.9], 0.9, [0.7, 0.9, 0.95]),
        ("rate", [0.01, 1.0], 0.01, [0.001, 0.01, 0.1]),
        ("count", [1.0, 4.0], 1.0, [1.0, 2]),
    ],
)
def test_finer_axes_stay_inside_the_range_that_a_number_declares(path, values, best, expected):
    found = refine({path: values}, {path: best}, setup=Ranged())[path]
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-12)
    assert set(found) >= {best}


def test_an_edge_that_is_the_end_of_the_declared_range_has_no_beyond():
    space = grid({"model.layers[0].kernel_init.scale": [1.0], "stopping.patience": [1.0, 2.0]})
    study = _study([[1.0], [2.0]], space)
    study = dataclasses.replace(study, setup=small_setup(stopping=EarlyStopping(5.0)))
    assert range_of(study.setup, "stopping.patience").low == 1
    assert study.warnings == []


@pytest.mark.parametrize(
    ("axes", "error", "words"),
    [
        ({"a": []}, ValueError, "at least one value, got an empty list"),
        ({"a": [1.0, 2.0, 1.0]}, ValueError, "every value once, got 1.0 twice"),
        ({"a": [1, 1.0]}, ValueError, "twice"),
        ({"a": [float("nan"), np.float64("nan")]}, ValueError, "twice"),
        ({"a": [np.ones(2), np.ones(2)]}, ValueError, "twice"),
        ({"a": [SGD(0.1), SGD(0.1)]}, ValueError, "twice"),
        ({"a": 0.1}, TypeError, "needed a list of values"),
        ({"a": "relu"}, TypeError, "needed a list of values"),
        ({"a": jnp.asarray(0.1)}, TypeError, "needed a list of values"),
    ],
)
def test_a_grid_needs_lists_of_different_values(axes, error, words):
    with pytest.raises(error, match=words):
        grid(axes)


def test_spaces_join_and_what_is_in_both_is_there_once():
    both = grid({"a": [1.0, 2.0]}) | [{"a": 2}, {"a": 3.0, "b": np.ones(2)}] | [{"b": np.ones(2), "a": 3.0}]
    assert [row["a"] for row in both] == [1.0, 2.0, 3.0]


def test_arrays_as_values_are_trained_and_told_apart():
    weights = [np.array([1.0, 1.0, 1.0]), np.array([5.0, 1.0, 1.0])]
    space = grid({"loss.weight": weights})
    setup = small_setup(loss=jax.tree_util.Partial(weighted, weight=weights[0]))
    study = sweep(setup, space, DATA, KEY, devices=TWO)
    assert len(axes_of(study.space)["loss.weight"]) == 2
    assert ["loss.weight cannot be compared" in line for line in study.warnings] == [True]
    alone = train(assign(setup, space[1]), DATA, jax.random.fold_in(KEY, 0))
    np.testing.assert_allclose(study.rows.validation_loss[1, 0], alone.state.best.validation_loss, rtol=1e-7)


def weighted(outputs, labels, weight):
    """Cross entropy with a weight for every class."""
    return softmax_cross_entropy(outputs, labels) * weight[labels]


EVERY_RATE = "model.layers[*].rate"


def test_one_axis_for_all_layers_is_that_of_setups_written_by_hand():
    setup = small_setup(model=sequential(Dense(8), Dropout(0.0), Dense(8), Dropout(0.0), Dense(3)), epochs=3)
    study = sweep(setup, grid({EVERY_RATE: [0.0, 0.5]}), DATA, KEY, devices=TWO[:1])
    by_hand = [{"model.layers[1].rate": rate, "model.layers[3].rate": rate} for rate in (0.0, 0.5)]
    np.testing.assert_array_equal(study.loss, sweep(setup, by_hand, DATA, KEY, devices=TWO[:1]).loss)
    assert axes_of(study.space) == {EVERY_RATE: [0.0, 0.5]}
    both = assign(setup, {"model.layers[3].rate": 0.1, EVERY_RATE: 0.5})
    assert both == assign(setup, {"model.layers[1].rate": 0.5, "model.layers[3].rate": 0.1})


def test_an_axis_for_all_layers_has_the_range_of_their_field():
    setup = small_setup(model=sequential(Dense(8), Dropout(0.0), Dense(3)))
    assert range_of(setup, EVERY_RATE) == range_of(setup, "model.layers[1].rate")
    assert beyond({EVERY_RATE: [0.0, 0.2, 0.5]}, {EVERY_RATE: 0.5}, setup=setup) == {EVERY_RATE: 0.75}
    assert edges({EVERY_RATE: [0.5, 1.0]}, {EVERY_RATE: 1.0}, setup=setup) == {}
    assert range_of(None, EVERY_RATE) is None


def test_a_path_below_another_is_put_in_after_it():
    assert assign(SETUP, {"optimizer.learning_rate": 0.5, "optimizer": SGD(0.1)}).optimizer == SGD(0.5)


@pytest.mark.parametrize(
    ("space", "error", "words"),
    [
        ([{"optimizer.learing_rate": 0.1}], ValueError, "no hyperparameter at .*; nearest first, there are: optimizer"),
        ([{"model.layers[7].units": 4}], ValueError, "no hyperparameter"),
        ([], ValueError, "at least one assignment"),
        ([{"batch_size": 1000}], ValueError, "batch_size"),
        ({"optimizer.learning_rate": [0.1]}, TypeError, "grid"),
        ([{"stopping.patience": 3.0}, {"stopping.patience": float("nan")}], ValueError, "stopping.patience: needed"),
        ([{"stopping.patience": 3.0}, {"stopping.patience": 0.0}], ValueError, "stopping.patience: needed"),
        ([{"epochs": 0}], ValueError, "epochs: needed"),
    ],
)
def test_bad_spaces_are_named_before_anything_is_compiled(space, error, words):
    setup = small_setup(stopping=EarlyStopping(3.0))
    ready(setup, DATA)
    with count_compilations() as compiled, pytest.raises(error, match=words):
        sweep(setup, space, DATA, KEY)
    assert compiled.count == 0


@pytest.mark.parametrize("key", [0, np.zeros(3), jax.random.split(KEY)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(TypeError, match="key: needed"):
        sweep(SETUP, [{}], DATA, key)


@pytest.mark.parametrize(
    ("values", "best", "side", "next_one"),
    [
        ([1e-4, 1e-3, 1e-2, 1e-1], 1e-1, "upper", 1.0),
        ([1e-4, 1e-3], 1e-4, "lower", 1e-5),
        ([1e-4, 1e-3, 1e-2], 1e-3, None, None),
        ([0.0, 1e-4], 1e-4, "upper", 1e-3),
        ([0.0, 1e-4, 3e-4], 3e-4, "upper", 9e-4),
        ([0.0, 1e-4], 0.0, None, None),
        ([1e-3], 1e-3, None, None),
        (["a", "b"], "a", None, None),
        (np.array([1e-3, 1e-2], np.float32), np.float32(1e-2), "upper", 0.1),
    ],
)
def test_beyond_an_edge_the_axis_goes_on_as_before(values, best, side, next_one):
    path = "optimizer.learning_rate"
    assert edges({path: values}, {path: best}) == ({} if side is None else {path: side})
    found = beyond({path: values}, {path: best})
    assert found == ({} if next_one is None else {path: pytest.approx(next_one, rel=1e-3)})


def test_beyond_stays_in_the_declared_range_and_whole_numbers_whole():
    setup = small_setup(stopping=EarlyStopping(5), optimizer=Momentum(1e-2, 0.5))
    assert beyond({"stopping.patience": [2, 4]}, {"stopping.patience": 4}, setup=setup) == {"stopping.patience": 6}
    momentum = {"optimizer.momentum": [0.5, 0.9]}
    (found,) = beyond(momentum, {"optimizer.momentum": 0.9}, setup=setup).values()
    assert 0.9 < found < 1
    assert edges({"stopping.patience": [1, 2]}, {"stopping.patience": 1}, setup=setup) == {}
