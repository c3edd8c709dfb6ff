"""The lectures' examples: will I pass this class, one hidden layer, red and green points, solvers that train."""

import dataclasses
import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import isotonic, linear_model, neural_network
from sklearn import svm as sklearn_svm

from dlcore import Setup, data, fit, losses, sequential
from dlcore.activations import tanh
from dlcore.classics import logistic_regression
from dlcore.data import Examples, Split, batch_count
from dlcore.layers import Dense
from dlcore.optimizers import SGD
from dlcore.solvers import LBFGS, NewtonCG, minimize
from dlcore.training import advance, start
from experiments import (
    decisions,
    full_batch,
    learning_rates,
    mnist,
    mnist_peers,
    transfer,
    universal_approximation,
    will_i_pass,
)

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)


def in_float64(examples):
    return Examples(examples.x.astype(np.float64), examples.y)


# will I pass this class?


def test_chances_of_passing_as_scikit_learn():
    """Coefficients, and the chances of the students on the slide; the truth is within three standard errors."""
    x, y = data = in_float64(will_i_pass.students(200, np.random.default_rng(0)))
    params, errors = will_i_pass.fitted(data)
    oracle = linear_model.LogisticRegression(C=1e12, tol=1e-12, solver="newton-cholesky").fit(x, y)
    np.testing.assert_allclose(params["kernel"], oracle.coef_[0], rtol=1e-6)
    np.testing.assert_allclose(params["bias"], oracle.intercept_[0], rtol=1e-6)
    chances = logistic_regression(params, jnp.asarray(will_i_pass.SLIDE.astype(float)))
    np.testing.assert_allclose(chances, oracle.predict_proba(will_i_pass.SLIDE)[:, 1], rtol=1e-6)

    p = oracle.predict_proba(x)[:, 1]
    X = np.column_stack([x, np.ones(len(x))])
    covariance = np.linalg.inv(X.T @ (X * (p * (1 - p))[:, None]))
    found = np.append(errors["kernel"], errors["bias"])
    np.testing.assert_allclose(found, np.sqrt(np.diag(covariance)), rtol=1e-6)
    truth = [will_i_pass.TRUTH[name] for name in ("lectures", "hours", "bias")]
    assert (np.abs(np.append(params["kernel"], params["bias"]) - truth) < 3 * found).all()


# universal approximation with one hidden layer


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_one_hidden_layer_learns_as_scikit_learn():
    r"""$f(x) = w_2^\top \tanh(w_1 x + b_1) + b_2$ by gradient descent on all examples: the same after 300 steps."""
    x, y = (a.astype(np.float64) for a in universal_approximation.values(np.random.default_rng(0)).train)
    known = {
        "activation": "tanh",
        "solver": "sgd",
        "momentum": 0,
        "alpha": 0,
        "batch_size": len(x),
        "shuffle": False,
        "tol": 0,
    }
    start_at = {"random_state": 0, "learning_rate_init": 0.1, "warm_start": True, "max_iter": 1}
    oracle = neural_network.MLPRegressor(hidden_layer_sizes=(8,), **start_at, **known).fit(x, y[:, 0])
    params = [
        {"kernel": jnp.asarray(w), "bias": jnp.asarray(b)}
        for w, b in zip(oracle.coefs_, oracle.intercepts_, strict=True)
    ]
    setup = Setup(
        sequential(Dense(8), tanh, Dense(1)), losses.squared_error, SGD(0.05), epochs=300, batch_size=None
    )  # scikit-learn halves the loss
    data = Split(Examples(x, y), Examples(x, y))
    state = start(setup, data, KEY)
    learner = state.learner._replace(params=(params[0], *state.params[1:-1], params[1]))
    state = state._replace(learner=learner)
    state, _ = jax.jit(advance, static_argnums=3)(setup, data, state, 300)
    oracle.set_params(max_iter=300, n_iter_no_change=1000).fit(x, y[:, 0])
    everywhere = np.linspace(-1, 1, 101)[:, None]
    outputs, _ = setup.model.apply(state.params, state.model_state, jnp.asarray(everywhere), key=None, train=False)
    np.testing.assert_allclose(outputs[:, 0], oracle.predict(everywhere), rtol=1e-9)


def test_error_falls_with_the_width():
    """One unit is monotone, so no better than the best monotone function; sixteen follow it far below the noise."""
    data = universal_approximation.values(np.random.default_rng(0))
    training, errors = universal_approximation.errors_by_width(data, (1, 16), 2)
    x, y = map(np.ravel, data.train)
    monotone = min(
        np.sqrt(np.mean((isotonic.IsotonicRegression(increasing=up).fit_transform(x, y) - y) ** 2))
        for up in (True, False)
    )
    noise = universal_approximation.NOISE
    assert (training[0] > monotone).all()
    assert (errors[1] < noise / 2).all()
    assert (np.abs(training[1] / noise - 1) < 0.1).all()


# red and green points


def test_linear_activations_draw_a_line_and_others_do_not():
    """Layers without a bend are right where logistic regression is; with one, where a kernel machine is."""
    rng = np.random.default_rng(0)
    data = Split(decisions.half_circles(200, rng), decisions.half_circles(1000, rng))
    line = linear_model.LogisticRegression(C=1e6).fit(*data.train).score(*data.validation)
    curve = sklearn_svm.SVC(C=10).fit(*data.train).score(*data.validation)
    straight, bent = decisions.accuracies([("identity", 2), ("tanh", 1)], data, 2)
    np.testing.assert_allclose(straight, line, atol=0.01)
    np.testing.assert_allclose(bent, curve, atol=0.01)
    assert line < 0.9 < 0.97 < curve


@pytest.mark.parametrize("depth", decisions.DEPTHS)
def test_layers_without_a_bend_are_one_matrix(depth):
    r"""$((xW_1 + b_1)W_2 + b_2)\dots = xW + b$ with the product of all matrices, at any depth."""
    params, state = decisions.network(decisions.ACTIVATIONS["identity"], depth).init(KEY, (2,))
    dense = [p for p in params if p]
    params = tuple({**p, "bias": p["bias"] + 0.1} if p else p for p in params)
    W, b = np.eye(2), np.zeros(2)
    for layer in dense:
        W, b = W @ np.asarray(layer["kernel"]), b @ np.asarray(layer["kernel"]) + 0.1
    x = np.random.default_rng(0).normal(size=(20, 2))
    network = decisions.network(decisions.ACTIVATIONS["identity"], depth)
    logits, _ = network.apply(params, state, jnp.asarray(x, dense[0]["kernel"].dtype), key=None, train=False)
    np.testing.assert_allclose(logits, x @ W + b, rtol=1e-5, atol=1e-5)


# solvers and first-order rules in one table


@pytest.mark.parametrize("method", [LBFGS(), NewtonCG(), SGD(0.1)], ids=lambda m: type(m).__name__)
def test_courses_count_what_they_cost(method):
    """A solver's objective and evaluations are those of ``minimize``; an epoch of mini-batches is one evaluation."""
    full, x = not isinstance(method, SGD), np.random.default_rng(0).normal(size=(48, 4))
    examples = Examples(x, (x[:, 0] > 0).astype(int) + 2 * (x[:, 1] > 0))
    setup = dataclasses.replace(full_batch.setup_of((), method, full), epochs=4)
    course = full_batch.course(setup, Split(examples, examples), KEY)
    assert (np.diff(course.seconds) > 0).all()
    if not full:
        np.testing.assert_array_equal(course.evaluations, [1, 2, 3, 4])
        np.testing.assert_array_equal(course.steps, [2, 4, 6, 8])
        return
    np.testing.assert_array_equal(course.steps, [1, 2, 3, 4])
    params, state = setup.model.init(jax.random.fold_in(KEY, 0), (4,))
    params = jax.tree.map(lambda a: a.astype(float), params)

    def objective(p):
        outputs, _ = setup.model.apply(p, state, examples.x, key=None, train=True)
        return setup.loss(outputs, jnp.asarray(examples.y)).mean() + setup.penalty(p)

    alone = minimize(dataclasses.replace(method, max_steps=4), objective, params)
    np.testing.assert_allclose(course.objective[-1], alone.value, rtol=1e-10)
    assert course.evaluations[-1] == int(alone.evaluations.gradient) + int(alone.evaluations.product)
    assert full_batch.first(course.steps, course.objective <= course.objective[1]) == 2


# what another training is worth


def test_a_row_of_few_examples_is_their_training_alone():
    """Of the pool those that weigh 0 are as if they were not there, and no row knows of another."""
    given = transfer.few((3, 5), 2)
    found = transfer.accuracies(given, (3e-3, 1e-2), 10)
    assert found.shape == (3, 2, 2, 2)
    one = jax.tree.map(lambda a: a[1], given._replace(weights=None))
    assert np.bincount(one.pool.y[:15]).tolist() == [3] * 5
    assert len(one.judged.y) == 896 - 25
    pool = jax.tree.map(lambda a: a[:15], one.pool)
    old = one.params, one.model_state
    for i, way in enumerate(transfer.WAYS):
        alone = transfer.adapted(way, 10, 1e-2, one.keys, old, pool, one.judged, np.ones(15, np.float32))
        np.testing.assert_allclose(found[i, 1, 0, 1], alone, atol=2 / 871)


# MNIST


def some_digits():
    """Scikit-learn's, of which few are to judge by."""
    digits = data.load("digits")
    x = np.float32(digits.x) / 16
    return Split(Examples(x[:1500], digits.y[:1500]), Examples(x[1500:], digits.y[1500:]))


def test_rows_are_the_trainings_one_by_one():
    """Of every seed the accuracy after each epoch; a clock that counts how often it is asked tells of each of them."""
    network = mnist.NETWORKS[1]._replace(epochs=3)
    split = some_digits()
    rows = mnist.rows(network, split, 2, itertools.count().__next__)
    alone = mnist.together([mnist.alone(network, split, seed, itertools.count().__next__) for seed in range(2)])
    assert rows.accuracy.shape == rows.seconds.shape == (2, 3)
    np.testing.assert_allclose(rows.accuracy, alone.accuracy, atol=2 / 297)
    np.testing.assert_array_equal(alone.seconds, [[1, 2, 3], [1, 2, 3]])
    assert (np.diff(rows.seconds) > 0).all()
    run = fit(network.setup, split, jax.random.fold_in(KEY, 1), progress=False)
    outputs, _ = network.model.apply(
        run.state.params, run.state.model_state, jnp.asarray(split.validation.x), key=None, train=False
    )
    np.testing.assert_allclose(
        np.mean(np.asarray(outputs).argmax(1) == split.validation.y), alone.accuracy[1, -1], atol=1e-6
    )


def test_what_the_first_epoch_takes_longer_is_the_start():
    """Of the first seed alone: the others find compiled what they need."""
    first, second = (
        mnist.Course(np.zeros((1, 3)), np.array([seconds])) for seconds in ([5.0, 6.0, 7.0], [1.5, 2.5, 3.5])
    )
    both = mnist.together([first, second])
    assert both.start == 4
    np.testing.assert_array_equal(both.seconds, [[1, 2, 3], [1.5, 2.5, 3.5]])


def test_scikit_learn_goes_on_from_epoch_to_epoch():
    """Calls of an epoch each are one training: as good as that of one call, in the same number of epochs."""
    split = some_digits()
    told = list(mnist_peers.scikit_learn((64,), 1e-3, 32, 10, split, 0))
    options = {"batch_size": 32, "alpha": 0, "max_iter": 10, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = neural_network.MLPClassifier((64,), **options).fit(*split.train).score(*split.validation)
    assert len(told) == 10
    assert told[0] < told[-1] - 0.02
    np.testing.assert_allclose(told[-1], whole, atol=0.02)


def test_how_soon_is_good_enough():
    course = mnist.Course(
        np.array([[0.9, 0.98, 0.99], [0.98, 0.9, 0.9], [0.9, 0.9, 0.97]]), np.arange(9.0).reshape(3, 3)
    )
    epochs, seconds = mnist.reached(course)
    np.testing.assert_array_equal(epochs, [2, 1, np.inf])
    np.testing.assert_array_equal(seconds, [1, 3, np.inf])


def test_published_examples(data_dir):
    """All but the published test examples are trained on, in 469 mini-batches."""
    split = mnist.mnist(data_dir, quick=False)
    assert (split.train.x.shape, split.validation.x.shape, split.train.x.dtype) == (
        (60000, 784),
        (10000, 784),
        np.float32,
    )
    assert (split.train.x.min(), split.train.x.max()) == (0, 1)
    assert batch_count(len(split.train.y), mnist.BATCH_SIZE) == 469


# a learning rate from a hundred steps


def test_a_factor_is_that_to_the_nearest_rate_either_way():
    said = np.array([1e-3, 3e-2, 1e-4, np.nan])
    found = learning_rates.factors(said, [1e-3, 1e-2])
    np.testing.assert_allclose(found, [1, 3, 10, np.inf])
    np.testing.assert_allclose(learning_rates.factors(said[:3], [1e-3]), [1, 30, 10])
