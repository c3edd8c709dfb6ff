"""Sweeps: one program, rows equal to runs alone, and the choice that the rows support."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.compilations import count_compilations
from dlcore.models import Dense, sequential
from dlcore.optimizers import SGD, Adam, Momentum
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import EarlyStopping
from dlcore.training import train as train_eagerly
from dlcore.tuning import Rows, Study, assign, axes_of, grid, plan_of, refine, sweep
from tests.problems import blobs, quick_jit, small_setup

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(5)
TWO = jax.devices()[:2]
train = quick_jit(train_eagerly)
DATA = blobs()
SETUP = small_setup(optimizer=Adam(Exponential(1e-2, 0.99)), penalty=L2(1e-4))
RATE = "optimizer.learning_rate.initial"


def test_a_sweep_of_numbers_compiles_once_and_other_numbers_not_at_all():
    with count_compilations() as compiled:
        sweep(SETUP, grid({RATE: [1e-4, 1e-3, 1e-2], "penalty.strength": [0.0, 1e-3]}), DATA, KEY, seeds=2, devices=TWO)
    assert compiled.count == 1
    with count_compilations() as compiled:
        sweep(
            SETUP,
            grid({RATE: [2e-4, 3e-3, 5e-2], "penalty.strength": [1.0, 1e-5]}),
            DATA,
            jax.random.key(9),
            seeds=2,
            devices=TWO,
        )
    assert compiled.count == 0


@pytest.mark.parametrize(("width", "devices"), [(None, 8), (1, 1), (2, 3)])
def test_a_row_is_the_run_alone(width, devices):
    setup = small_setup(stopping=EarlyStopping(2.0), epochs=6, optimizer=Adam(1e-2))
    space = grid({"optimizer.learning_rate": [1e-3, 1e-2, 0.3], "model.layers[0].kernel_init.scale": [0.5, 2.0]})[:5]
    study = sweep(setup, space, DATA, KEY, seeds=3, width=width, devices=jax.devices()[:devices])
    assert study.loss.shape == (5, 3)
    for i, s in [(0, 0), (1, 2), (4, 1), (4, 2)]:
        alone = train(assign(setup, space[i]), DATA, jax.random.fold_in(KEY, s))
        row = jax.tree.map(lambda a, i=i, s=s: a[i, s], study.rows)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7), row.history, alone.history)
        np.testing.assert_allclose(row.validation_loss, alone.state.best.validation_loss, rtol=1e-7)
        assert row.best_epoch == alone.state.best.epoch


@pytest.mark.slow
def test_structures_are_grouped_into_as_few_programs_as_there_are():
    optimizers = [SGD(0.1), SGD(0.01), Momentum(0.1)]
    space = grid({"optimizer": optimizers, "model.layers[0].units": [4, 8], "penalty.strength": [0.0, 0.1]})
    with count_compilations() as compiled:
        study = sweep(SETUP, space, DATA, KEY, devices=TWO)
    assert compiled.count == len(study.plans) == 4
    for i in (0, 5, 11):
        alone = train(assign(SETUP, space[i]), DATA, jax.random.fold_in(KEY, 0))
        np.testing.assert_allclose(study.loss[i, 0], alone.state.best.validation_loss, rtol=1e-7)


@pytest.mark.slow
def test_epochs_of_different_length_stand_in_one_table():
    study = sweep(SETUP, grid({"epochs": [2, 4]}), DATA, KEY, seeds=2, devices=TWO)
    curves = study.rows.history.train_loss
    assert curves.shape == (2, 2, 4)
    assert np.isnan(curves[0, :, 2:]).all()
    assert np.isfinite(curves[1]).all()


def test_a_diverged_run_is_ranked_last_and_never_wins():
    setup = small_setup(model=sequential(Dense(3)), optimizer=SGD(0.1))
    study = sweep(setup, grid({"optimizer.learning_rate": [float("nan"), 1e-3, 0.1]}), DATA, KEY, seeds=2, devices=TWO)
    assert study.diverged.tolist() == [[True, True], [False, False], [False, False]]
    assert study.order[-1] == 0
    assert study.best in (1, 2)
    assert np.isnan(study.metric("accuracy")[0]).all()
    with pytest.raises(ValueError, match="every configuration diverged"):
        _ = sweep(setup, grid({"optimizer.learning_rate": [float("nan")]}), DATA, KEY).best


def _study(losses, space, first_nonfinite=None):
    losses = np.asarray(losses, float)
    none = np.full(losses.shape, -1)
    rows = Rows(None, losses, np.zeros(losses.shape, int), none if first_nonfinite is None else first_nonfinite)
    return Study(small_setup(), tuple(space), rows, ())


def test_the_choice_with_its_standard_error():
    space = grid({"optimizer.learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]})
    study = _study([[4, 4.2, 3.8], [1.0, 1.3, 1.6], [1.1, 1.2, 1.3], [1.3, 1.4, 1.5]], space)
    assert study.best == 2
    np.testing.assert_allclose(study.standard_error[2], np.std([1.1, 1.2, 1.3], ddof=1) / np.sqrt(3))
    assert study.one_standard_error == [2]
    assert _study([[1, 2, 3], [1.9, 2.1, 2.3], [2.7, 2.7, 2.7]], space[:3]).one_standard_error == [0, 1]
    assert _study([[1.0], [1.0], [2.0]], space[:3]).ties == [0, 1]
    assert study.best_setup.optimizer.learning_rate == 1e-2
    assert study.table(1)[0]["optimizer.learning_rate"] == 1e-2


@pytest.mark.parametrize(
    ("values", "losses", "words"),
    [
        ([1e-3, 1e-2, 1e-1], [3, 2, 1], "upper edge"),
        ([1e-3, 1e-2, 1e-1], [1, 2, 3], "lower edge"),
        ([1e-3, 1e-2, 1e-1], [2, 1, 3], None),
        ([0.0, 1e-2, 1e-1], [1, 2, 3], None),
        ([1e-3], [1], None),
    ],
)
def test_a_best_value_at_the_edge_of_its_range_is_warned_of(values, losses, words):
    study = _study([[loss] for loss in losses], grid({"optimizer.learning_rate": values}))
    assert [words] * (words is not None) == [w for w in (words,) for line in study.warnings if w and w in line]
    assert len(study.warnings) == (words is not None)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 8), st.integers(1, 40))
def test_a_plan_covers_every_row(configs, seeds, devices, width):
    plan = plan_of(configs, seeds, devices, width)
    tiles = -(-configs // plan.configs) * -(-seeds // plan.seeds)
    assert plan.configs * plan.seeds <= width
    assert plan.calls * devices >= tiles > (plan.calls - 1) * devices


def test_plans_do_not_waste():
    assert plan_of(64, 1, 2, 32)[:2] == (32, 1)
    assert plan_of(4, 8, 2, 32).calls == 1
    assert plan_of(5, 1, 2, 32)[:2] == (3, 1)


def test_grid_and_axes():
    space = grid({"a": [1, 2], "b": [0.5, 1.5]})
    assert space == [{"a": 1, "b": 0.5}, {"a": 1, "b": 1.5}, {"a": 2, "b": 0.5}, {"a": 2, "b": 1.5}]
    assert axes_of(space) == {"a": [1, 2], "b": [0.5, 1.5]}


def test_refined_axes_lie_between_the_neighbours():
    axes = {"rate": [1e-4, 1e-3, 1e-2, 1e-1], "decay": [0.0, 1e-5, 1e-4]}
    finer = refine(axes, {"rate": 1e-3, "decay": 1e-5}, points=5)
    assert len(finer["rate"]) == 5
    assert finer["rate"][2] == 1e-3
    np.testing.assert_allclose(finer["rate"][0], 10**-3.5, rtol=1e-2)
    np.testing.assert_allclose(finer["rate"][-1], 10**-2.5, rtol=1e-2)
    assert finer["decay"][0] == 0.0
    beyond = refine(axes, {"rate": 1e-1, "decay": 0.0})
    np.testing.assert_allclose(beyond["rate"][-1], 10**-0.5, rtol=1e-2)
    assert beyond["decay"] == [0.0, 5e-6]
    assert refine({"x": [3.0], "y": [0.0]}, {"x": 3.0, "y": 0.0}) == {"x": [3.0], "y": [0.0]}


@pytest.mark.parametrize(
    ("space", "error", "words"),
    [
        ([{"optimizer.learing_rate": 0.1}], ValueError, "no hyperparameter at .*; nearest first, there are: optimizer"),
        ([{"model.layers[7].units": 4}], ValueError, "no hyperparameter"),
        ([], ValueError, "at least one assignment"),
        ([{"batch_size": 1000}], ValueError, "batch_size"),
    ],
)
def test_bad_spaces_are_named_before_anything_is_compiled(space, error, words):
    with count_compilations() as compiled, pytest.raises(error, match=words):
        sweep(small_setup(), space, DATA, KEY)
    assert compiled.count == 0


def test_a_grid_needs_lists():
    with pytest.raises(TypeError, match="needed a list of values"):
        grid({"optimizer.learning_rate": 0.1})
