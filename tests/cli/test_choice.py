"""Which setup the recipe takes, and how it goes on with it."""

from types import SimpleNamespace
from typing import Any, cast

import jax
import numpy as np
import pytest

from dlcore.recipe.steps import train, tune
from dlcore.recipe.steps.tune import DECAY, DROPOUT, RATE
from dlcore.training import Run
from dlcore.tuning import Study, sweep
from tests.problems import small_setup
from tests.tuning.problems import DATA, KEY, TWO, _study, history_of


def swept(name, losses, decays=None, first_nonfinite=None):
    """A sweep of that name, every configuration with three runs 0.1 apart: a standard error of 0.058."""
    losses = np.asarray(losses, float)[:, None] + np.array([-0.1, 0.0, 0.1])
    space = [{RATE: 1e-3 * (i + 1), DECAY: decay} for i, decay in enumerate(decays or [0.0] * len(losses))]
    return SimpleNamespace(name=name, number=0), _study(losses, space, first_nonfinite)


@pytest.mark.parametrize(
    ("sweeps", "wanted"),
    [
        ([swept("linear", [1.05]), swept("coarse", [2.0, 1.0]), swept("refined", [1.2])], ("linear", 0)),
        ([swept("linear", [1.07]), swept("coarse", [2.0, 1.0]), swept("refined", [1.2])], ("coarse", 1)),
        ([swept("linear", [3.0]), swept("coarse", [1.1]), swept("refined", [1.02, 1.0])], ("refined", 1)),
        ([swept("coarse", [1.0, 1.04, 1.05, 1.2], [0.0, 1e-2, 1e-3, 1.0])], ("coarse", 1)),
        ([swept("coarse", [1.05, 1.04], [1e-2, 1e-2]), swept("refined", [1.0], [1e-3])], ("coarse", 1)),
        ([swept("linear", [0.5], None, np.array([[3, -1, -1]])), swept("coarse", [1.0])], ("coarse", 0)),
    ],
    ids=["linear within", "linear outside", "best", "larger penalty", "among equals", "diverged"],
)
def test_the_simplest_within_one_standard_error_is_chosen(sweeps, wanted):
    chosen = tune.choose(sweeps)
    assert (chosen.sweep.name, chosen.configuration) == wanted


def test_among_equal_penalties_more_dropout_is_simpler():
    space = [{RATE: 1e-3, DECAY: 1e-3, DROPOUT: rate} for rate in (0.0, 0.2, 0.5)] + [{RATE: 1e-3, DECAY: 1e-3}]
    losses = np.array([1.0, 1.04, 1.2, 1.01])[:, None] + np.array([-0.1, 0.0, 0.1])
    assert tune.choose([(SimpleNamespace(name="refined", number=3), _study(losses, space))]).configuration == 1


@pytest.mark.parametrize("dropouts", [(0.5,), (0.0, 0.2)])
def test_the_finer_sweep_is_around_the_best_of_the_coarse_one(monkeypatch, dropouts):
    asked = {}

    def search(name, number, setup, axes, seeds, task, folder):
        asked[name] = axes
        return swept(name, [5.0, 1.0, 3.0, 4.0, 2.0])  # of the rates 1e-3, 2e-3, and so on

    monkeypatch.setattr(tune, "search", search)
    recipe = SimpleNamespace(learning_rates=[1e-3], weight_decays=[0.0], seeds=3, dropouts=dropouts)
    made = list(tune.stages(cast(Any, recipe), small_setup(), cast(Any, None)))
    assert [record.name for record, _ in made] == ["linear", "coarse", "refined"]
    rates = asked["refined"][RATE]
    assert 2e-3 in rates
    assert 1e-3 <= min(rates) < 2e-3 < max(rates) <= 3e-3
    assert asked["coarse"].keys() == {RATE, DECAY}
    assert asked["refined"].get(DROPOUT) == ([0.0, 0.2] if len(dropouts) > 1 else None)


def test_a_single_run_tells_no_standard_error_and_all_diverged_is_said():
    one = SimpleNamespace(name="coarse", number=1)
    space = [{RATE: 1e-3, DECAY: 1e-2}, {RATE: 1e-2, DECAY: 0.0}]
    assert tune.choose([(one, _study([[1.1], [1.0]], space))]).configuration == 1
    with pytest.raises(ValueError, match="every configuration diverged"):
        tune.choose([(one, _study([[1.1], [1.0]], space, np.array([[1], [2]])))])


def test_the_curves_are_the_mean_of_the_members_and_one_that_stopped_stays_as_it_was():
    nan = np.nan
    curves = np.array([[4.0, 2.0, nan, nan], [6.0, 4.0, 2.0, nan], [9.0, nan, nan, nan]])
    diverged = np.array([False, False, True])
    first = np.where(diverged, 7, -1)
    run: Run = Run(
        None, None, None, history_of(curves, curves), SimpleNamespace(diverged=diverged, first_nonfinite=first)
    )
    np.testing.assert_array_equal(run.mean_history.validation_loss, [5, 3, 2])
    run.state.diverged = np.ones(3, bool)
    np.testing.assert_allclose(run.mean_history.validation_loss, [19 / 3, 5, 13 / 3])


def test_what_was_compared_is_trained_on():
    setup = small_setup(epochs=2)
    study: Study = sweep(setup, [{RATE: 1e-3}, {RATE: 1e-2}], DATA, KEY, seeds=2, keep="all", devices=TWO)
    longer, whole = train.go_on(study, 0)
    assert whole
    assert longer.space == study.space[:1]
    run: Run = longer.run(0)
    assert jax.tree.leaves(run.state.epoch)[0].tolist() == [6, 6]
    np.testing.assert_array_equal(run.history.train_loss[:, :2], study.run(0).history.train_loss)
    assert train.record(run, whole, 0.0).ending == "finished"
    assert train.record(run, False, 0.0).ending == "interrupted"
