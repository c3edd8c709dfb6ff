"""A model that was saved is the model that was trained; a folder that is damaged says where."""

import json
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from jax.tree_util import Partial

from dlcore import Setup, data, fit, load_model, losses, mlp, sequential
from dlcore.deployment import TrainedModel, save_model
from dlcore.layers import Dense
from dlcore.optimizers import Adam
from tests.deployment.problems import KEY, appraiser, classifier, committee, people, prepared
from tests.deployment.test_model import folded


def normalized():
    """Columns without preprocessing of their own; a loss with a number."""
    split, _ = data.normalize(data.split(data.load("wine")))
    loss = Partial(losses.softmax_cross_entropy, label_smoothing=0.1)
    return TrainedModel.of(fit(Setup(mlp((3,)), loss, Adam(0.1), epochs=2, batch_size=16), split, KEY), split)


def pair():
    x = np.random.default_rng(0).normal(size=(60, 2, 2)).astype(np.float32)
    y = x.reshape(60, 4)[:, :2]
    setup = Setup(mlp((2,)), losses.squared_error, Adam(0.1), epochs=1, batch_size=16)
    images = (x.reshape(60, 4), y)
    return TrainedModel.of(fit(setup, images, KEY), images)


def of_bytes():
    """A network whose first layer normalizes bytes, each input by its own numbers."""
    x, y = np.random.default_rng(0).integers(0, 256, (60, 4)).astype(np.uint8), np.arange(60) % 3
    model = sequential(data.fit_normalization(x), Dense(3))
    setup = Setup(model, losses.softmax_cross_entropy, Adam(0.1), epochs=1, batch_size=16)
    return TrainedModel.of(fit(setup, (x, y), KEY), (x, y))


MODELS = {
    "words and batch norm": (classifier, people(20, seed=4)),
    "members": (committee, people(20, seed=4)),
    "quantities": (appraiser, people(20, seed=4)),
    "members of folds": (lambda: folded()[1], data.load("iris").x),
    "normalized": (normalized, data.load("wine").x),
    "arrays": (pair, np.ones((3, 4), np.float32)),
    "bytes": (of_bytes, np.arange(12, dtype=np.uint8).reshape(3, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_comes_back_is_what_was_saved(name, tmp_path):
    make, source = MODELS[name]
    model = make()
    save_model(tmp_path / "run" / "model", model)
    for folder in ("run", "run/model"):
        found = load_model(tmp_path / folder)
        for one, other in zip(model.predict(source), found.predict(source), strict=True):
            np.testing.assert_array_equal(one, other)
        assert repr(found) == repr(model)
        assert jax.tree.structure(found.trained) == jax.tree.structure(model.trained)
        np.testing.assert_array_equal(found.usual, model.usual)


def test_another_process_needs_neither_data_nor_code(tmp_path):
    save_model(tmp_path / "model", classifier())
    people(20, seed=4).to_csv(tmp_path / "new.csv", index=False)
    code = "from dlcore import load_model; print(*load_model('model').predict('new.csv').values)"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == classifier().predict(people(20, seed=4)).values.tolist()


def test_files_of_many_kinds_say_the_same(tmp_path):
    new = people(20, seed=4)
    expected = classifier().predict(new).probabilities
    new.to_csv(tmp_path / "a.csv", index=False)
    new.to_csv(tmp_path / "a.tsv.gz", index=False, sep="\t")
    new.drop(columns=["price", "sold"]).to_csv(tmp_path / "inputs.csv", index=False)
    new.assign(size=new["size"].map(lambda v: f"{v:.1f}".replace(".", ",") if v == v else "")).to_csv(
        tmp_path / "comma.csv", index=False, sep=";"
    )
    with pytest.raises(
        ValueError, match=r"column 'size': needed numbers, got '.*,.'; try the decimal mark '.' of training"
    ):
        classifier().predict(tmp_path / "comma.csv")
    for name in ("a.csv", "a.tsv.gz", "inputs.csv"):
        np.testing.assert_array_equal(classifier().predict(tmp_path / name).probabilities, expected)
    rows = new[["size", "floor", "town"]].to_numpy(object)
    np.testing.assert_array_equal(classifier().predict(rows).probabilities, expected)


def test_arrays_in_files(tmp_path):
    iris, model = folded()
    expected = model.predict(iris).probabilities
    np.save(tmp_path / "x.npy", iris.x)
    np.savez(tmp_path / "xy.npz", x=iris.x, y=iris.y)
    np.savez(tmp_path / "named.npz", x=iris.x, y=iris.y[::-1] * 0 + 2 - iris.y, classes=np.array(iris.classes)[::-1])
    for name in ("x.npy", "xy.npz", "named.npz"):
        np.testing.assert_array_equal(model.predict(tmp_path / name).probabilities, expected)
    one, other = model.evaluate(tmp_path / "xy.npz"), model.evaluate(tmp_path / "named.npz")
    assert (one.loss, one.metrics) == (other.loss, other.metrics)
    assert one.metrics["accuracy"] > 0.8
    np.savez(tmp_path / "z.npz", z=iris.x)
    with pytest.raises(ValueError, match=r"needed an array x, got \['z'\]"):
        model.predict(tmp_path / "z.npz")


def test_columns_without_names_come_in_their_order(tmp_path):
    iris, model = folded()
    pd.DataFrame(iris.x).to_csv(tmp_path / "bare.csv", header=False, index=False)
    np.testing.assert_allclose(
        model.predict(tmp_path / "bare.csv").probabilities, model.predict(iris).probabilities, rtol=1e-4
    )


def test_a_function_without_a_name_is_refused_before_anything_is_written(tmp_path):
    split = prepared()
    setup = Setup(mlp((2,)), lambda s, y: losses.softmax_cross_entropy(s, y), epochs=1, batch_size=16)
    model = TrainedModel.of(fit(setup, split, KEY), split)
    with pytest.raises(TypeError, match="def instead of lambda"):
        save_model(tmp_path / "model", model)
    assert list(tmp_path.iterdir()) == []


def broken(path, change):
    about = json.loads((path / "model.json").read_text())
    change(about)
    (path / "model.json").write_text(json.dumps(about))


DAMAGE = {
    "no model": (lambda p: (p / "model.json").unlink(), "a run that was trained to its end"),
    "no parameters": (lambda p: (p / "parameters.safetensors").unlink(), "no such file"),
    "half of them": (
        lambda p: (p / "parameters.safetensors").write_bytes((p / "parameters.safetensors").read_bytes()[:200]),
        "parameters.safetensors",
    ),
    "no preprocessing": (lambda p: (p / "preprocessing.json").unlink(), "no such file"),
    "another format": (lambda p: broken(p, lambda a: a.update(format=9)), "a model of format 1, got 9"),
    "another network": (
        lambda p: broken(p, lambda a: a["setup"]["model"]["layers"][0].update(units=9)),
        r"needed params\[0\]\.\w+ \[\d, 9\]|needed params\[0\]\.\w+ \[9\]",
    ),
    "no setup": (lambda p: broken(p, lambda a: a.pop("setup")), "model.json: cannot be read"),
    "no text": (lambda p: (p / "model.json").write_text("{"), "model.json"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder_says_where(name, tmp_path):
    damage, said = DAMAGE[name]
    save_model(tmp_path, classifier())
    damage(tmp_path)
    with pytest.raises(ValueError, match=said) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_no_folder():
    with pytest.raises(ValueError, match="got no folder; try one below runs/"):
        load_model("nowhere")
