"""Rows: every one is the training alone, whatever stands beside it, on whichever fold and from whichever state."""

import jax
import numpy as np

from dlcore.data import padded
from dlcore.diagnosis.compilations import count_compilations
from dlcore.optimizers import SGD
from dlcore.training import EarlyStopping, Watch, arrays, as_arrays
from dlcore.training import train as train_eagerly
from dlcore.tuning import assign, grid
from dlcore.tuning.calls import Job, run
from dlcore.tuning.known import Row, Stream
from dlcore.tuning.rows import groups_of
from tests.problems import blobs, small_setup

KEY, TWO = jax.random.key(3), jax.devices()[:2]
RATES = grid({"optimizer.learning_rate": [1e-3, 1e-2, 0.1]})
FOLDS = [blobs(seed=0), blobs(seed=1)]
BOTH = arrays(padded(FOLDS))
train = jax.jit(train_eagerly)


def setups_of(setup):
    return [as_arrays(assign(setup, rate)) for rate in RATES]


def finished(setup, rows, data=FOLDS[0], devices=TWO, width=3, folded=False, **how):
    """Everything that ``run`` gives for the rows of one group, by row."""
    resting, until = how.pop("resting", None), how.pop("until", setup.epochs)
    sizes = [len(fold.train.y) for fold in FOLDS] if folded else None
    (group,) = groups_of(setups_of(setup), rows, KEY, devices=devices, width=width, sizes=sizes)
    found = {}
    epoch = resting[rows[0]].epoch if resting else None
    for part in run(Job(0, group.only(rows, epoch), until, resting), data, devices=devices, **how):
        assert not found.keys() & set(part.rows)
        found |= part.resting()
    assert set(found) == set(rows)
    return found


def assert_same(row, resting, setup, data=FOLDS[0], rtol=1e-7):
    alone = train(assign(setup, RATES[row.setup]), data, jax.random.fold_in(KEY, row.stream.seed))
    expected = jax.tree.leaves((alone.history, alone.state.learner, alone.state.watched))
    got = jax.tree.leaves((resting.found.history, resting.state.learner, resting.state.watched))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


ODD = [Row(2, Stream(4)), Row(0, Stream(4)), Row(1, Stream(0)), Row(0, Stream(7)), Row(1, Stream(4))]


def test_any_set_of_rows_is_those_trainings_alone():
    setup = small_setup()
    for row, resting in finished(setup, ODD).items():
        assert_same(row, resting, setup)


def test_a_row_sees_the_fold_of_its_stream_and_folds_share_the_key_of_their_seed():
    setup = small_setup(watch=Watch(training=10))
    rows = [Row(i, Stream(5, fold)) for i in (0, 2) for fold in (1, 0)]
    for row, resting in finished(setup, rows, BOTH, folded=True).items():
        assert_same(row, resting, setup, FOLDS[row.stream.fold])


def test_rows_go_on_from_where_they_rest_and_only_some_of_them_may():
    setup = small_setup(epochs=5)
    first = finished(setup, ODD, until=2)
    assert {len(resting.found.history.train_loss) for resting in first.values()} == {2}
    survivors = [Row(2, Stream(4)), Row(0, Stream(7))]
    later = finished(setup, survivors, until=3, resting=first)
    for row, resting in finished(setup, survivors, resting=later).items():
        assert resting.epoch == 5
        assert_same(row, resting, setup)


def test_a_part_of_a_group_is_no_new_program_and_what_is_done_is_left_out():
    """Tiles of three setups: a call that is done is not made; of one that is done in part the rest is."""
    rows = [Row(i, Stream(s)) for s in (0, 1) for i in range(3)]
    (group,) = groups_of(setups_of(small_setup()), rows, KEY, devices=TWO[:1], width=3)

    def trained(done):
        return [part.rows for part in run(Job(0, group, group.epochs, done=done), FOLDS[0], devices=TWO[:1])]

    assert trained(()) == [rows[:3], rows[3:]]
    with count_compilations() as compiled:
        assert trained(rows[:3]) == [rows[3:]]
        assert trained(rows[:4]) == [rows[4:]]
        assert trained(rows) == []
    assert compiled.count == 0


def test_a_tile_whose_rows_have_all_ended_ends():
    """Nothing improves by 100: every row stops after the second epoch, and no call is made for the other 2000."""
    setup, told = small_setup(epochs=2000, stopping=EarlyStopping(1.0, 100.0), optimizer=SGD(0.1)), []
    found = finished(setup, [Row(0, Stream(0)), Row(1, Stream(0))], watch=told.append)
    for resting in found.values():
        assert np.isfinite(resting.found.history.train_loss[:2]).all()
        assert np.isnan(resting.found.history.train_loss[2:]).all()
        assert len(resting.found.history.train_loss) == 2000
        assert resting.state.stopped
    assert len(told) <= 2
    assert told[-1].epoch == told[-1].epochs == 2000


def test_progress_moves_inside_long_trainings():
    told = []
    finished(small_setup(epochs=40), [Row(0, Stream(0))], watch=told.append)
    epochs = [chunk.epoch for chunk in told]
    assert epochs == sorted(set(epochs))
    assert len(epochs) > 1
    assert epochs[-1] == 40


def test_an_old_kind_of_key_is_a_key():
    group = groups_of(setups_of(small_setup()), [Row(0, Stream(2))], jax.random.PRNGKey(3), devices=TWO[:1])[0]
    (part,) = run(Job(0, group, group.epochs), FOLDS[0], devices=TWO[:1])
    assert_same(Row(0, Stream(2)), part.resting()[Row(0, Stream(2))], small_setup())
