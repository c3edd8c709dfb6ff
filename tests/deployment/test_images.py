"""A model that learned from a folder of images, on images as people have them."""

import jax
import numpy as np
import pandas as pd
import pytest

from dlcore import Setup, cli, data, fit, load_model, losses, mlp, report
from dlcore.deployment import TrainedModel, save_model
from dlcore.deployment.answers import probabilities
from dlcore.optimizers import Adam
from tests.data.test_image_folders import draw

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Bright and dark images of two sizes."""
    root = tmp_path_factory.mktemp("sky")
    for name, level in (("day", 150), ("night", 0)):
        for i in range(16):
            array = draw(root / name / f"{i}.png", 5 + i % 2, 4, seed=i) // 3 + level
            Image.fromarray(array.astype(np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def learned(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    split, _ = data.prepare(data.split(data.load(folder)))
    setup = Setup(mlp((2,)), losses.softmax_cross_entropy, Adam(0.05), epochs=20, batch_size=8)
    run = fit(setup, split, jax.random.key(0))
    save_model(out, TrainedModel.of(run, split))
    return load_model(out), run


def test_predictions_are_those_of_the_run(folder, learned):
    model, run = learned
    dataset = data.load(folder)
    split, by = data.prepare(data.split(dataset))
    files = [folder / "night" / "3.png", str(folder / "day" / "2.png")]
    rows = np.concatenate([dataset.x[dataset.y == 1][[9]], dataset.x[dataset.y == 0][[8]]])  # 0, 1, 10, 11, …, 15, 2, 3
    expected = probabilities(run.setup.loss, run.predict(by(rows)), 2)
    found = model.predict(files)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    assert found.values.tolist() == ["night", "day"]
    np.testing.assert_allclose(model.predict(files[0]).probabilities, expected[:1], rtol=1e-5)
    arrays = data.images(rows, dataset.image_shape)
    np.testing.assert_allclose(model.predict(arrays).probabilities, expected, rtol=1e-5)
    assert len(split.train.y) == 19


def test_a_folder_by_class_is_evaluated(folder, learned):
    model, _ = learned
    scores = model.evaluate(folder)
    assert (scores.n, scores.metrics["accuracy"]) == (32, 1.0)
    assert scores.confusion.tolist() == [[16, 0], [0, 16]]
    assert model.evaluate(data.load(folder)).loss == pytest.approx(scores.loss)


def test_wrong_images_are_named(learned, tmp_path):
    model, _ = learned
    (tmp_path / "broken.png").write_bytes(b"no image")
    draw(tmp_path / "other" / "a.png", 5, 4)
    for source, words in (
        (tmp_path / "none.png", "an image or a folder of images, got none there"),
        (tmp_path / "broken.png", "broken.png as an image: cannot identify"),
        ([], "images: needed a file that ends in .png"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            model.predict(source)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="evaluate: needed right answers, got inputs alone"):
        model.evaluate(tmp_path / "other")


def test_from_a_folder_to_answers_on_the_command_line(folder, tmp_path, capsys):
    quick = ["--no-cache", "--set", "epochs=2", "batch_size=8", "model.layers[0].units=4"]
    run = tmp_path / "run"
    assert cli.run(["fit", str(folder), "--size", "4", "4", "--out", str(run), "--test", *quick]) == 0
    found = report.read(run)
    assert (found.data.image_shape, found.data.classes, found.data.width) == ((4, 4, 3), ("day", "night"), 48)
    assert found.preprocessing.preprocessing.target.classes == ("day", "night")
    assert found.test.n == 6
    assert any("resized to 4 x 4" in finding.message for finding in found.data.findings)
    capsys.readouterr()
    out = tmp_path / "answers.csv"
    assert cli.run(["predict", str(run), str(folder / "day"), "--out", str(out)]) == 0
    answers = pd.read_csv(out)
    assert answers.columns.tolist() == ["file", "class", "p(day)", "p(night)"]
    assert sorted(answers["file"]) == sorted(map(str, (folder / "day").iterdir()))
