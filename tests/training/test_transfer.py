"""Transfer learning: what is kept is kept bit for bit, what is fresh is new, and little data is enough."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.activations import relu
from dlcore.data import Examples, Split
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.optimizers import Adam, AdamW, Frozen
from dlcore.training import Inference, advance, as_arrays, evaluate, fit, start, start_from
from dlcore.training import train as train_eagerly
from dlcore.tree.leaves import AllBut
from dlcore.tree.names import leaf_names, replace
from tests.problems import blobs, small_setup

KEY = jax.random.key(2)
NEW = jax.random.key(3)
DATA = blobs()
FRESH = ("[3]",)
BODY = (Dense(8), BatchNorm(), relu)
PLAIN = small_setup(model=sequential(*BODY, Dense(3)), epochs=2)
MOVED = small_setup(
    model=sequential(*BODY, Dense(3)), epochs=2, optimizer=Frozen(AdamW(0.1, weight_decay=0.1), AllBut(FRESH))
)
train = jax.jit(train_eagerly)


@functools.cache
def old():
    return train(as_arrays(PLAIN), DATA, KEY)


@functools.cache
def transferred():
    state = start_from(MOVED, DATA, NEW, old().params, old().model_state, FRESH)
    return state, fit(MOVED, DATA, NEW, resume=(state, None))


def assert_same_bits(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(x, y, strict=True), a, b)


def test_it_starts_with_what_was_learned_and_a_fresh_head():
    state, _ = transferred()
    new = start(MOVED, DATA, NEW)
    assert_same_bits(state.params[:3], old().params[:3])
    assert_same_bits(state.model_state, old().model_state)
    assert_same_bits(state.params[3], new.params[3])
    assert_same_bits((state.best.params, state.best.model_state), (state.params, state.model_state))
    assert jax.tree.structure(state) == jax.tree.structure(new)
    assert jnp.any(state.params[3]["kernel"] != old().params[3]["kernel"])
    assert jnp.any(state.params[0]["kernel"] != new.params[0]["kernel"])


def test_frozen_parameters_keep_every_bit_and_the_head_learns():
    state, run = transferred()
    assert_same_bits(run.params[:3], old().params[:3])
    assert_same_bits(run.state.params[:3], old().params[:3])
    assert all(jnp.all(run.state.params[3][name] != state.params[3][name]) for name in ("kernel", "bias"))
    assert len(run.history.train_loss) == MOVED.epochs
    before = evaluate(MOVED, state.params, state.model_state, DATA.train)[0]
    assert run.history.train_loss[-1] < before


def test_running_averages_go_on_unless_the_body_is_in_inference():
    _, run = transferred()
    assert jnp.all(run.model_state[1]["mean"] != old().model_state[1]["mean"])
    still = small_setup(
        model=sequential(*(Inference(layer) for layer in sequential(*BODY, Dropout(0.5)).layers), Dense(3)),
        epochs=1,
        optimizer=Frozen(Adam(0.1), AllBut(("[4]",))),
    )
    state = start_from(still, DATA, NEW, old().params[:3], old().model_state[:3], ("[4]",))
    run = fit(still, DATA, NEW, resume=(state, None))
    assert_same_bits(run.state.model_state[:3], old().model_state[:3])
    assert_same_bits(run.state.params[:3], old().params[:3])
    assert jnp.any(run.state.params[4]["kernel"] != state.params[4]["kernel"])


def test_all_fresh_is_start_and_none_fresh_is_everything():
    names = tuple(leaf_names(start(PLAIN, DATA, NEW).params))
    args = (PLAIN, DATA, NEW, old().params, old().model_state)
    everywhere = start_from(*args, names)
    for a, b in zip(jax.tree.leaves(everywhere.params), jax.tree.leaves(start(PLAIN, DATA, NEW).params), strict=True):
        np.testing.assert_array_equal(a, b)
    assert_same_bits(start_from(*args).params, old().params)
    assert_same_bits(start_from(*args, ("[1]",)).model_state, start(PLAIN, DATA, NEW).model_state)


def test_a_head_may_have_another_shape_and_the_start_is_traced():
    setup = small_setup(model=sequential(*BODY, Dense(7)))
    state = jax.jit(lambda params, s: start_from(setup, DATA, NEW, params, s, FRESH))(old().params, old().model_state)
    assert state.params[3]["kernel"].shape == (8, 7)
    assert_same_bits(state.params[:3], old().params[:3])


def quadrants(n, seed):
    """Points of 10 dimensions, four of which matter, and in which quadrant the first two and the next two lie."""
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 10)).astype(np.float32)
    first, second = (x[:, 0] * x[:, 1] > 0), (x[:, 2] * x[:, 3] > 0)
    return x, (2 * first + second).astype(np.int32)


@pytest.mark.slow
def test_forty_examples_are_enough_for_a_head_on_features_that_another_task_taught():
    """Four classes of two exclusive ors teach the body what one of the two needs; from scratch forty say little."""
    parts = [quadrants(n, seed) for seed, n in enumerate((4000, 100, 40, 1000))]
    learned_from = Split(*(Examples(x, y) for x, y in parts[:2]))
    few = Split(*(Examples(x, y // 2) for x, y in parts[2:]))
    body, rate = (Dense(64), relu), Adam(1e-2)
    before = small_setup(model=sequential(*body, Dense(4)), optimizer=rate, epochs=20, batch_size=50)
    scratch = small_setup(model=sequential(*body, Dense(2)), optimizer=rate, epochs=30, batch_size=20)
    head = replace(scratch, "optimizer", Frozen(rate, AllBut(("[2]",))))

    def accuracies(key):
        taught = train_eagerly(before, learned_from, key)
        kept = start_from(head, few, key, taught.params, taught.model_state, ("[2]",))
        histories = advance(head, few, kept, 30)[1], advance(scratch, few, start(scratch, few, key), 30)[1]
        return [history.validation_metrics["accuracy"][-1] for history in histories]

    transferred, alone = jax.jit(jax.vmap(accuracies))(jax.random.split(KEY, 3))
    assert (transferred > 0.7).all(), transferred
    assert (transferred > alone + 0.1).all(), alone


@pytest.mark.parametrize(
    ("fresh", "changes", "words"),
    [
        (("[3].kernal",), {}, r"no leaf at or below '\[3\].kernal'; nearest first, there are: \[3\].kernel"),
        ((), {"model": sequential(*BODY, Dense(7))}, r"needed params '\[3\].bias' \[7\], got \[3\]; try"),
        ((), {"model": sequential(*BODY, relu, Dense(3))}, r"needed params '\[4\].bias' \[3\], got only \[0\].bias"),
        (FRESH, {"model": sequential(Dense(8), relu, BatchNorm(), Dense(3))}, r"needed params '\[2\].bias'"),
    ],
)
def test_bad_input_is_named(fresh, changes, words):
    with pytest.raises(ValueError, match=words):
        start_from(small_setup(**changes), DATA, NEW, old().params, old().model_state, fresh) if changes else (
            start_from(PLAIN, DATA, NEW, old().params, old().model_state, fresh)
        )


def test_a_misspelled_choice_is_named():
    with pytest.raises(ValueError, match=r"no leaf at or below '\[8\]'"):
        Frozen(Adam(), AllBut(("[8]",))).init(old().params)
