"""What a training takes, refuses and predicts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

from dlcore.activations import identity, relu
from dlcore.data import Examples, Split, fit_normalization, train_validation
from dlcore.layers import Dense, Layer, Sequential, sequential
from dlcore.losses import sigmoid_binary_cross_entropy, softmax_cross_entropy, squared_error
from dlcore.optimizers import (
    SGD,
    Adam,
    chain,
)
from dlcore.schedules import Exponential
from dlcore.solvers import LBFGS
from dlcore.training import EarlyStopping, Mixup, Watch, accuracy, fit
from dlcore.training import train as train_eagerly
from dlcore.tree.fields import hyperparams
from dlcore.tuning import grid, sweep
from tests.problems import small_setup
from tests.training.problems import DATA, KEY, train


def labeled(label):
    """The blobs, one of them with another label."""
    return Split(Examples(DATA.train.x, DATA.train.y.at[7].set(label)), DATA.validation)


def with_x(value):
    """The blobs, one number of one of them another."""
    return Split(Examples(DATA.train.x.at[7, 1].set(value), DATA.train.y), DATA.validation)


@pytest.mark.parametrize(
    ("changes", "data", "error", "words"),
    [
        ({"batch_size": 51}, DATA, ValueError, "batch_size: needed 1 to 50"),
        ({"batch_size": 2.5}, DATA, ValueError, "batch_size: needed whole numbers from 1"),
        ({"optimizer": LBFGS()}, DATA, ValueError, "needed the full batch for LBFGS"),
        ({"optimizer": chain(SGD(0.1), Adam(-1e-3))}, DATA, ValueError, "learning_rate: needed"),
        ({"epochs": 0}, DATA, ValueError, "epochs: needed whole numbers from 1"),
        ({"epochs": 2.0}, DATA, ValueError, "epochs: needed whole numbers"),
        ({}, Split(DATA.train, Examples(DATA.validation.x[:, :2], DATA.validation.y)), ValueError, "one shape"),
        ({}, Split(Examples(DATA.train.x[:9], DATA.train.y), DATA.validation), ValueError, "as many labels"),
        ({}, Split(Examples(DATA.train.x[:, 0], DATA.train.y), DATA.validation), ValueError, r"try x\[:, None\]"),
        ({"loss": squared_error}, DATA, TypeError, "targets: needed a floating type"),
        ({"optimizer": SGD(Exponential(1.0, 0.5, per="week"))}, DATA, ValueError, "per: needed one of step"),
        ({"optimizer": optax.adam(1e-3)}, DATA, TypeError, "interop.optax.from_optax"),
        ({"optimizer": Adam}, DATA, TypeError, r"got the class; try Adam\(\)"),
        ({"optimizer": "adam"}, DATA, TypeError, "optimizer: needed a rule"),
        ({"model": nn.Dense(3)}, DATA, TypeError, "try interop.flax.from_linen"),
        ({"model": nnx.Linear(4, 3, rngs=nnx.Rngs(0))}, DATA, TypeError, "try interop.flax.from_nnx"),
        ({"model": relu}, DATA, TypeError, "model: needed a layer, got relu; try sequential"),
        ({"model": Sequential((Dense(3), relu))}, DATA, TypeError, r"model.layers\[1\]: needed a layer, got relu; try"),
        ({"model": sequential(relu)}, DATA, ValueError, "model: needed a layer with parameters, got none"),
        ({"loss": "mse"}, DATA, TypeError, "loss: needed a function, got 'mse'; try losses.squared_error"),
        ({"loss": lambda o, y: softmax_cross_entropy(o, y).mean()}, DATA, ValueError, "loss: needed one value per"),
        ({"loss": lambda o, y: o - 1.0}, DATA, ValueError, r"got \[50, 3\] from .* try .sum\(-1\)"),
        ({"metrics": (lambda o, y: o.mean(),)}, DATA, ValueError, "<lambda>: needed one value per example"),
        ({"metrics": (accuracy, accuracy)}, DATA, ValueError, "metrics: needed another name for each"),
        ({"metrics": accuracy}, DATA, TypeError, r"try .*\(accuracy,\)"),
        ({"penalty": 1e-3}, DATA, TypeError, "penalty: needed functions"),
        ({"stopping": 5}, DATA, TypeError, "stopping: needed EarlyStopping, got 5"),
        ({"stopping": EarlyStopping(0)}, DATA, ValueError, "stopping.patience: needed numbers from 1, got 0"),
        ({"stopping": EarlyStopping(min_delta=-1.0)}, DATA, ValueError, "stopping.min_delta: needed numbers from 0"),
        ({"mix": Mixup(-1.0)}, DATA, ValueError, "mix.alpha: needed numbers from 0"),
        ({"watch": Watch(every=0)}, DATA, ValueError, "watch.every: needed whole numbers"),
        (
            {"watch": Watch(training="some")},
            DATA,
            ValueError,
            "watch.training: needed a whole number, at least 1, got",
        ),
        ({"model": sequential(Dense(2))}, DATA, ValueError, "training y: needed labels from 0 to 1, .* got 2"),
        ({}, labeled(-1), ValueError, "training y: needed labels from 0 to 2, .* got -1"),
        ({"model": sequential(Dense(1))}, labeled(-1), ValueError, "training y: needed labels that the loss takes"),
        ({}, with_x(np.nan), ValueError, "training x: needed finite numbers, got NaN or inf in 1 of 50 .* number 7"),
        ({}, with_x(np.inf), ValueError, "training x: needed finite numbers"),
        ({}, (DATA.train.x, ["a"] * 50), TypeError, r"y: needed numbers, got <U1; try np.unique\(y"),
        ({}, DATA.train.x, TypeError, r"data: needed a split or a pair \(x, y\)"),
    ],
)
def test_bad_input_is_named_before_anything_runs(changes, data, error, words):
    with pytest.raises(error, match=words) as caught:
        fit(small_setup(**changes), data, KEY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"key": 0}, TypeError, r"key: needed one key, got 0; try jax.random.key\(0\)"),
        ({"key": jax.random.split(KEY)}, TypeError, "key: needed one key"),
        ({"resume": "runs/x"}, TypeError, r"resume: needed \(state, history\), got 'runs/x'; try .*restore"),
    ],
)
def test_a_bad_argument_of_fit_is_named(given, error, words):
    with pytest.raises(error, match=words):
        fit(small_setup(), DATA, **({"key": KEY} | given))


def test_a_pair_is_split_and_the_run_says_so():
    x, y = np.asarray(DATA.train.x), np.asarray(DATA.train.y)
    run = fit(small_setup(), (x, y), KEY)
    parts = train_validation(x, y)
    assert (len(parts.train.y), len(parts.validation.y)) == (40, 10)
    assert sorted(np.concatenate([part.x for part in (parts.train, parts.validation)]).tolist()) == sorted(x.tolist())
    assert [(part.y == 0).sum() / (y == 0).sum() for part in (parts.train, parts.validation)] == pytest.approx(
        [0.8, 0.2], abs=0.05
    )
    by_hand = fit(small_setup(), parts, KEY)
    np.testing.assert_array_equal(run.history.validation_loss, by_hand.history.validation_loss)
    assert run.notes == ("a fifth of the 50 examples was put aside for validation, drawn by data.train_validation",)
    assert by_hand.notes == ()


@hyperparams
class Lookup(Layer):
    """A vector for every token: takes whole numbers only."""

    def init(self, key, input_shape):
        return {"kernel": jax.random.normal(key, (9, 3))}, {}

    def apply(self, params, state, x, *, key, train):
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise TypeError("tokens: needed whole numbers")
        return params["kernel"][x].mean(1), state


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_whole_numbers_are_taken_as_inputs(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (50, 4)).astype(dtype), np.asarray(DATA.train.y)
    floating = fit(small_setup(), (x.astype(float), y), KEY)
    run = fit(small_setup(), (x, y), KEY)
    np.testing.assert_allclose(run.history.validation_loss, floating.history.validation_loss, rtol=1e-12)
    np.testing.assert_allclose(run.predict(x), floating.predict(x.astype(float)), rtol=1e-12)
    if dtype == "int32":
        tokens = fit(small_setup(model=Lookup()), (x, y), KEY)
        assert tokens.history.train_loss[-1] < tokens.history.train_loss[0]


def test_bytes_are_normalized_in_the_program():
    """As the first layer a normalization gives what normalized examples give, and what is learned takes bytes."""
    x, y = np.random.default_rng(0).integers(0, 256, (50, 4)).astype(np.uint8), np.asarray(DATA.train.y)
    by = fit_normalization(x)
    outside = (x - by.mean) / by.std
    first = {"bytes": (by, x), "floats": (identity, outside)}
    models = {name: sequential(layer, Dense(8), relu, Dense(3)) for name, (layer, _) in first.items()}
    setups = {name: small_setup(model=model) for name, model in models.items()}
    parts = {name: train_validation(a, y) for name, (_, a) in first.items()}
    bytes_, floats = (fit(setups[name], parts[name], KEY) for name in first)
    assert bytes_.params[1]["kernel"].dtype == floats.params[1]["kernel"].dtype
    np.testing.assert_allclose(bytes_.history.validation_loss, floats.history.validation_loss, rtol=1e-12)
    np.testing.assert_allclose(bytes_.predict(x), floats.predict(outside), rtol=1e-10)
    losses = [
        sweep(setups[name], grid({"optimizer.learning_rate": [1e-2]}), parts[name], KEY).rows.validation_loss
        for name in first
    ]
    np.testing.assert_allclose(*losses, rtol=1e-10)


def test_one_logit_for_two_classes():
    yes = np.asarray(DATA.train.y == 1)
    setup = small_setup(model=sequential(Dense(8), relu, Dense(1)), loss=sigmoid_binary_cross_entropy)
    setup = dataclasses.replace(setup, metrics=(accuracy,))
    kinds = [yes.astype(t).reshape(s) for t in ("int32", "uint8", "float64") for s in ((50,), (50, 1))]
    runs = [fit(setup, Split(Examples(DATA.train.x, y), Examples(DATA.train.x, y)), KEY) for y in kinds]
    scores = np.asarray(runs[0].predict(DATA.train.x))[:, 0]
    best = int(runs[0].state.best.epoch)
    assert runs[0].history.train_metrics["accuracy"][best] == pytest.approx(np.mean((scores > 0) == yes))
    for run in runs[1:]:
        np.testing.assert_allclose(run.history.validation_loss, runs[0].history.validation_loss, rtol=1e-12)
        np.testing.assert_array_equal(run.history.train_metrics["accuracy"], runs[0].history.train_metrics["accuracy"])


def test_a_value_without_an_axis_is_not_broadcast():
    """Outputs [n, 1] and targets [n]: their difference would be a table [n, n]."""
    y = DATA.train.x.sum(1)
    right = small_setup(model=sequential(Dense(1)), loss=squared_error)
    wrong = dataclasses.replace(right, loss=lambda o, y: jnp.mean((o - y) ** 2, -1))
    with_axis = fit(right, (DATA.train.x, y[:, None]), KEY)
    for setup in (right, wrong):
        run = fit(setup, (DATA.train.x, y), KEY)
        np.testing.assert_allclose(run.history.validation_loss, with_axis.history.validation_loss, rtol=1e-12)
    own = dataclasses.replace(right, loss=lambda o, y: (o[:, 0] - y) ** 2)
    run = fit(own, (DATA.train.x, y), KEY)
    np.testing.assert_allclose(run.history.validation_loss, with_axis.history.validation_loss, rtol=1e-12)


def test_pixels_with_a_label_each():
    x = jax.random.normal(KEY, (20, 3, 2, 4))
    y = (x[..., 0] > 0).astype(jnp.int32)
    setup = small_setup(model=sequential(Dense(2)), optimizer=Adam(0.1), batch_size=5)
    run = fit(setup, Split(Examples(x[:15], y[:15]), Examples(x[15:], y[15:])), KEY)
    outputs = run.predict(x[15:])
    assert outputs.shape == (5, 3, 2, 2)
    found = run.evaluate((x[15:], y[15:]))
    assert found["accuracy"] == pytest.approx(np.mean(np.argmax(np.asarray(outputs), -1) == np.asarray(y[15:])))
    assert found["loss"] == pytest.approx(float(softmax_cross_entropy(outputs, y[15:]).mean()))


@pytest.mark.parametrize(
    ("outputs", "labels", "hits"),
    [
        (jnp.zeros((1, 300)).at[0, 256].set(5.0), jnp.array([0], jnp.uint8), [0]),
        (jnp.array([[0.0, 0.0, 9.0]]), jnp.array([True]), [0]),
        (jnp.array([[0.0, 2.0], [np.nan, 1.0], [np.nan, np.nan]]), jnp.array([1, 1, 0]), [1, 0, 0]),
        (jnp.array([[0.0, 2.0], [3.0, 1.0]]), jnp.array([[0.2, 0.8], [0.4, 0.6]]), [1, 0]),
        (jnp.array([[2.0], [-1.0], [np.nan], [3.0]]), jnp.array([1, 0, 0, 0]), [1, 1, 0, 0]),
        (jnp.array([2.0, -1.0, 0.5]), jnp.array([[1.0], [1.0], [0.0]]), [1, 0, 0]),
    ],
)
def test_accuracy(outputs, labels, hits):
    np.testing.assert_array_equal(accuracy(outputs, labels), hits)


def test_metrics_have_the_names_of_their_numbers():
    def within(outputs, y, distance):
        return (jnp.abs(outputs - y) < distance).all(-1)

    metrics = tuple(jax.tree_util.Partial(within, distance=d) for d in (0.1, 1.0))
    data = (DATA.train.x, DATA.train.x[:, :1])
    run = fit(small_setup(model=sequential(Dense(1)), loss=squared_error, metrics=metrics), data, KEY)
    shares = run.history.train_metrics
    assert list(shares) == ["within(distance=0.1)", "within(distance=1.0)"]
    assert (shares["within(distance=0.1)"] <= shares["within(distance=1.0)"]).all()


def test_a_run_predicts():
    run = fit(small_setup(watch=Watch(chunk=16)), DATA, KEY)
    for n in (0, 1, 3, 16, 17, 50):
        outputs = run.predict(np.asarray(DATA.train.x[:n]))
        right = run.setup.model.apply(run.params, run.model_state, DATA.train.x[:n], key=None, train=False)[0]
        np.testing.assert_allclose(outputs, right, rtol=1e-12, atol=1e-14)
    found, best = run.evaluate(DATA.validation), int(run.state.best.epoch)
    assert found == {
        "loss": pytest.approx(run.history.validation_loss[best]),
        "accuracy": pytest.approx(run.history.validation_metrics["accuracy"][best]),
    }
    assert run.members is None


def test_a_first_axis_of_members_is_a_run_too():
    keys = jax.random.split(KEY, 3)
    runs = jax.jit(jax.vmap(lambda key: train_eagerly(small_setup(), DATA, key)))(keys)
    assert runs.members == 3
    outputs, found = runs.predict(DATA.validation.x), runs.evaluate(DATA.validation)
    assert outputs.shape == (3, 20, 3)
    for i, key in enumerate(keys):
        alone = train(small_setup(), DATA, key)
        np.testing.assert_allclose(outputs[i], alone.predict(DATA.validation.x), rtol=1e-9)
        assert found["loss"][i] == pytest.approx(alone.evaluate(DATA.validation)["loss"])
