"""What is measured, beside plain NumPy, SciPy and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics import confusion_matrix

from dlcore import Setup, data, losses
from dlcore.activations import relu, sigmoid, softmax, tanh
from dlcore.data import Examples, Split
from dlcore.diagnosis import DECADES, outputs, probe
from dlcore.diagnosis.contract import given, tried
from dlcore.diagnosis.histograms import histograms_of
from dlcore.diagnosis.walk import layers_at, parts_of, walked
from dlcore.initializers import he_normal
from dlcore.layers import BatchNorm, Dense, mlp, residual, sequential
from experiments.planted import broadcast_error, nll_of_logs, nll_of_probabilities
from tests.diagnosis.runs import fresh

RNG = np.random.default_rng(0)
X, Y = jnp.asarray(RNG.normal(size=(24, 5))), jnp.asarray(RNG.integers(0, 3, 24), jnp.int32)
BOTH = np.concatenate([np.arange(8, 24), np.arange(16, 24)])
TAKES = {
    losses.softmax_cross_entropy: outputs.takes_logits,
    losses.multiclass_hinge: outputs.takes_logits,
    losses.categorical_cross_entropy: outputs.takes_probabilities,
    nll_of_probabilities: outputs.takes_probabilities,
    nll_of_logs: outputs.takes_log_probabilities,
}


class Measured:
    """Just enough of a probe for what asks its loss and its outputs."""

    def __init__(self, loss, made, y):
        self.loss = tried(Setup(mlp((3,)), loss), made, y)
        self.train = given(made, y)


class TestLosses:
    @pytest.mark.parametrize("loss", TAKES)
    def test_what_a_loss_takes(self, loss):
        measured = Measured(loss, jnp.asarray(RNG.normal(size=(24, 3))), Y)
        asked = {outputs.takes_logits, outputs.takes_probabilities, outputs.takes_log_probabilities}
        assert [f for f in asked if f(measured)] == [TAKES[loss]]
        assert measured.loss.mixing < 1e-12

    def test_labels_that_are_distributions(self):
        soft = jax.nn.softmax(jnp.asarray(RNG.normal(size=(24, 3))))
        assert outputs.takes_logits(Measured(losses.softmax_cross_entropy, soft, soft))

    def test_a_regression_takes_none_of_them(self):
        y = jnp.asarray(RNG.normal(size=(24, 3)))
        measured = Measured(losses.squared_error, y, y)
        assert not any(f(measured) for f in set(TAKES.values()))

    @pytest.mark.parametrize(
        ("loss", "is_logit"),
        [
            (losses.sigmoid_binary_cross_entropy, True),
            (losses.binary_cross_entropy, False),
            (losses.squared_error, False),
        ],
    )
    def test_the_logit_of_yes(self, loss, is_logit):
        y = jnp.asarray(RNG.integers(0, 2, (24, 1)), jnp.int32)
        y = y.astype(float) if loss is losses.squared_error else y
        flip = np.asarray(tried(Setup(mlp((1,)), loss), jnp.asarray(RNG.normal(size=(24, 1))), y).flip)
        assert (np.abs(flip) < 1e-12).all() == is_logit

    def test_a_loss_that_mixes_examples(self):
        y = jnp.asarray(RNG.normal(size=(24, 1)))
        assert tried(Setup(mlp((1,)), broadcast_error), y, y).mixing > 1e-3


class TestOutputs:
    def test_confusion_is_that_of_scikit_learn(self):
        made = jnp.asarray(RNG.normal(size=(24, 3)))
        found, answers = given(made, Y), np.asarray(made).argmax(1)
        np.testing.assert_array_equal(found.confusion, confusion_matrix(Y, answers))
        right = [np.mean(answers == np.roll(np.asarray(Y), k)) for k in (1, 0, -1)]
        np.testing.assert_allclose(np.asarray(found.rolled), right)
        np.testing.assert_allclose(found.spread, np.asarray(made).std(0))
        np.testing.assert_allclose(found.sums, [np.asarray(made).sum(1).min(), np.asarray(made).sum(1).max()])
        np.testing.assert_allclose(found.log_sums[1], np.log(np.exp(np.asarray(made)).sum(1)).max())


def stand(setup, params, state):
    """How the layers stand on all examples."""
    return layers_at(setup, params, state, walked(setup, params, state, X, Y, jax.random.key(1)))


class TestLayers:
    def test_they_are_those_of_plain_numpy(self):
        setup = Setup(sequential(Dense(4), tanh, Dense(3)), losses.softmax_cross_entropy)
        params, state = setup.model.init(jax.random.key(0), (5,))
        found = stand(setup, params, state)
        W, b, V, c = (np.asarray(params[i][name]) for i in (0, 2) for name in ("kernel", "bias"))
        s = np.asarray(X) @ W + b
        a = np.tanh(s)
        o = a @ V + c
        p = np.exp(o) / np.exp(o).sum(1, keepdims=True)
        errors = [(p - np.eye(3)[np.asarray(Y)])]
        errors = [errors[0] @ V.T * (1 - a**2), errors[0] @ V.T, errors[0]]
        np.testing.assert_allclose(found.activation, [np.sqrt((v**2).mean()) for v in (s, a, o)])
        np.testing.assert_allclose(found.error, [np.sqrt((e**2).mean()) for e in errors])
        gW, gV = np.asarray(X).T @ errors[0] / 24, a.T @ errors[2] / 24
        norms = [np.sqrt((g**2).sum() + (e.mean(0) ** 2).sum()) for g, e in ((gW, errors[0]), (gV, errors[2]))]
        np.testing.assert_allclose(np.asarray(found.gradient)[[0, 2]], norms)
        assert found.gradient[1] == 0
        np.testing.assert_allclose(found.params[0], np.sqrt((W**2).sum() + (b**2).sum()))

    @pytest.mark.parametrize(("activation", "constants"), [(relu, 2.0), (tanh, 1 / 0.394294)])
    def test_the_weights_that_keep_the_size_of_activations(self, activation, constants):
        setup = Setup(sequential(Dense(4), activation, Dense(3)), losses.softmax_cross_entropy)
        params, state = setup.model.init(jax.random.key(0), (5,))
        found = stand(setup, params, state)
        np.testing.assert_allclose(found.keeping[2], np.sqrt(constants / 4), rtol=1e-2)
        np.testing.assert_allclose(found.keeping[0], np.sqrt(1 / 5))
        np.testing.assert_allclose(found.kernel[0], np.sqrt((np.asarray(params[0]["kernel"]) ** 2).mean()))

    @pytest.mark.parametrize(
        ("activation", "biases", "dead", "saturated"),
        [
            (relu, [-99.0, -99.0, 99.0, 0.0], 0.5, 0.0),
            (tanh, [-99.0, 9.0, 99.0, 0.0], 0.0, 0.75),
            (sigmoid, [-99.0, 0.0, 0.0, 0.0], 0.0, 0.25),
            (jnp.sin, [0.0, 0.0, 0.0, 0.0], 0.0, 0.0),
            (softmax, [0.0, 0.0, 0.0, 0.0], 0.0, 0.0),
        ],
    )
    def test_units(self, activation, biases, dead, saturated):
        setup = Setup(sequential(Dense(4), activation, Dense(3)), losses.softmax_cross_entropy)
        params, state = setup.model.init(jax.random.key(0), (5,))
        params = ({"kernel": 0.5 * params[0]["kernel"], "bias": jnp.asarray(biases)}, *params[1:])
        found = stand(setup, params, state)
        assert (found.dead[1], found.saturated[1]) == (dead, saturated)
        assert np.isnan(found.dead[0])

    def test_the_averages_of_batch_norm(self):
        setup = Setup(sequential(BatchNorm(), Dense(3)), losses.softmax_cross_entropy)
        params, _ = setup.model.init(jax.random.key(0), (5,))
        mean, std = np.asarray(X).mean(0), np.asarray(X).std(0)
        state = ({"mean": jnp.asarray(mean + 2 * std), "var": jnp.asarray(9 * std**2)}, {})
        found = stand(setup, params, state)
        np.testing.assert_allclose((found.shift[0], found.ratio[0]), (2.0, np.log(9)))

    def test_parts_of_networks_within_networks(self):
        inner = sequential(residual(Dense(5), relu), sequential(Dense(4), relu), Dense(3))
        assert [(part.name, part.place) for part in parts_of(inner)] == [
            ("model.layers[0]", (0,)),
            ("model.layers[1].layers[0]", (1, 0)),
            ("model.layers[1].layers[1]", (1, 1)),
            ("model.layers[2]", (2,)),
        ]
        setup = Setup(inner, losses.softmax_cross_entropy)
        found = stand(setup, *inner.init(jax.random.key(0), (5,)))
        assert (np.asarray(found.gradient) > 0).tolist() == [True, True, False, True]


class TestHistograms:
    def two_ways(self):
        """A tanh network and the same with larger weights, on all examples."""
        setup = Setup(sequential(Dense(4), tanh, Dense(3)), losses.softmax_cross_entropy)
        first, state = setup.model.init(jax.random.key(0), (5,))
        both = jax.tree.map(lambda a: jnp.stack([a, 3 * a + 0.1]), first)
        return jax.vmap(lambda p: walked(setup, p, state, X, Y, jax.random.key(1)))(both)

    def test_they_are_those_of_numpy(self):
        walks = self.two_ways()
        found = jax.device_get(histograms_of(walks))
        for i, (_, after) in enumerate(walks.steps):
            assert found.ends[i].tolist() == [after.min(), after.max()]
            wanted = [np.histogram(a, found.activation.shape[2], tuple(found.ends[i]))[0] for a in after]
            np.testing.assert_array_equal(found.activation[:, i], wanted)
        assert not found.gradient[:, 1].any()  # tanh has no parameters
        sizes = [np.concatenate([np.abs(g[name][when]).ravel() for name in ("kernel", "bias")])
                 for when in (0, 1) for g in walks.gradients[::2]]  # fmt: skip
        wanted = [np.histogram(np.log10(s), found.gradient.shape[2], DECADES)[0] for s in sizes]
        np.testing.assert_array_equal(found.gradient[:, ::2].reshape(4, -1), wanted)

    def test_what_is_zero_huge_or_not_finite(self):
        walks = self.two_ways()
        odd = jnp.asarray([[0.0, 1e9, -1e-30], [np.nan, np.inf, 1.0]])
        steps = [(odd, odd), (odd, jnp.full((2, 3), 2.0)), (odd, jnp.full((2, 3), np.nan))]
        found = jax.device_get(histograms_of(walks._replace(steps=steps, gradients=[{"kernel": odd}, {}, {}])))
        assert found.gradient[:, 0].sum(1).tolist() == [3, 1]
        assert (found.gradient[0, 0, 0], found.gradient[0, 0, -1]) == (2, 1)
        assert found.activation.sum(2).tolist() == [[3, 3, 0], [1, 3, 0]]
        assert found.ends.tolist() == [[-1e-30, 1e9], [2, 2], [0, 0]]
        assert found.activation[0, 1, found.activation.shape[2] // 2] == 3


class TestProbe:
    def test_a_fresh_run_has_not_moved(self):
        split = Split(Examples(X, Y), Examples(X[:9], Y[:9]))
        run = fresh(Setup(mlp((4, 3), kernel_init=he_normal), losses.softmax_cross_entropy, batch_size=8), split)
        found = jax.device_get(probe(run, split)).members[1]
        assert (found.moved < 1e-12).all()
        assert found.kinds == ("Dense", "relu", "Dense")
        assert (found.histograms.activation[0] == found.histograms.activation[1]).all()
        assert found.histograms.activation.sum(2).tolist() == [[24 * 4, 24 * 4, 24 * 3]] * 2
        assert found.place < 1e-12
        assert found.company < 1e-12
        assert found.names == ("model.layers[0]", "model.layers[1]", "model.layers[2]")
        shares = np.bincount(Y, minlength=3) / len(Y)
        np.testing.assert_allclose(found.constant[0], -(shares * np.log(shares)).sum())
        logits = np.asarray(run.predict(X))[1]
        picked = logits[np.arange(24), np.asarray(Y)]
        np.testing.assert_allclose(found.initial, (np.log(np.exp(logits).sum(1)) - picked).mean())

    def test_weights_of_examples(self):
        """An example of weight 2 stands there twice, one of weight 0 not at all."""
        weights = jnp.asarray(np.repeat([0.0, 1.0, 2.0], 8))
        twice = Split(*[Examples(X[BOTH], Y[BOTH])] * 2)
        setup = Setup(mlp((4, 3)), losses.softmax_cross_entropy, batch_size=8)
        measured = []
        for split in (Split(*[data.Weighted(X, Y, weights)] * 2), twice):
            run = fresh(setup, split, 1)
            measured.append(jax.device_get(probe(run, split)).members[0])
        found, wanted = measured
        for name in ("initial", "constant", "needs"):
            np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), err_msg=name)
        assert found.train.confusion.sum() == 16
        logits, y, w = np.asarray(run.predict(X))[0, 8:], np.asarray(Y)[8:], np.asarray(weights)[8:]
        each = np.log(np.exp(logits).sum(1)) - logits[np.arange(16), y]
        deviations = w * (each - np.average(each, weights=w))
        np.testing.assert_allclose(found.validation_error, np.sqrt((deviations**2).sum()) / w.sum())


def test_near_duplicates_are_those_of_a_tree():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 3))
    b = np.concatenate([a[:5] + 1e-4, rng.normal(size=(20, 3)), a[7:8]])
    near, within = data.near_duplicates(a, b)
    unit = a.std(0)
    nearest = cKDTree(a / unit).query(a / unit, 2)[0][:, 1]
    distances = cKDTree(a / unit).query(b / unit)[0]
    np.testing.assert_array_equal(near, np.flatnonzero(distances < 0.1 * np.median(nearest)))
    assert {0, 1, 2, 3, 4, 25} <= set(near)
    assert within == (nearest < 0.1 * np.median(nearest)).mean()
    assert data.near_duplicates(np.ones((4, 2)), np.ones((2, 2)))[1] == 1
