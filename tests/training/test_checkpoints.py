"""Checkpoints, Ctrl-C, resuming."""

import dataclasses
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.activations import relu, tanh
from dlcore.interop.optax import from_optax
from dlcore.layers import BatchNorm, Dense, sequential
from dlcore.losses import multiclass_hinge
from dlcore.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    Frozen,
    Masked,
    Partition,
)
from dlcore.training import checkpoints, driver, fit
from tests.problems import small_setup
from tests.training.problems import DATA, KEY


def test_ctrl_c_keeps_what_was_learned_and_resumes():
    setup = small_setup(epochs=20)
    whole = fit(setup, DATA, KEY)

    def interrupt(progress):
        if progress.epoch == 6:
            raise KeyboardInterrupt

    part = fit(setup, DATA, KEY, watch=interrupt)
    assert part.ending == "interrupted"
    assert len(part.history.train_loss) == 6
    rest = fit(setup, DATA, KEY, resume=(part.state, part.history))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), rest.history, whole.history)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), rest.params, whole.params)


def test_a_checkpoint_goes_on_where_it_was_saved(tmp_path):
    setup = small_setup(epochs=4, model=sequential(Dense(8), BatchNorm(), relu, Dense(3)))
    first = fit(setup, DATA, KEY)
    checkpoints.save(tmp_path / "four", first)
    longer = dataclasses.replace(setup, epochs=8)
    found = checkpoints.restore(tmp_path / "four", longer, DATA, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, found[1], first.history)
    rest, whole = fit(longer, DATA, KEY, resume=found), fit(longer, DATA, KEY)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), rest.history, whole.history)
    with pytest.raises(ValueError, match="needed a new folder"):
        checkpoints.save(tmp_path / "four", first)


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_checkpoint_that_cannot_be_used_is_named(fault, tmp_path):
    checkpoints.save(tmp_path / "c", fit(small_setup(), DATA, KEY))
    if fault == "damaged":
        for path in (tmp_path / "c").rglob("*"):
            if path.is_file():
                path.write_bytes(b"")
    with pytest.raises(ValueError, match="needed a whole checkpoint of this setup"):
        checkpoints.restore(tmp_path / ("gone" if fault == "missing" else "c"), small_setup(), DATA, KEY)


@pytest.mark.parametrize("devices", [None, "all"])
def test_ctrl_c_ends_a_training_after_the_chunk_in_hand(devices):
    """A real signal; a second one ends it at once. What was learned is there, and Ctrl-C works as before afterwards."""
    for times in (1, 2):

        def interrupt(progress, times=times):
            if progress.epoch >= 2:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        run = fit(small_setup(epochs=20), DATA, KEY, watch=interrupt, devices=devices)
        assert run.ending == "interrupted"
        assert len(run.history.train_loss) == int(run.state.epoch) == 2
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_before_the_first_epoch_leaves_a_run_that_goes_on(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    setup = small_setup()
    with monkeypatch.context() as patch:
        patch.setattr(driver, "_advance", interrupted)
        run = fit(setup, DATA, KEY)
    assert run.ending == "interrupted"
    assert run.history.train_loss.shape == run.history.validation_metrics["accuracy"].shape == (0,)
    checkpoints.save(tmp_path / "c", run)
    state, history = checkpoints.restore(tmp_path / "c", setup, DATA, KEY)
    whole = fit(setup, DATA, KEY)
    rest = fit(setup, DATA, KEY, resume=(state, history))
    jax.tree.map(np.testing.assert_array_equal, rest.history, whole.history)


@pytest.mark.parametrize(
    "optimizer",
    [
        Frozen(Adam(), ("[0].bias",)),
        Masked(Adam(), ("[0].bias",)),
        Partition((Masked(Adam(), ("[0]",)), Masked(EMA(SGD()), ("[2]",)))),
        from_optax(optax.noisy_sgd(0.05, eta=1e-4, key=1)),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_states_with_holes_and_keys_of_any_kind_come_back(optimizer, tmp_path):
    setup = small_setup(optimizer=optimizer, epochs=1)
    for kind in ("threefry2x32", "rbg"):
        key = jax.random.key(0, impl=kind)
        run = fit(setup, DATA, key)
        checkpoints.save(tmp_path / kind, run)
        state, history = checkpoints.restore(tmp_path / kind, setup, DATA, key)
        bits = [jax.tree.map(_bits, (s, h)) for s, h in ((state, history), (run.state, run.history))]
        assert jax.tree.structure(bits[0]) == jax.tree.structure(bits[1])
        jax.tree.map(np.testing.assert_array_equal, *bits)


def _bits(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": sequential(Dense(9), relu, Dense(3))}, r"model.layers\[0\].units = 8 in a checkpoint, 9 now"),
        ({"model": sequential(Dense(8), relu, Dense(3), relu)}, r"model.layers = 3 parts in a checkpoint, 4 parts now"),
        ({"model": sequential(Dense(8), tanh, Dense(3))}, r"model.layers\[1\].function = .*relu .*tanh now"),
        ({"optimizer": AdamW(1e-2)}, r"optimizer = .*Adam in a checkpoint, .*AdamW now"),
        ({"loss": multiclass_hinge}, r"loss = .*softmax_cross_entropy in a checkpoint"),
        ({"metrics": ()}, r"metrics = None in a checkpoint, 0 parts now"),
        ({"batch_size": 8}, r"batch_size = 16 in a checkpoint, 8 now"),
    ],
)
def test_a_checkpoint_knows_what_it_is_of(changes, words, tmp_path):
    checkpoints.save(tmp_path / "c", fit(small_setup(epochs=1), DATA, KEY))
    with pytest.raises(ValueError, match=words):
        checkpoints.restore(tmp_path / "c", small_setup(**changes), DATA, KEY)


def test_a_checkpoint_is_adapted_on_request_and_says_which_numbers_are_others(tmp_path):
    checkpoints.save(tmp_path / "c", fit(small_setup(epochs=1), DATA, KEY))
    with pytest.warns(UserWarning, match="optimizer.learning_rate = 0.5 where 0.01 was saved"):
        checkpoints.restore(tmp_path / "c", small_setup(optimizer=Adam(0.5)), DATA, KEY)
    smaller = small_setup(batch_size=8)
    state, history = checkpoints.restore(tmp_path / "c", smaller, DATA, KEY, adapt=True)
    assert len(fit(smaller, DATA, KEY, resume=(state, history)).history.train_loss) == 4
    wider = small_setup(model=sequential(Dense(9), relu, Dense(3)))
    with pytest.raises(ValueError, match=r"params\[0\].bias: needed float64\[9\], got float64\[8\]"):
        checkpoints.restore(tmp_path / "c", wider, DATA, KEY, adapt=True)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s, h: (small_setup(), (s, None), KEY), "needed a history of the 1 epochs of its state, got 0 rows"),
        (lambda s, h: (small_setup(), (s, h), jax.random.key(9)), "key: needed the key that the training began with"),
        (lambda s, h: (small_setup(optimizer=SGD(0.1)), (s, h), KEY), r"resume: learner.optimizer_state"),
        (lambda s, h: (small_setup(model=sequential(Dense(9), relu, Dense(3))), (s, h), KEY), r"params\[0\].bias"),
    ],
)
def test_what_cannot_be_resumed_is_named(spoil, words):
    run = fit(small_setup(epochs=1), DATA, KEY)
    setup, resume, key = spoil(run.state, run.history)
    with pytest.raises(ValueError, match=words):
        fit(setup, DATA, key, resume=resume)
