"""What a trained model says of new data, beside what NumPy, pandas and scikit-learn make of its parameters."""

import dataclasses
import functools

import jax
import numpy as np
import pandas as pd
import pytest
from jax.tree_util import Partial
from sklearn import metrics

from dlcore import Setup, data, fit, losses, mlp, sweep
from dlcore.deployment import TrainedModel
from dlcore.layers import Conv, Dense, Flatten, sequential
from dlcore.optimizers import Adam
from dlcore.tuning import train_ensemble
from tests.deployment.problems import KEY, appraiser, classifier, committee, people, prepared, setup


def test_a_linear_model_by_hand():
    """Standardization, coded words, indicator of what is missing, matrix product, softmax: all again with NumPy."""
    split = prepared()
    run = fit(Setup(mlp((2,)), losses.softmax_cross_entropy, Adam(0.1), epochs=3, batch_size=16), split, KEY)
    model, new = TrainedModel.of(run, split), people(30, seed=1)
    whole = people()
    parts = data.split(data.load(whole, target="sold", drop=("price",)))
    size, floor = parts.train.x[:, 0], parts.train.x[:, 1]
    z = np.zeros((30, 6))
    z[:, 0] = ((new["size"] - np.nanmean(size)) / np.nanstd(size)).fillna(0)
    z[:, 1] = new["size"].isna()
    z[:, 2] = (new["floor"] - floor.mean()) / floor.std()
    z[:, 3:] = np.stack([new["town"] == town for town in ("Basel", "Bonn", "Graz")], 1)
    (layer,) = [p for p in run.params if p != ()]
    s = z @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    found = model.predict(new)
    np.testing.assert_allclose(found.probabilities, p, rtol=1e-5)
    assert found.values.tolist() == np.array(["no", "yes"])[p.argmax(1)].tolist()
    assert (found.names, found.classes) == (("sold",), ("no", "yes"))


def test_quantities_come_in_their_units():
    model, new, split = appraiser(), people(30, seed=1), prepared("price")
    train = data.split(data.load(people(), target="price", drop=("sold",))).train
    z = np.asarray(model.outputs(model.prepared(new)))
    np.testing.assert_allclose(model.predict(new).values, train.y.mean() + train.y.std() * z, rtol=1e-6)
    np.testing.assert_allclose(model.usual, train.y.mean(), rtol=1e-6)
    assert model.predict(new).frame().columns.tolist() == ["price"]
    found = model.evaluate(new)
    values = model.predict(new).values[:, 0]
    assert found.metrics["R2"] == pytest.approx(metrics.r2_score(new["price"], values))
    assert found.metrics["root mean squared error"] == pytest.approx(
        metrics.root_mean_squared_error(new["price"], values)
    )
    assert found.loss == pytest.approx(np.mean(((values - new["price"]) / train.y.std()) ** 2), rel=1e-5)
    assert found.baseline["R2"] == pytest.approx(
        metrics.r2_score(new["price"], np.full(len(new), train.y.mean())), rel=1e-5
    )
    assert len(split.train.x) == len(train.y)


def test_members_vote_by_their_mean_probability():
    model, new = committee(), people(30, seed=1)
    x = model.prepared(new)
    each = [
        jax.nn.softmax(np.asarray(TrainedModel(jax.tree.map(lambda a, i=i: a[i], model.trained), None, model.inputs,
                                               model.target, model.shape, model.usual).outputs(x)), -1)
        for i in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(model.predict(new).probabilities, np.mean(each, 0), rtol=1e-5)


def test_a_member_that_diverged_has_no_vote():
    run = train_ensemble(setup(2), prepared(), KEY, 3, [{"optimizer.learning_rate": r} for r in (1e-2, 1e30, 1e-2)])
    assert np.asarray(run.state.diverged).tolist() == [False, True, False]
    model = TrainedModel.of(run, prepared())
    assert model.members == 2
    assert np.isfinite(model.predict(people(5)).probabilities).all()


@functools.cache
def folded():
    iris = data.load("iris")
    split, _ = data.prepare(data.split(iris))
    one = Setup(mlp((3,)), losses.softmax_cross_entropy, Adam(0.1), epochs=3, batch_size=16)
    return iris, TrainedModel.of(sweep(one, [{}], split, KEY, folds=3).winner, split)


def test_members_of_folds_take_raw_columns():
    """Each member scales by its own training part; a data set, its array and its frame are the same examples."""
    iris, model = folded()
    assert model.members == 3
    by_set = model.predict(iris)
    frame = pd.DataFrame(iris.x, columns=list(iris.features))
    shuffled = frame[[*reversed(iris.features)]].assign(more="x")
    for source in (iris.x, frame, shuffled, {name: iris.x[:, j] for j, name in enumerate(iris.features)}):
        np.testing.assert_array_equal(model.predict(source).probabilities, by_set.probabilities)
    assert (by_set.values == np.array(iris.classes)[iris.y]).mean() > 0.8


ONE = {
    "logit": (losses.sigmoid_binary_cross_entropy, lambda s: 1 / (1 + np.exp(-s))),
    "focal": (Partial(losses.focal, gamma=1.0), lambda s: 1 / (1 + np.exp(-s))),
    "support vectors": (losses.multiclass_hinge, None),
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("members", [1, 3])
def test_two_classes_by_other_losses(name, members):
    loss, share = ONE[name]
    split, new = prepared(), people(30, seed=1)
    one = setup(1 if share else 2, loss)
    run = fit(one, split, KEY) if members == 1 else train_ensemble(one, split, KEY, members)
    model = TrainedModel.of(run, split)
    outputs = np.asarray(run.predict(model.prepared(new)))
    outputs = (outputs[..., -1] - (0 if share else outputs[..., 0])).reshape(members, -1)
    found = model.predict(new)
    yes = outputs.mean(0) > 0 if share is None else share(outputs).mean(0) > 0.5
    assert found.values.tolist() == np.where(yes, "yes", "no").tolist()
    if share is None:
        assert found.probabilities is None
    else:
        np.testing.assert_allclose(found.probabilities[:, 1], share(outputs).mean(0), rtol=1e-5)
        np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-6)
    scores = model.evaluate(new)
    assert scores.metrics["accuracy"] == pytest.approx((found.values == new["sold"]).mean())
    assert ("loss" in scores.baseline) == (name == "logit")


def test_scores_are_those_of_scikit_learn():
    model, new = classifier(), people(80, seed=2)
    found, predicted = model.evaluate(new), model.predict(new)
    y = (new["sold"] == "yes").astype(int)
    assert found.n == 80
    assert found.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(new["sold"], predicted.values))
    assert found.loss == pytest.approx(metrics.log_loss(y, predicted.probabilities[:, 1]), rel=1e-5)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(new["sold"], predicted.values))
    shares = model.usual / model.usual.sum()
    assert found.baseline["loss"] == pytest.approx(metrics.log_loss(y, np.tile(shares, (80, 1))))
    assert found.baseline["accuracy"] == (y == np.argmax(model.usual)).mean()


def test_answers_that_are_missing_are_left_out():
    new = people(40, seed=3)
    holes = new.assign(sold=new["sold"].where(np.arange(40) % 4 > 0, "?"))
    kept = new[np.arange(40) % 4 > 0]
    found, same = (classifier().evaluate(frame) for frame in (holes, kept))
    assert (found.n, found.loss, found.metrics) == (30, pytest.approx(same.loss), same.metrics)


def test_answers_may_come_beside():
    new = people(40, seed=3)
    by_name = classifier().evaluate(new)
    for y in (new["sold"].tolist(), new["sold"].to_numpy(), (new["sold"] == "yes").astype(int).to_numpy()):
        assert classifier().evaluate(new.drop(columns="sold"), y).loss == by_name.loss


def test_a_new_word_and_a_missing_one():
    new = people(3, seed=3).assign(town=["Paris", None, "Bonn"])
    z = classifier().prepared(new)
    names = classifier().inputs.features
    towns = [j for j, name in enumerate(names) if name.startswith("town=")]
    assert z[:2, towns].sum() == 0
    assert z[2, names.index("town=Bonn")] == 1


def test_images_fold_as_the_network_takes_them():
    digits = data.load("digits")
    split, _ = data.normalize(data.split(digits))
    folded = data.Split(*(data.Examples(data.images(p.x, (8, 8, 1)), p.y) for p in (split.train, split.validation)),
                        schema=split.schema, inputs=split.inputs)  # fmt: skip
    net = sequential(Conv(2, (3, 3)), Flatten(), Dense(10))
    run = fit(Setup(net, losses.softmax_cross_entropy, Adam(1e-2), epochs=1, batch_size=64), folded, KEY)
    model = TrainedModel.of(run, folded)
    assert model.shape == (8, 8, 1)
    rows = model.predict(digits.x[:20])
    pictures = model.predict(digits.x[:20].reshape(20, 8, 8))
    np.testing.assert_array_equal(rows.probabilities, pictures.probabilities)
    assert (
        rows.values.tolist()
        == np.asarray(
            run.predict(
                data.images(((digits.x[:20] - split.inputs.mean) / split.inputs.std).astype("float32"), (8, 8, 1))
            )
        )
        .argmax(1)
        .astype(str)
        .tolist()
    )


def test_a_pair_without_names():
    """Classes are their numbers, quantities are called prediction; nothing is done to inputs."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    run = fit(Setup(mlp((2,)), losses.softmax_cross_entropy, Adam(0.1), epochs=2, batch_size=16), (x, y), KEY)
    model = TrainedModel.of(run, (x, y))
    np.testing.assert_array_equal(model.predict(x).values, np.asarray(run.predict(x)).argmax(1).astype(str))
    run = fit(Setup(mlp((1,)), losses.squared_error, Adam(0.1), epochs=2, batch_size=16), (x, x[:, :1]), KEY)
    model = TrainedModel.of(run, (x, x[:, :1]))
    np.testing.assert_allclose(model.predict(x).values, run.predict(x))
    assert model.predict(x.tolist()).frame().columns.tolist() == ["prediction"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda: people(3).drop(columns="size"), "needed column 'size', got"),
        (lambda: people(3).assign(floor="high"), "column 'floor': needed numbers, got 'high'"),
        (lambda: np.zeros((3, 2)), r"needed x \[n, 3\], got \[3, 2\]"),
        (lambda: np.array([["a", "b"]], object), "x: needed 3 columns, got"),
        (lambda: 3.0, "x: needed examples"),
        (lambda: "nowhere.csv", "nowhere.csv: needed a file with examples, got none there"),
        (lambda: ".", "needed a file with examples, got a folder"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(source, said):
    with pytest.raises(ValueError, match=said) as caught:
        classifier().predict(source())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "y", "said"),
    [
        (lambda: people(3).drop(columns="sold"), None, "needed the column 'sold' to compare with"),
        (lambda: people(3).assign(sold="maybe"), None, "needed the classes no, yes, got 'maybe'"),
        (lambda: people(3).assign(sold=None), None, "at least one example with its right answer"),
        (lambda: people(3), ["yes"], "an answer for each of 3 examples"),
        (lambda: np.zeros((2, 3)), None, "needed right answers"),
    ],
)
def test_answers_that_do_not_fit(source, y, said):
    with pytest.raises(ValueError, match=said):
        classifier().evaluate(source(), y)


def test_what_is_evaluated_by_weight_is_what_stands_there_so_often():
    model, new = classifier(), people(30, seed=1)
    times = np.random.default_rng(0).integers(0, 3, 30)
    often = new.loc[new.index.repeat(times)]
    a, b = model.evaluate(new.assign(w=times), weights="w"), model.evaluate(often)
    assert a.loss == pytest.approx(b.loss)
    assert a.metrics == pytest.approx(b.metrics)
    assert a.baseline == pytest.approx(b.baseline)
    np.testing.assert_array_equal(a.confusion, b.confusion)
    c, d = appraiser().evaluate(new, weights=times), appraiser().evaluate(often)
    for name in ("loss", "metrics", "baseline"):
        assert getattr(c, name) == pytest.approx(getattr(d, name))
    for weights, words in (("town", "got nan"), ("wait", "no column 'wait'"), (times[:3], "one for each of the 30")):
        with pytest.raises(ValueError, match=words):
            model.evaluate(new, weights=weights)


def test_a_constant_prediction_knows_the_weights_of_training():
    split = prepared()
    weights = np.where(np.asarray(split.train.y) == 0, 3.0, 1.0)
    told = dataclasses.replace(split, train=data.Weighted(*split.train, weights))
    run = fit(setup(2), told, KEY)
    counts = np.bincount(split.train.y)
    np.testing.assert_allclose(TrainedModel.of(run, told).usual, counts * [3, 1])
