"""One change at a time: each row is the training of the changed setup alone, from the same seed."""

import dataclasses

import jax
import numpy as np
import pytest

from dlcore.data import Examples, Split
from dlcore.diagnosis import judge_changes
from dlcore.figures import change_gains
from dlcore.layers import mlp
from dlcore.optimizers import Adam, MultiSteps
from dlcore.regularizers import L2
from dlcore.schedules import Cosine, Piecewise, Warmup
from dlcore.tuning import Changes, assign, one_change_at_a_time
from dlcore.tuning.changes import (
    AS_IT_IS,
    BASELINES,
    BLIND,
    HALF,
    LARGER_RATE,
    NO_DROPOUT,
    NO_PENALTY,
    SHUFFLED,
    SMALLER_RATE,
    _neighbors,
    _rates,
)
from tests.problems import blobs, small_setup
from tests.tuning.problems import KEY, _study, train

DATA = blobs()
N = len(DATA.train.y)
SETUP = small_setup(optimizer=Adam(1e-2), penalty=L2(1e-3), epochs=4, model=mlp((8, 3), dropout=0.2))
ALL = (AS_IT_IS, SMALLER_RATE, LARGER_RATE, NO_PENALTY, NO_DROPOUT, HALF, *BASELINES)


@pytest.fixture(scope="module")
def found():
    return one_change_at_a_time(SETUP, DATA, KEY, seeds=2)


def test_every_row_is_the_training_of_the_changed_setup(found):
    assert found.names == ALL
    assert found.study.score.shape == (8, 2)
    changed = {
        AS_IT_IS: {},
        SMALLER_RATE: {"optimizer.learning_rate": 1e-2 / 3},
        LARGER_RATE: {"optimizer.learning_rate": 3e-2},
        NO_PENALTY: {"penalty.strength": 0.0},
        NO_DROPOUT: {"model.layers[2].rate": 0.0},
    }
    for i, name in enumerate(changed):
        for seed in range(2):
            alone = train(assign(SETUP, changed[name]), DATA, jax.random.fold_in(KEY, seed))
            curve = found.study.rows.history.validation_loss[i, seed]
            np.testing.assert_allclose(curve, alone.history.validation_loss, rtol=1e-9)


def test_half_of_the_examples_stand_there_twice(found):
    halves = found.study.rows.history.train_loss[found.names.index(HALF)]
    whole = found.study.rows.history.train_loss[0]
    assert halves.shape == whole.shape
    assert not np.allclose(halves, whole)


def test_baselines_know_less(found):
    loss = {name: found.study.rows.history.train_loss[i, :, -1] for i, name in enumerate(found.names)}
    assert (loss[SHUFFLED] > loss[AS_IT_IS]).all()
    shares = np.bincount(DATA.train.y) / N
    assert (loss[BLIND] > -(shares * np.log(shares)).sum() - 1e-9).all()  # no constant does better than the shares


def test_gains_are_paired(found):
    score = found.study.score
    for i, name in enumerate(ALL):
        apart = score[0] - score[i]
        mean, error = found.gain(name)
        np.testing.assert_allclose([mean, error], [apart.mean(), apart.std(ddof=1) / np.sqrt(2)], atol=1e-15)
    assert np.isnan(found.gain("another model")).all()


def test_where_there_is_nothing_to_change():
    plain = dataclasses.replace(SETUP, penalty=None, model=mlp((8, 3)))
    assert [name for name, _ in _neighbors(plain)] == [SMALLER_RATE, LARGER_RATE]
    none = dataclasses.replace(SETUP, penalty=L2(0.0), model=mlp((8, 3), dropout=0.0))
    assert [name for name, _ in _neighbors(none)] == [SMALLER_RATE, LARGER_RATE]


@pytest.mark.parametrize(
    ("rule", "rates"),
    [
        (Adam(1e-2), {".learning_rate": 1e-2}),
        (Adam(Cosine(1e-2, 10.0)), {".learning_rate.initial": 1e-2, ".learning_rate.end": 0.0}),
        (Adam(Piecewise((1e-2, 1e-3), (5.0,))), {".learning_rate.values[0]": 1e-2, ".learning_rate.values[1]": 1e-3}),
        (MultiSteps(Adam(1e-2), 2), {".rule.learning_rate": 1e-2}),
        (
            Adam(Warmup(Cosine(1e-2, 9.0), 3.0)),
            {".learning_rate.schedule.initial": 1e-2, ".learning_rate.schedule.end": 0.0, ".learning_rate.start": 0.0},
        ),
    ],
)
def test_learning_rates_wherever_they_stand(rule, rates):
    found = _rates(dataclasses.replace(SETUP, optimizer=rule))
    assert {name.removeprefix("optimizer"): value for name, value in found.items()} == rates


def test_a_single_example_has_no_half():
    one = Split(Examples(*(np.asarray(a)[:1] for a in DATA.train)), DATA.validation)
    assert one_change_at_a_time(dataclasses.replace(SETUP, epochs=1, batch_size=None), one, KEY, seeds=1).names == (
        *ALL[:-3],
        BLIND,
    )


def changes(gains, seeds=4, spread=0.001, as_it_is=0.5):
    """Changes whose mean gains are these, by their names."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(gains), seeds))
    noise -= noise.mean(1, keepdims=True)
    base = as_it_is + 0.1 * rng.standard_normal(seeds)
    rows = [base, *(base - gain + spread * one for gain, one in zip(gains.values(), noise, strict=True))]
    return Changes((AS_IT_IS, *gains), _study(rows, [{}] * len(rows)))


@pytest.mark.parametrize(
    ("gains", "kind"),
    [
        ({SMALLER_RATE: 0.1, LARGER_RATE: -0.1}, "learning rate too high"),
        ({SMALLER_RATE: -0.1, LARGER_RATE: 0.1}, "learning rate too low"),
        ({NO_PENALTY: 0.1}, "too much regularization"),
        ({NO_PENALTY: -0.1, NO_DROPOUT: 0.1}, "too much regularization"),
        ({HALF: -0.1, SHUFFLED: -1.0, BLIND: -1.0}, "more data help"),
        ({SHUFFLED: -0.001, BLIND: -1.0}, "nothing learned from the inputs"),
        ({SHUFFLED: -1.0, BLIND: 0.1}, "nothing learned from the inputs"),
        ({HALF: -0.001}, "more data hardly help"),
        ({SMALLER_RATE: -0.1, LARGER_RATE: 0.001}, "no neighbor is better"),  # a gain, but none to act on
    ],
)
def test_what_they_decide(gains, kind):
    assert [verdict.kind for verdict in judge_changes(changes(gains))] == [kind]


def test_what_chance_can_do_is_no_gain():
    told = judge_changes(changes({LARGER_RATE: 0.1}, spread=0.3))
    assert [verdict.kind for verdict in told] == ["no neighbor is better"]
    assert judge_changes(changes({LARGER_RATE: 0.1}, seeds=1)) == []  # a single seed tells nothing
    for name in (SHUFFLED, HALF):  # far worse, but of two seeds nothing is certain: nor is the opposite
        assert judge_changes(changes({name: -0.3}, seeds=2, spread=0.1)) == []
    lost = changes({LARGER_RATE: np.inf, SMALLER_RATE: 0.0})
    assert [verdict.kind for verdict in judge_changes(lost)] == ["no neighbor is better"]
    assert np.isnan(lost.gain(LARGER_RATE)).all()


def test_the_figure(found):
    gains = np.array([found.gain(name) for name in ALL[1:]])
    gains[1] = np.nan
    (ax,) = change_gains(ALL[1:], gains[:, 0], gains[:, 1]).axes
    assert [text.get_text() for text in ax.texts] == [" diverged"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(ALL[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"seeds": 0}, "seeds"), ({"key": 0}, "key"), ({"data": DATA.train.x}, "needed")],
)
def test_bad_input(options, message):
    given = {"data": DATA, "key": KEY} | options
    with pytest.raises((ValueError, TypeError), match=message):
        one_change_at_a_time(SETUP, given.pop("data"), given.pop("key"), **given)
