"""Sweeps: rows, studies, plans."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import Dense, sequential
from dlcore.optimizers import SGD, Adam, Momentum
from dlcore.schedules import Exponential
from dlcore.training import EarlyStopping, accuracy, as_arrays, ready
from dlcore.tuning import Rows, Study, assign, extend, grid, plan_of, sweep
from tests.problems import small_setup
from tests.tuning.problems import DATA, KEY, SETUP, TWO, _study, history_of, train

RATE = "optimizer.learning_rate.initial"


def test_a_sweep_of_numbers_compiles_once_and_other_numbers_not_at_all():
    ready(SETUP, DATA), jax.random.fold_in(KEY, np.uint32(0))  # what is compiled once in a process
    other = jax.random.key(9)
    with count_compilations() as compiled:
        sweep(SETUP, grid({RATE: [1e-4, 1e-3, 1e-2], "penalty.strength": [0.0, 1e-3]}), DATA, KEY, seeds=2, devices=TWO)
    assert compiled.count == 2  # one starts the tiles, one takes them further
    with count_compilations() as compiled:
        sweep(
            SETUP,
            grid({RATE: [2e-4, 3e-3, 5e-2], "penalty.strength": [1.0, 1e-5]}),
            DATA,
            other,
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
    assert len(study.plans) == 4
    assert compiled.count == 8
    for i in (0, 5, 11):
        alone = train(assign(SETUP, space[i]), DATA, jax.random.fold_in(KEY, 0))
        np.testing.assert_allclose(study.rows.validation_loss[i, 0], alone.state.best.validation_loss, rtol=1e-7)


@pytest.mark.slow
def test_epochs_of_different_length_and_other_metrics_stand_in_one_table():
    space = [{"epochs": 2}, {"epochs": 4, "metrics": (accuracy, hinge)}]
    study = sweep(SETUP, space, DATA, KEY, seeds=2, devices=TWO)
    curves = study.rows.history.train_loss
    assert curves.shape == (2, 2, 4)
    assert np.isnan(curves[0, :, 2:]).all()
    assert np.isfinite(curves[1]).all()
    assert np.isnan(study.metric("hinge")[0]).all()
    assert np.isfinite(study.metric("hinge")[1]).all()
    assert np.isfinite(study.metric("accuracy")).all()


def test_a_diverged_run_is_ranked_last_and_never_wins():
    setup = small_setup(model=sequential(Dense(3)), optimizer=SGD(0.1))
    study = sweep(setup, grid({"optimizer.learning_rate": [1.7e308, 1e-3, 0.1]}), DATA, KEY, seeds=2, devices=TWO)
    assert study.diverged.tolist() == [[True, True], [False, False], [False, False]]
    assert study.order[-1] == 0
    assert study.best in (1, 2)
    assert np.isnan(study.metric("accuracy")[0]).all()
    with pytest.raises(ValueError, match="every configuration diverged"):
        _ = sweep(setup, grid({"optimizer.learning_rate": [1.7e308]}), DATA, KEY).best


def hinge(outputs, labels):
    """One minus the output of the right class."""
    return 1 - jnp.take_along_axis(outputs, labels[:, None], 1)[:, 0]


def test_the_winner_comes_back_trained_and_predicts():
    """One call holds one setup and one seed: what may still win is kept over many calls."""
    space = grid({"optimizer.learning_rate": [1e-4, 0.03, 1e-3]})
    study = sweep(small_setup(), space, DATA, KEY, seeds=3, width=1, devices=TWO[:1])
    assert study.best == 1
    assert study.winner.members == 3
    for s in range(3):
        alone = train(study.best_setup, DATA, jax.random.fold_in(KEY, s))
        member = jax.tree.map(lambda a, s=s: a[s], study.winner)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9),
            (member.params, member.history, member.state.learner, member.setup),
            (alone.params, alone.history, alone.state.learner, as_arrays(alone.setup)),
        )
        assert member.state.epoch == alone.state.epoch
        assert (jax.random.key_data(member.state.key) == jax.random.key_data(alone.state.key)).all()
    outputs = study.winner.predict(DATA.validation.x)
    assert outputs.shape == (3, 20, 3)
    np.testing.assert_allclose(study.winner.evaluate(DATA.validation)["loss"], study.rows.validation_loss[1], rtol=1e-6)


def test_a_study_in_which_all_diverged_is_a_study():
    setup = small_setup(model=sequential(Dense(3)), optimizer=SGD(0.1))
    study = sweep(setup, grid({"optimizer.learning_rate": [1.7e308, 1.6e308]}), DATA, KEY, seeds=2, devices=TWO)
    assert study.order.tolist() == [0, 1]
    assert study.ties == study.one_standard_error == []
    assert study.winner is None
    assert [row["diverged"] for row in study.table()] == [2, 2]
    assert study.warnings == ["every configuration diverged; try lower learning rates"]
    for name in ("best", "best_setup"):
        with pytest.raises(ValueError, match="every configuration diverged"):
            getattr(study, name)


def test_a_sweep_over_the_optimizer_shows_the_rate_that_was_used():
    study = sweep(SETUP, grid({"optimizer": [SGD(0.125), Adam(Exponential(0.5, 0.5))]}), DATA, KEY, devices=TWO)
    shown = {str(row["optimizer"]): row["learning rate"] for row in study.table()}
    last_step = 4 * (study.epoch[1, 0] + 1) - 1
    assert shown[str(SGD(0.125))] == 0.125
    np.testing.assert_allclose(shown[str(Adam(Exponential(0.5, 0.5)))], 0.5 * 0.5**last_step, rtol=1e-12)


def test_a_metric_and_a_rate_are_those_of_the_epoch_that_is_compared():
    loss = np.array([[[3.0, 1, 2]], [[3.0, 2, 1]], [[1.0, 2, 3]]])
    curve = np.array([[[0.1, 0.2, 0.3]], [[0.4, 0.5, 0.6]], [[0.7, 0.8, 0.9]]])
    rows = Rows(history_of(loss, curve), loss.min(-1), np.array([[1], [2], [0]]), np.array([[-1], [-1], [4]]))
    study = Study(small_setup(), tuple(grid({"epochs": [1, 2, 3]})), rows, ())
    np.testing.assert_array_equal(study.metric("accuracy")[:, 0], [0.3, 0.6, np.nan])
    np.testing.assert_array_equal(study.learning_rate[:, 0], [0.3, 0.6, np.nan])
    np.testing.assert_array_equal(study.loss[:, 0], [2, 1, np.inf])


def test_runs_are_compared_where_their_smoothed_mean_is_lowest():
    """One lucky epoch of one run is no reason; a run that stopped early counts with its best from then on."""
    nan = np.nan
    curves = np.array([[[9, 5, 4, 4.0, 5, 6], [9, 5, 4, 4.2, 0.1, 6]], [[9, 3, 5, nan, nan, nan], [9, 8, 7, 6, 4, 5]]])
    best = np.nanargmin(curves, -1)
    rows = Rows(history_of(curves), np.nanmin(curves, -1), best, np.full((2, 2), -1))
    # means 9 5 4 4.1 2.55 6, smoothed 7 6 4.37 3.55 4.22 4.28; and of the other 9 5.5 6 4.5 3.5 4, smoothed … 4 3.75
    np.testing.assert_array_equal(rows.epoch, [[3, 3], [1, 5]])
    np.testing.assert_array_equal(rows.loss, [[4, 4.2], [3, 5]])
    alone = jax.tree.map(lambda a: a[:1, :1], rows)
    np.testing.assert_array_equal(alone.epoch, [[2]])  # 4 and 4 and their neighbors 5 and 5: the first of two


def test_without_a_history_the_lowest_is_what_is_known():
    loss = np.array([[3.0, 2.0], [1.0, np.nan]])
    rows = Rows(None, loss, np.array([[4, 5], [6, -1]]), np.array([[-1, -1], [-1, 2]]))
    study = Study(small_setup(), tuple(grid({"optimizer.learning_rate": [0.1, 0.2]})), rows)
    np.testing.assert_array_equal(study.loss, [[3, 2], [1, np.inf]])
    assert (study.best, study.epoch.tolist()) == (0, [[4, 5], [6, -1]])
    assert [row["diverged"] for row in study.table()] == [0, 1]
    assert "<table>" in study._repr_html_()


def test_epochs_at_which_nobody_looked_are_not_compared():
    nan = np.nan
    curves = np.array([[[nan, 3.0, nan, 1.0, nan, 2.0, nan]], [[1.0, 2.0, nan, nan, nan, nan, nan]]])
    rows = Rows(history_of(curves), np.nanmin(curves, -1), np.nanargmin(curves, -1), np.array([[-1], [-1]]))
    np.testing.assert_array_equal(rows.epoch[:, 0], [3, 0])
    np.testing.assert_array_equal(rows.loss[:, 0], [1, 1])


def test_a_run_that_diverged_late_never_wins():
    study = _study([[0.1, 0.1], [0.5, 0.5]], [{"epochs": 1}, {"epochs": 2}], np.array([[-1, 900], [-1, -1]]))
    assert study.best == 1
    assert study.one_standard_error == [1]
    assert np.isnan(study.standard_error[0])


def test_the_choice_with_its_standard_error():
    space = grid({"optimizer.learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]})
    study = _study([[4, 4.2, 3.8], [1.0, 1.3, 1.6], [1.1, 1.2, 1.3], [1.3, 1.4, 1.5]], space)
    assert study.best == 2
    np.testing.assert_allclose(study.standard_error[2], np.std([1.1, 1.2, 1.3], ddof=1) / np.sqrt(3))
    assert study.one_standard_error == [2]
    assert _study([[1, 2, 3], [1.9, 2.1, 2.3], [2.7, 2.7, 2.7]], space[:3]).one_standard_error == [0, 1]
    one_seed = _study([[1.0], [1.0], [2.0], [np.nan]], space, np.array([[-1], [-1], [-1], [3]]))
    assert one_seed.ties == [0, 1]
    assert one_seed.one_standard_error == [0, 1, 2]  # one seed tells nothing apart
    assert study.best_setup.optimizer == Adam(1e-2)
    assert study.table(1)[0]["optimizer.learning_rate"] == 1e-2


@pytest.mark.parametrize(
    ("values", "losses", "words"),
    [
        ([1e-3, 1e-2, 1e-1], [3, 2, 1], "upper edge"),
        ([1e-3, 1e-2, 1e-1], [1, 2, 3], "lower edge"),
        ([1e-3, 1e-2, 1e-1], [2, 1, 3], None),
        ([0.0, 1e-2, 1e-1], [1, 2, 3], None),
        ([1e-3], [1], None),
        (np.logspace(-3, -1, 3, dtype=np.float32), [3, 2, 1], "upper edge"),
        (jnp.logspace(-3, -1, 3), [1, 2, 3], "lower edge"),
        (np.array([1, 2, 3]), [3, 2, 1], "upper edge"),
        ([np.array([0.1, 0.2]), np.array([0.3, 0.1])], [3, 2], None),
    ],
)
def test_a_best_value_at_the_edge_of_its_range_is_warned_of(values, losses, words):
    study = _study([[loss] for loss in losses], grid({"optimizer.learning_rate": values}))
    assert [words] * (words is not None) == [w for w in (words,) for line in study.warnings if w and w in line]
    assert len(study.warnings) == (words is not None)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 8), st.integers(1, 40))
def test_a_plan_covers_every_row(configs, seeds, devices, width):
    plan = plan_of([configs] * seeds, devices, width)
    lists = -(-configs // plan.configs) * seeds
    assert plan.configs * plan.seeds <= width
    assert plan.devices <= devices
    assert plan.calls * plan.devices * plan.seeds >= lists > (plan.calls - 1) * plan.devices * plan.seeds


def test_plans_do_not_waste():
    assert plan_of([64], 2, 32)[:2] == (32, 1)
    assert plan_of([4] * 8, 2, 32).calls == 1
    assert plan_of([5], 2, 32)[:2] == (3, 1)
    assert plan_of([1] * 3, 8, 8) == (1, 1, 3, 1)
    assert plan_of([7, 1, 1], 1, 9) == (1, 9, 1, 1)


def test_a_study_of_some_configurations_is_as_if_there_were_no_others():
    space = grid({"optimizer.learning_rate": [1e-4, 1e-2, 1e-3], "penalty.strength": [0.0, 1e-2]})
    study = sweep(SETUP, space, DATA, KEY, seeds=2, keep="all", devices=TWO)
    some = study.only([3, 0])
    np.testing.assert_array_equal(some.loss, study.loss[[3, 0]])
    assert some.space == (space[3], space[0])
    assert some.kept == [0, 1]
    for now, then in ((0, 3), (1, 0)):
        jax.tree.map(np.testing.assert_array_equal, some.run(now).params, study.run(then).params)
    longer = extend(some, epochs=2 * SETUP.epochs, devices=TWO)
    alone = sweep(dataclasses.replace(SETUP, epochs=2 * SETUP.epochs), some.space, DATA, KEY, seeds=2, devices=TWO)
    np.testing.assert_allclose(longer.rows.history.train_loss, alone.rows.history.train_loss, rtol=1e-10)


def test_more_assignments_of_a_study_are_trained_by_the_program_that_is_there():
    space = grid({"optimizer.learning_rate": [1e-4, 1e-3, 1e-2, 3e-2], "penalty.strength": [0.0, 1e-2]})
    study = sweep(SETUP, space, DATA, KEY, seeds=2, devices=TWO)
    with count_compilations() as compiled:
        new = grid({"optimizer.learning_rate": [0.1], "penalty.strength": [0.0, 1e-2, 1e-1]})
        more = extend(study, space=new, devices=TWO)
    assert compiled.count == 0
    assert more.plans[0][:3] == study.plans[0][:3]
    alone = train(assign(SETUP, more.space[-1]), DATA, jax.random.fold_in(KEY, 1))
    np.testing.assert_allclose(more.rows.validation_loss[-1, 1], alone.state.best.validation_loss, rtol=1e-7)


def test_old_tiles_are_kept_where_they_are_not_much_wider():
    before = plan_of([16] * 20, 2, 8)
    assert before.width == 16
    assert plan_of([20] * 20, 2, 8).or_before(before, [8] * 20) is before
    one_each = plan_of([1] * 20, 2, 8)
    assert one_each.or_before(before, [1] * 20) is one_each  # one setup in a list of eight
    wide, one_device = plan_of([64], 2, 8), plan_of([64], 1, 8)
    assert wide.or_before(plan_of([1], 2, 8), [63]) is wide  # as many places, but one after the other
    assert one_device.or_before(before, [63]) is one_device
