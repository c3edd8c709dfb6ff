"""Halving and Hyperband: who leaves when, at what price, and that those who stay are trained as if alone."""

import jax
import numpy as np
import pytest

from dlcore.diagnosis.compilations import count_compilations
from dlcore.optimizers import SGD
from dlcore.regularizers import L2
from dlcore.training import as_arrays
from dlcore.tuning import Halving, Hyperband, LogUniform, Rows, assign, grid, sample, sweep
from dlcore.tuning.known import Resting, Row, Stream
from dlcore.tuning.search import Asked, HalvingRung, How, search
from tests.problems import blobs, small_setup
from tests.tuning.problems import TWO, history_of, train

KEY, DATA = jax.random.key(3), blobs()
SETUP = small_setup(epochs=9)
SPACE = sample({"optimizer.learning_rate": LogUniform(1e-5, 1.0)}, 14)


def test_rungs_are_those_of_the_paper():
    (bracket,) = Halving(first=3, keep=1 / 3).brackets(64, 30)
    assert bracket.epochs == (3, 9, 27, 30)
    assert [bracket.survivors(n) for n in (64, 21, 7, 2, 1)] == [21, 7, 2, 1, 1]
    assert Halving(first=5, keep=0.5).brackets(8, 5)[0].epochs == (5,)


def test_hyperband_is_that_of_the_paper():
    """Li et al. 2018, table 1: R = 81, eta = 3 has brackets that begin with 81, 34, 15, 8 and 5 configurations."""
    brackets = Hyperband(first=1, keep=1 / 3).brackets(143, 81)
    assert [len(bracket.configurations) for bracket in brackets] == [81, 34, 15, 8, 5]
    assert [bracket.epochs for bracket in brackets] == [(1, 3, 9, 27, 81), (3, 9, 27, 81), (9, 27, 81), (27, 81), (81,)]
    assert sorted(i for bracket in brackets for i in bracket.configurations) == list(range(143))


def test_those_who_stay_are_the_best_so_far_and_are_trained_as_in_the_whole_study():
    full = sweep(SETUP, SPACE, DATA, KEY, seeds=2, devices=TWO, keep="all")
    study = sweep(SETUP, SPACE, DATA, KEY, seeds=2, devices=TWO, halving=Halving(2, 1 / 3))
    alive = list(range(14))
    for rung, epoch in zip(study.rungs, (2, 6), strict=True):
        so_far = np.asarray(full.rows.history.validation_loss)[..., :epoch].min(-1).mean(-1)
        best = sorted(sorted(alive, key=lambda i, s=so_far: s[i])[: len(alive) // 3])
        assert rung == (epoch, tuple(alive), tuple(best))
        alive = best
    assert len(alive) == 1
    for i in range(14):
        end = 9 if i in alive else study.reached[i]
        curves = study.rows.history.validation_loss[i]
        np.testing.assert_array_equal(curves[:, :end], full.rows.history.validation_loss[i, :, :end])
        assert np.isnan(curves[:, end:]).all()
    assert study.best == alive[0]
    assert study.one_standard_error == alive
    assert study.winner.members == 2
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7), study.winner.params, full.run(study.best).params
    )


def test_who_leaves_is_judged_as_a_study_is():
    """Neither one lucky epoch nor a loss before the run diverged: 0.1 and 0.01 lose against 0.3."""
    curves = np.array([[1.0, 0.1, 1.0], [0.5, 0.4, 0.3], [0.9, 0.01, np.nan]])
    diverged = [-1, -1, 40]
    found = {
        Row(i, Stream(0)): {
            3: Resting(3, Rows(history_of(c), np.nanmin(c), np.nanargmin(c), np.array(diverged[i])), None)
        }
        for i, c in enumerate(curves)
    }
    setup, space = small_setup(epochs=4), grid({"optimizer.learning_rate": [1e-3, 2e-3, 3e-3]})
    asked = Asked(setup, tuple(space), DATA, KEY, halving=Halving(3, 1 / 3))
    setups = [as_arrays(assign(setup, a)) for a in space]
    answer = search(asked, setups, found, How(tuple(TWO[:1])), lambda rows: None)
    assert answer.rungs == (HalvingRung(3, (0, 1, 2), (1,)),)


def test_a_rung_is_no_new_program_also_where_all_survivors_have_a_number_in_common():
    """Of both penalties only one survives: it is still a number that varies."""
    space = grid({"penalty.strength": [0.0, 50.0], "optimizer.learning_rate": [1e-3, 1e-2, 3e-2]})
    setup = small_setup(epochs=8, penalty=L2(0.0))
    with count_compilations() as compiled:
        study = sweep(setup, space, DATA, KEY, devices=TWO[:1], halving=Halving(1, 0.5))
    assert len(study.rungs) == 3
    assert {space[i]["penalty.strength"] for i in study.rungs[1].kept} == {0.0}
    assert compiled.count <= 3  # the first key, the start, the way on


def test_who_left_early_never_wins_and_a_loser_of_all_is_a_study():
    study = sweep(
        small_setup(epochs=9, optimizer=SGD(0.1)),
        grid({"optimizer.learning_rate": [1.7e308, 1.6e308, 1e-3]}),
        DATA, KEY, devices=TWO, halving=Halving(3, 1 / 3),
    )  # fmt: skip
    assert study.best == 2
    assert study.rungs[0].kept == (2,)
    lost = sweep(
        small_setup(epochs=4, optimizer=SGD(0.1)),
        grid({"optimizer.learning_rate": [1.7e308, 1.6e308]}),
        DATA, KEY, devices=TWO, halving=Halving(1, 0.5),
    )  # fmt: skip
    assert lost.winner is None
    assert lost.order.tolist() == [0, 1]


@pytest.mark.slow
def test_hyperband_trains_every_bracket_and_ends_with_a_winner():
    study = sweep(SETUP, SPACE, DATA, KEY, devices=TWO, halving=Hyperband(1, 1 / 3))
    trained = [i for i in range(14) if study.reached[i] > 9]
    assert len(trained) == 4
    assert study.best in trained
    alone = train(assign(SETUP, SPACE[study.best]), DATA, jax.random.fold_in(KEY, 0))
    np.testing.assert_allclose(study.rows.validation_loss[study.best, 0], alone.state.best.validation_loss, rtol=1e-7)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Halving(first=0), "Halving.first: needed an integer of at least 1, got 0"),
        (lambda: Halving(keep=1.0), "Halving.keep: needed a share between 0 and 1, got 1.0; try 1/3"),
        (lambda: Hyperband(keep=float("nan")), "Hyperband.keep"),
        (lambda: sweep(SETUP, SPACE, DATA, KEY, halving="sha"), "needed Halving or Hyperband"),
        (lambda: sweep(SETUP, grid({"epochs": [2, 3]}), DATA, KEY, halving=Halving()), "no epochs beside a halving"),
        (lambda: sweep(SETUP, SPACE, DATA, KEY, keep=0), "sweep: keep: needed an integer of at least 1, got 0"),
        (lambda: sweep(SETUP, SPACE, DATA, KEY, keep="best"), "sweep: keep"),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()
