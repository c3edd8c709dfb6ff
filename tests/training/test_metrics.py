"""Metrics of a set as a whole are those of scikit-learn, whatever the parts in which the set is seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from dlcore.data import Examples, Padded
from dlcore.layers import Dense, Layer, sequential
from dlcore.losses import absolute_error, sigmoid_binary_cross_entropy, squared_error
from dlcore.optimizers import Adam
from dlcore.training import (
    AUC,
    F1,
    R2,
    RMSE,
    BalancedAccuracy,
    Jaccard,
    MatthewsCorrelation,
    Precision,
    Recall,
    SetMetric,
    TopK,
    Watch,
    accuracy,
    criterion_of,
    evaluate,
    fit,
)
from dlcore.training.metrics import name_of
from dlcore.tree import from_config, to_config
from dlcore.tree.fields import hyperparams
from tests.problems import small_setup
from tests.training.problems import DATA, KEY

N, C = 41, 5
RNG = np.random.default_rng(0)
AVERAGES = ("macro", "micro", "weighted")


@hyperparams
class Same(Layer):
    """The outputs are the inputs."""

    def init(self, key, input_shape):
        return (), ()

    def apply(self, params, state, x, *, key, train):
        return x, state


def no_loss(outputs, y):
    return jnp.zeros(len(outputs), outputs.dtype)


def values_of(chosen, outputs, y, chunk=N, padding=0):
    """The metrics of outputs beside labels, in parts of ``chunk``, of which the last ``padding`` do not count."""
    setup = small_setup(model=Same(), loss=no_loss, metrics=tuple(chosen), watch=Watch(chunk=chunk))
    x, labels = jnp.asarray(outputs), jnp.asarray(y)
    given = Padded(x, labels, jnp.int32(len(x) - padding)) if padding else Examples(x, labels)
    found = jax.jit(lambda examples: evaluate(setup, (), (), examples)[1])(given)
    return {name: float(value) for name, value in found.items()}


def assert_values(chosen, outputs, y, expected):
    """In parts of all sizes, and with other examples behind that do not count: as many, and other numbers."""
    names = [name_of(metric) for metric in chosen]
    more = [np.concatenate([a, a[:9][::-1]]) for a in (outputs, y)]
    for found in (
        values_of(chosen, outputs, y, 1),
        values_of(chosen, outputs, y, len(y)),
        values_of(chosen, *more, 7, padding=9),
    ):
        np.testing.assert_allclose([found[name] for name in names], expected, rtol=1e-12, atol=1e-12)


SCORES = {Precision: sk.precision_score, Recall: sk.recall_score, F1: sk.f1_score, Jaccard: sk.jaccard_score}
BY_CLASS = [kind(average) for kind in SCORES for average in (*AVERAGES, 0, 3)]


def by_class(true, predicted):
    """What scikit-learn gives for every metric of ``BY_CLASS``, of class numbers or of yes or no in columns."""

    def of(metric):
        score, average = SCORES[type(metric)], metric.average
        if isinstance(average, int):
            return score(true, predicted, average=None, labels=[average], zero_division=0)[0]
        return score(true, predicted, average=average, zero_division=0)

    return [of(metric) for metric in BY_CLASS]


@pytest.mark.parametrize("there", [(0, 1, 2, 3, 4), (0, 2, 3), (2,)])
def test_classes(there):
    """Some of them not there, some not predicted, some neither."""
    y = RNG.choice(there, N)
    outputs = RNG.normal(size=(N, C)) + np.array([0, 0, 2, 0, -9])
    outputs[::3] += 3 * np.eye(C)[y[::3]]
    predicted = outputs.argmax(1)
    with np.errstate(invalid="ignore"):
        others = [
            np.mean([np.mean(predicted[y == k] == k) for k in there]),
            sk.matthews_corrcoef(y, predicted),
            sk.accuracy_score(y, predicted),
        ]
    chosen = [*BY_CLASS, BalancedAccuracy(), MatthewsCorrelation(), accuracy]
    assert_values(chosen, outputs, y, [*by_class(y, predicted), *others])
    if len(there) == C:
        assert others[0] == pytest.approx(sk.balanced_accuracy_score(y, predicted))


def test_always_the_same_class_correlates_with_nothing():
    y, outputs = RNG.integers(0, 3, N), np.tile([0.0, 1.0, 0.0], (N, 1))
    assert_values([MatthewsCorrelation()], outputs, y, [sk.matthews_corrcoef(y, outputs.argmax(1))])


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_yes_or_no(shape):
    y, s = RNG.integers(0, 2, shape), np.round(RNG.normal(size=shape), 1)
    yes, said = y.reshape(-1), s.reshape(-1) > 0
    chosen = [F1(1), Precision(1), Recall(1), Jaccard(0), MatthewsCorrelation(), BalancedAccuracy(), AUC(), F1()]
    expected = [
        sk.f1_score(yes, said),
        sk.precision_score(yes, said),
        sk.recall_score(yes, said),
        sk.jaccard_score(yes, said, pos_label=0),
        sk.matthews_corrcoef(yes, said),
        sk.balanced_accuracy_score(yes, said),
        sk.roc_auc_score(yes, s.reshape(-1)),
        sk.f1_score(yes, said, average="macro"),
    ]
    assert_values(chosen, s, y, expected)
    assert_values(chosen, s, y.astype(float), expected)
    two = np.stack([-s.reshape(-1) / 2, s.reshape(-1) / 2], 1)
    two[:, 0] += np.where(s.reshape(-1) == 0, 1e-9, 0)  # a score of 0 is no, and in a tie the first is taken
    assert_values(chosen, two, yes, expected)


def test_several_at_once():
    """The last is never so and never said, which scikit-learn counts as 0."""
    y, s = RNG.integers(0, 2, (N, C)), np.round(RNG.normal(size=(N, C)), 1)
    y[:, -1], s[:, -1] = 0, -1
    chosen = [*BY_CLASS, accuracy]
    assert_values(chosen, s, y, [*by_class(y, s > 0), sk.accuracy_score(y, s > 0)])
    assert_values(chosen, s, y == 1, [*by_class(y, s > 0), sk.accuracy_score(y, s > 0)])
    areas = [sk.roc_auc_score(y[:, k], s[:, k]) for k in range(C - 1)]
    assert_values([AUC()], s, y, [np.mean(areas)])


def test_pixels():
    y, outputs = RNG.integers(0, 4, (N, 3, 2)), RNG.normal(size=(N, 3, 2, 4))
    flat, predicted = y.reshape(-1), outputs.argmax(-1).reshape(-1)
    chosen = [Jaccard(), F1(), MatthewsCorrelation(), accuracy]
    expected = [
        sk.jaccard_score(flat, predicted, average="macro"),
        sk.f1_score(flat, predicted, average="macro"),
        sk.matthews_corrcoef(flat, predicted),
        np.mean(flat == predicted),
    ]
    assert_values(chosen, outputs, y, expected)


@pytest.mark.parametrize("there", [(0, 1, 2, 3), (1, 3)])
def test_area_under_the_curve(there):
    """Of classes that have one; equal rows of outputs give equal scores."""
    y, rows = RNG.choice(there, N), RNG.normal(size=(9, 4))
    outputs = rows[RNG.integers(0, 9, N)]
    p = np.asarray(jax.nn.softmax(outputs))
    areas = [sk.roc_auc_score(y == k, p[:, k]) for k in there]
    assert_values([AUC()], outputs, y, [np.mean(areas)])
    if len(there) == 4:
        assert np.mean(areas) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))


def test_area_where_there_is_none():
    assert np.isnan(values_of([AUC()], RNG.normal(size=N), np.ones(N, int))["AUC"])
    s, y = RNG.normal(size=N), RNG.integers(0, 2, N)
    s[3] = np.nan
    assert np.isnan(values_of([AUC()], s, y, 7)["AUC"])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k(k):
    y, outputs = RNG.integers(0, C, N), RNG.integers(-2, 3, (N, C)).astype(float)
    assert_values([TopK(k)], outputs, y, [sk.top_k_accuracy_score(y, outputs, k=k, labels=range(C))])
    outputs[0, 1] = np.nan
    assert TopK(C)(jnp.asarray(outputs), jnp.asarray(y)).sum() == N - 1


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_quantities(shape, offset):
    """Centered: far from 0 a difference of squares would have no digits left."""
    y = RNG.normal(size=shape) + offset
    outputs = y + RNG.normal(size=shape) / 2
    expected = [sk.r2_score(y, outputs), sk.root_mean_squared_error(y, outputs)]
    assert_values([R2(), RMSE()], outputs, y, expected)


def test_in_single_precision_a_correlation_far_from_zero_keeps_its_digits():
    y = (RNG.normal(size=5000) + 3000).astype(np.float32)
    outputs = y + RNG.normal(size=5000).astype(np.float32) / 3
    found = values_of([R2()], outputs, y, 256)["R2"]
    assert found == pytest.approx(sk.r2_score(y.astype(float), outputs.astype(float)), abs=2e-6)


def test_a_target_that_is_the_same_everywhere_has_no_correlation():
    y = np.stack([np.full(N, 0.1), RNG.normal(size=N)], 1)
    for chunk in (1, 7, N):
        assert np.isnan(values_of([R2()], y + 0.5, y, chunk)["R2"])


def test_labels_of_another_kind_are_refused():
    classes, several = (RNG.normal(size=(N, C)), RNG.integers(0, C, N)), (RNG.normal(size=(N, C)), np.ones((N, C), int))
    for metric, given, words in [
        (F1("mean"), classes, "average: needed 'macro', 'micro', 'weighted' or the number of a class, 0 to 4"),
        (F1(5), classes, "got 5"),
        (F1(), (classes[0], classes[1][:, None]), "F1: needed labels"),
        (R2(), classes, r"R2: labels: needed floating ones"),
        (MatthewsCorrelation(), several, "MatthewsCorrelation: needed one class for each example"),
        (BalancedAccuracy(), several, "try Recall"),
        (TopK(2), several, "TopK: needed"),
        (AUC(), (classes[0], classes[1][:, None, None]), "AUC: needed labels"),
    ]:
        with pytest.raises(ValueError, match=words):
            values_of([metric], *given)


def test_names_and_saved_forms():
    chosen = (F1(), F1("micro"), Recall(2), R2(), TopK(3), AUC(), accuracy)
    names = ["F1", "F1(average=micro)", "Recall(average=2)", "R2", "TopK(k=3)", "AUC", "accuracy"]
    assert [name_of(metric) for metric in chosen] == names
    setup = small_setup(metrics=chosen)
    again = from_config(to_config(setup))
    assert again.metrics == chosen
    with pytest.raises(ValueError, match="another name for each, got F1, F1"):
        fit(small_setup(metrics=(F1(), F1())), DATA, KEY)
    with pytest.raises(TypeError, match=r"metrics: needed metrics in a tuple"):
        fit(small_setup(metrics=(F1,)), DATA, KEY)


def test_a_metric_of_ones_own_stands_in_the_history():
    @hyperparams
    class Largest(SetMetric):
        def count(self, outputs, y, weights):
            return jnp.max(jnp.where(weights > 0, jnp.max(outputs, -1), -jnp.inf))

        def value(self, counted):
            return jnp.max(counted, 0)

    run = fit(small_setup(metrics=(Largest(), F1()), watch=Watch(chunk=7)), DATA, KEY)
    assert set(run.history.train_metrics) == set(run.history.validation_metrics) == {"Largest", "F1"}
    outputs, best = np.asarray(run.predict(DATA.validation.x)), int(run.state.best.epoch)
    found = run.evaluate(DATA.validation)
    assert found["Largest"] == pytest.approx(outputs.max())
    expected = sk.f1_score(DATA.validation.y, outputs.argmax(1), average="macro")
    assert found["F1"] == pytest.approx(run.history.validation_metrics["F1"][best]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "larger"),
    [(accuracy, True), (F1(), True), (TopK(), True), (RMSE(), False), (squared_error, False)],
)
def test_a_metric_says_whether_larger_is_better(metric, larger):
    assert criterion_of(metric).larger is larger
    assert criterion_of(jax.tree_util.Partial(absolute_error)).larger is False


def within(outputs, y):
    return jnp.abs(outputs - y).max(-1) < 1


def test_a_function_that_does_not_say_is_no_criterion():
    with pytest.raises(ValueError, match=r"by: needed a metric that says whether larger is better, got within; try"):
        criterion_of(within)
    vars(within)["larger"] = True
    assert criterion_of(within) == ("within", True)


@pytest.mark.parametrize("k", [1, 2])
def test_several_yes_or_no_are_learned_beside_their_metrics(k):
    def loss(s, labels):
        return sigmoid_binary_cross_entropy(s, labels).sum(-1)

    x = DATA.train.x
    y = (x[:, :k] > 0).astype(jnp.int32)
    setup = small_setup(model=sequential(Dense(k)), loss=loss, metrics=(F1(0), AUC()), epochs=30, optimizer=Adam(0.1))
    run = fit(setup, (x, y), KEY)
    s = np.asarray(run.predict(x))
    area = np.mean([sk.roc_auc_score(y[:, i], s[:, i]) for i in range(k)])
    assert run.evaluate((x, y))["AUC"] == pytest.approx(area)
    assert area > 0.95
