"""Wrong inputs of the imported library: each a ValueError or TypeError that says needed, got, try.

The command line's are in ``tests/cli``.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import (
    activations,
    backprop,
    classics,
    data,
    fit,
    initializers,
    layers,
    losses,
    optimizers,
    probability,
    regularizers,
    schedules,
    solvers,
    tree,
    tuning,
)
from dlcore.data import Dataset, Examples, Split
from tests.problems import blobs, small_setup

KEY = jax.random.key(0)
COLUMN, FLAT = jnp.ones((4, 1)), jnp.ones(4)
LOGITS, INDICES = jnp.ones((4, 3)), jnp.zeros(4, int)
PARAMS = {"layers": [{"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}]}
SETUP = small_setup()
POINTS, SIDES = jnp.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]]), jnp.array([1.0, -1.0, 1.0, -1.0])


def dataset(x=None, y=None):
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32) if x is None else x
    return Dataset("mine", x, np.array([0, 1, 0, 1, 0, 1], np.int32) if y is None else y, ("no", "yes"))


def with_nan(x):
    return np.where(np.arange(x.size).reshape(x.shape) == 3, np.nan, x)


def split_of(x, y):
    return Split(Examples(x, y), Examples(x, y))


CASES = {
    # (n, 1) against (n,) never broadcasts.
    "squared error of a column and a vector": (lambda: losses.squared_error(COLUMN, FLAT), ValueError),
    "absolute error of a column and a vector": (lambda: losses.absolute_error(FLAT, COLUMN), ValueError),
    "huber of a column and a vector": (lambda: losses.huber(COLUMN, FLAT), ValueError),
    "likelihood of a column and a vector": (lambda: losses.gaussian_nll(COLUMN, FLAT), ValueError),
    "logits in a column": (lambda: losses.sigmoid_binary_cross_entropy(COLUMN, FLAT), ValueError),
    "probabilities in a column": (lambda: losses.binary_cross_entropy(COLUMN, FLAT), ValueError),
    "scores in a column": (lambda: losses.hinge(COLUMN, FLAT), ValueError),
    "class indices in a column": (lambda: losses.softmax_cross_entropy(LOGITS, INDICES[:, None]), ValueError),
    "weights in a column": (lambda: losses.weighted_mean(FLAT, COLUMN), ValueError),
    "density of a column about a vector": (lambda: probability.normal_logpdf(COLUMN, FLAT, 1.0), ValueError),
    "gradients in a column": (lambda: optimizers.apply_updates(FLAT, COLUMN), ValueError),
    "update by a column": (lambda: one_step(optimizers.SGD(0.1), COLUMN, FLAT), ValueError),
    # The class axis is the last.
    "classes first": (lambda: losses.softmax_cross_entropy(LOGITS.T, INDICES), ValueError),
    "probabilities with classes first": (lambda: losses.categorical_cross_entropy(LOGITS.T, INDICES), ValueError),
    "one-hot labels with classes first": (lambda: losses.softmax_cross_entropy(LOGITS, LOGITS.T), ValueError),
    "pixels with classes first": (
        lambda: losses.pixelwise_cross_entropy(jnp.ones((2, 3, 4, 4)), jnp.zeros((2, 4, 4), int)),
        ValueError,
    ),
    "margins with classes first": (lambda: losses.multiclass_hinge(LOGITS.T, INDICES), ValueError),
    "weights of another number of classes": (
        lambda: losses.softmax_cross_entropy(LOGITS, INDICES, jnp.ones(4)),
        ValueError,
    ),
    # Logits and activations are floating, indices are integers.
    "integer logits": (lambda: losses.softmax_cross_entropy(LOGITS.astype(int), INDICES), TypeError),
    "integer logits of two classes": (
        lambda: losses.sigmoid_binary_cross_entropy(INDICES, FLAT),
        TypeError,
    ),
    "integer predictions": (lambda: losses.squared_error(COLUMN.astype(int), COLUMN), TypeError),
    "integer input of an activation": (lambda: activations.sigmoid(INDICES), TypeError),
    "integer input of softmax": (lambda: activations.softmax(INDICES), TypeError),
    "integer gradients": (lambda: one_step(optimizers.SGD(0.1), INDICES, FLAT), TypeError),
    "integer parameters of a solver": (
        lambda: solvers.minimize(solvers.BFGS(), lambda x: jnp.sum(x**2), INDICES),
        TypeError,
    ),
    "float labels for indices": (lambda: losses.softmax_cross_entropy(LOGITS, INDICES.astype(float)), TypeError),
    "float labels of a margin": (lambda: losses.multiclass_hinge(LOGITS, INDICES.astype(float)), TypeError),
    "integer one-hot labels": (lambda: losses.softmax_cross_entropy(LOGITS, LOGITS.astype(int)), TypeError),
    "unsigned sides": (lambda: losses.hinge(FLAT, jnp.ones(4, jnp.uint8)), TypeError),
    "float labels in one-hot coding": (lambda: data.one_hot(FLAT, 3), TypeError),
    "a label beyond the classes in one-hot coding": (lambda: data.one_hot(INDICES + 3, 3), ValueError),
    # Probabilities lie in [0, 1] and sum to 1.
    "a probability above 1": (lambda: losses.labels.check_probabilities(FLAT * 1.5), ValueError),
    "a probability that is NaN": (lambda: losses.labels.check_probabilities(FLAT * np.nan), ValueError),
    "a Bernoulli probability below 0": (lambda: probability.bernoulli_pmf(INDICES, -0.5), ValueError),
    "a posterior from no distribution": (lambda: probability.posterior(jnp.ones(3), LOGITS), ValueError),
    "a divergence of no distribution": (lambda: probability.discrete_kl(LOGITS, LOGITS), ValueError),
    "a dropout rate above 1": (lambda: layers.dropout(KEY, FLAT, 1.5, train=True), ValueError),
    # Rates, strengths and scales are not negative.
    "a negative learning rate": (lambda: optimizers.SGD(-0.1).init(FLAT), ValueError),
    "a negative learning rate of Adam": (lambda: optimizers.Adam(-0.1).init(FLAT), ValueError),
    "a negative rate inside a chain": (lambda: optimizers.chain(optimizers.SGD(-0.1)).init(FLAT), ValueError),
    "a momentum above 1": (lambda: optimizers.Momentum(0.1, 1.5).init(FLAT), ValueError),
    "a negative dropout rate": (lambda: layers.dropout(KEY, FLAT, -0.5, train=True), ValueError),
    "a negative penalty": (lambda: regularizers.L2(-0.5)(PARAMS), ValueError),
    "a negative norm": (lambda: regularizers.max_norm(LOGITS, -1.0), ValueError),
    "a standard deviation of 0": (lambda: probability.normal_logpdf(FLAT, 0.0, 0.0), ValueError),
    "a negative bandwidth": (lambda: probability.kde_logpdf(COLUMN, COLUMN, -1.0), ValueError),
    # Names: leaves, hyperparameters, units of time, data sets.
    "an unknown leaf in a mask": (
        lambda: optimizers.Frozen(optimizers.SGD(0.1), ("layers[0].kernal",)).init(PARAMS),
        ValueError,
    ),
    "a mask that is no choice": (lambda: optimizers.Masked(optimizers.SGD(0.1), "kernel").init(PARAMS), TypeError),
    "a leaf in two groups": (
        lambda: optimizers.Partition(2 * (optimizers.Masked(optimizers.SGD(0.1), ("layers",)),)).init(PARAMS),
        ValueError,
    ),
    "an unknown hyperparameter": (lambda: tree.get(SETUP, "optimizer.learning_rat"), ValueError),
    "an unknown hyperparameter to replace": (lambda: tree.replace(SETUP, "optimiser.learning_rate", 1), ValueError),
    "an unknown hyperparameter in a grid": (
        lambda: tuning.sweep(SETUP, tuning.grid({"model.layers[9].rate": [0.1]}), blobs(), KEY, seeds=1),
        ValueError,
    ),
    "a value where a list is needed": (lambda: tuning.grid({"optimizer.learning_rate": 0.1}), TypeError),
    "an unknown unit of time": (
        lambda: schedules.in_steps(schedules.Exponential(0.1, 0.9, per="week"), 10, 100),
        ValueError,
    ),
    "more values than boundaries need": (lambda: schedules.Piecewise((0.1,), (1, 2))(FLAT), ValueError),
    "an unknown data set": (lambda: data.load("digitz"), ValueError),
    # Shapes of networks.
    "features that do not fit": (lambda: layers.dense({"kernel": jnp.ones((3, 2))}, COLUMN), ValueError),
    "weights turned round": (
        lambda: backprop.forward([(jnp.ones((2, 3)), jnp.ones(2))], jnp.ones((4, 3)), activations.tanh),
        ValueError,
    ),
    "a model of something else": (lambda: layers.sequential(layers.Dense(2), "relu"), TypeError),
    "connections of a vector": (lambda: initializers.he_normal(KEY, (3,)), ValueError),
    "integer weights": (lambda: initializers.he_normal(KEY, (3, 2), int), TypeError),
    "dropout without a key": (
        lambda: layers.Dropout(0.5).apply({}, {}, COLUMN, key=None, train=True),
        ValueError,
    ),
    "an indefinite covariance": (lambda: probability.mvn_logpdf(FLAT, FLAT, -jnp.eye(4)), ValueError),
    # Data that nothing can be learned from.
    "NaN in the data": (lambda: data.require(dataset(x=with_nan(dataset().x))), ValueError),
    "infinity in the data": (lambda: data.require(dataset(x=dataset().x * np.inf)), ValueError),
    "a label out of range": (lambda: data.require(dataset(y=np.array([0, 1, 0, 1, 0, 2]))), ValueError),
    "a negative label": (lambda: data.require(dataset(y=np.array([0, 1, 0, 1, 0, -1]))), ValueError),
    "a label between classes": (lambda: data.require(dataset(y=np.array([0, 1, 0, 1, 0, 0.5]))), ValueError),
    "one class only": (lambda: data.require(dataset(y=np.zeros(6, int))), ValueError),
    "fewer labels than examples": (lambda: data.require(dataset(y=np.zeros(5, int))), ValueError),
    "fewer examples than a batch": (lambda: data.require(dataset(), batch_size=7), ValueError),
    "fewer examples than a batch in training": (lambda: fit(small_setup(batch_size=51), blobs(), KEY), ValueError),
    "complex examples": (lambda: fit(SETUP, split_of(jnp.ones((20, 4), complex), jnp.zeros(20, int)), KEY), TypeError),
    "no epochs": (lambda: fit(small_setup(epochs=0), blobs(), KEY), ValueError),
    "fractions above 1": (lambda: data.split(dataset(), (0.8, 0.2, 0.2)), ValueError),
    "folds beyond examples": (lambda: data.k_folds(3, 5), ValueError),
    "half a fold": (lambda: data.k_folds(10, 2.5), ValueError),
    "no cluster": (lambda: classics.k_means_fit(KEY, POINTS, 0), ValueError),
    "half a cluster": (lambda: classics.k_means_fit(KEY, POINTS, 2.5), ValueError),
    "more clusters than examples": (lambda: classics.k_means_fit(KEY, POINTS, 5), ValueError),
    "a negative C": (lambda: classics.svm_fit(POINTS, SIDES, -1.0), ValueError),
    "a C of NaN": (lambda: classics.svm_fit(POINTS, SIDES, jnp.nan), ValueError),
    "a negative ridge": (lambda: classics.linear_regression_fit(POINTS, FLAT, -1.0), ValueError),
    "a negative penalty of logits": (
        lambda: classics.logistic_regression_fit(POINTS, FLAT, np.float32(-1)),
        ValueError,
    ),
    "a negative penalty of classes": (lambda: classics.softmax_regression_fit(POINTS, INDICES, 2, -1.0), ValueError),
    "a negative rate of the perceptron": (lambda: classics.perceptron_fit(POINTS, SIDES, -1.0), ValueError),
    "a rate of 0 of adaline": (lambda: classics.adaline_fit(POINTS, SIDES, 0.0), ValueError),
    "weights of no length": (lambda: fit(small_setup(projection=regularizers.MaxNorm(0.0)), blobs(), KEY), ValueError),
    "no seeds": (lambda: tuning.sweep(SETUP, tuning.grid({"epochs": [1]}), blobs(), KEY, seeds=0), ValueError),
    "half a seed": (lambda: tuning.sweep(SETUP, tuning.grid({"epochs": [1]}), blobs(), KEY, seeds=1.5), ValueError),
    "no width": (lambda: tuning.sweep(SETUP, tuning.grid({"epochs": [1]}), blobs(), KEY, width=0), ValueError),
    "no space": (lambda: tuning.sweep(SETUP, [], blobs(), KEY), ValueError),
    "no members": (lambda: tuning.train_ensemble(SETUP, blobs(), KEY, 0), ValueError),
    "a best without an axis": (lambda: tuning.refine({"epochs": [1, 2]}, {}), ValueError),
    "a test set opened for no reason": (lambda: data.split(dataset()).test.open(" "), ValueError),
}

WORDS = (
    "needed",
    "got",
    "try",
)  # an unknown name has those that are there instead; the check of data says what it found


def one_step(rule, grads, params):
    return rule.update(grads, rule.init(params), params)


@pytest.mark.parametrize("name", CASES)
def test_wrong_input_is_refused_with_needed_got_try(name):
    call, error = CASES[name]
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    expected = (
        ("nearest first",)
        if "nearest first" in message
        else ("needed", "try")
        if message.startswith("mine:")
        else WORDS
    )
    assert all(word in message for word in expected), message
