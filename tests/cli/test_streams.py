"""``dlcore fit --stream``: the numbers of the same command in memory, killed or not."""

import re

import numpy as np
import pytest

from dlcore import cli, data, load_model, report
from dlcore.recipe import single
from dlcore.recipe.task import prepare
from dlcore.training import streaming
from tests.data.test_image_folders import draw

SMALL = ["--no-cache", "--view", "none", "--set", "epochs=3", "batch_size=16", "model.layers[0].units=8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Arrays of numbers, quantities, images with their channels first, and images by class."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    x, y = rng.normal(5, 2, (300, 4)).astype(np.float32), rng.integers(0, 3, 300)
    save(root / "numbers", x + 3 * y[:, None], y)
    save(root / "quantities", x.astype(np.float64) + 1e6, 10 * x[:, :2] + 100)
    images = rng.integers(0, 255, (300, 3, 4, 5), np.uint8)
    save(root / "images", images // (1 + y.astype(np.uint8))[:, None, None, None], y)
    pictures(root / "pictures", 40)
    return root


def pictures(folder, n):
    for i in range(2 * n):
        draw(folder / "ab"[i % 2] / f"{i}.png", seed=i)


def save(folder, x, y):
    folder.mkdir()
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def fit(source, out, *words, code=0):
    assert cli.run(["fit", str(source), "--out", str(out), *words, *SMALL]) == code


def same(folder, other):
    one, two = (report.read(path) for path in (folder, other))
    assert one.status.status == two.status.status == "finished"
    for name in ("train_loss", "validation_loss", "gradient_norm"):
        np.testing.assert_array_equal(*(getattr(found.training.history, name) for found in (one, two)), name)
    assert one.preprocessing.preprocessing == two.preprocessing.preprocessing
    files = [path / "model" / "parameters.safetensors" for path in (folder, other)]
    assert files[0].read_bytes() == files[1].read_bytes()
    return one, two


@pytest.mark.parametrize("name", ["numbers", "quantities", "images", "pictures"])
def test_the_numbers_are_those_in_memory(folder, tmp_path, name):
    fit(folder / name, tmp_path / "streamed", "--stream", "--test")
    fit(folder / name, tmp_path / "memory", "--test")
    one, two = same(tmp_path / "streamed", tmp_path / "memory")
    for field in ("train", "validation", "test", "examples", "classes", "task", "image_shape"):
        assert getattr(one.data, field) == getattr(two.data, field), field
    assert (one.test.loss, one.test.metrics) == (two.test.loss, two.test.metrics)
    if one.test.mistakes:
        np.testing.assert_array_equal(one.test.mistakes.x, two.test.mistakes.x)
    assert (one.layers is None, one.verdict.verdict.kind) == (False, two.verdict.verdict.kind)
    assert any("were looked at" in finding.message for finding in one.data.findings)
    if name != "pictures":
        x = np.load(folder / name / "x.npy")
        found = (load_model(tmp_path / kind).predict(x).values for kind in ("streamed", "memory"))
        np.testing.assert_array_equal(*found)


def test_what_is_broken_midway_in_an_epoch_goes_on_to_the_same_numbers(folder, tmp_path, monkeypatch):
    fit(folder / "numbers", tmp_path / "whole", "--stream")
    train = single.fit

    def failing(*words, watch, **options):
        def then(progress):
            watch(progress)
            if progress.epoch == 1 and progress.state.midway is not None and int(progress.state.midway.step) >= 4:
                raise RuntimeError("the machine failed")

        return train(*words, watch=then, **options)

    with monkeypatch.context() as patched:
        patched.setattr(single, "fit", failing)
        patched.setattr(single, "SHARE", 1e9)
        patched.setattr(streaming, "SECONDS", 0.0)
        patched.setattr("dlcore.training.pieces.LONGEST", 2)
        fit(folder / "numbers", tmp_path / "run", "--stream", code=1)
    last = max((tmp_path / "run" / "checkpoints").glob("*[0-9]"))
    assert last.name.startswith("00000001_0000000")
    begun = []

    def told(*words, resume, **options):
        begun.append(int(resume[0].midway.step))
        return train(*words, resume=resume, **options)

    monkeypatch.setattr(single, "fit", told)
    assert cli.run(["resume", str(tmp_path / "run"), "--no-cache"]) == 0
    assert begun[0] >= 4
    same(tmp_path / "run", tmp_path / "whole")


def test_other_labels_are_other_data(folder, tmp_path, monkeypatch, capsys):
    save(tmp_path / "data", *(np.load(folder / "numbers" / f"{letter}.npy") for letter in "xy"))
    train = single.fit

    def failing(*words, **options):
        raise RuntimeError("the machine failed")

    monkeypatch.setattr(single, "fit", failing)
    fit(tmp_path / "data", tmp_path / "run", "--stream", code=1)
    monkeypatch.setattr(single, "fit", train)
    y = np.load(tmp_path / "data" / "y.npy")
    np.save(tmp_path / "data" / "y.npy", np.where(np.arange(300) == 7, (y + 1) % 3, y))
    capsys.readouterr()
    assert cli.run(["resume", str(tmp_path / "run"), "--no-cache"]) == 2
    assert "needed the data that the run began with, got others" in capsys.readouterr().err


def test_only_what_is_looked_at_is_in_memory(folder, monkeypatch):
    monkeypatch.setattr("dlcore.recipe.task.LOOKED_AT", 50)
    monkeypatch.setattr("dlcore.data.checks.LOOKED_AT", 50)
    task = prepare(data.load(folder / "numbers", stream=True), 16, 0)
    assert task.sizes == (180, 60, 60)
    assert len(task.seen.train.x) == len(task.seen.validation.x) == len(task.training.x) == 50
    whole = prepare(data.load(folder / "numbers"), 16, 0)
    np.testing.assert_array_equal(task.counts, whole.counts)
    np.testing.assert_array_equal(task.seen.train.x, whole.split.train.x[:50])
    assert task.validated == whole.validated


def test_a_picture_that_cannot_be_read_is_named(folder, tmp_path, capsys):
    pictures(tmp_path / "pictures", 20)
    for i in range(4):  # one of them at least is not in the test part
        damaged = tmp_path / "pictures" / "a" / f"damaged{i}.jpg"
        draw(damaged, 40, 40)
        damaged.write_bytes(damaged.read_bytes()[:-300])
    fit(tmp_path / "pictures", tmp_path / "run", "--stream", code=2)
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"example \d+: needed what can be read, got cannot read \S*damaged\d.jpg", line)
    assert not (tmp_path / "run").exists()
