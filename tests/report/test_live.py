"""What is seen of a training while it goes on: lines of JSON, which strict readers take, and what TensorBoard adds."""

import dataclasses
import errno
import io
import json

import jax
import numpy as np
import pandas as pd
import pytest

from dlcore.diagnosis import DECADES
from dlcore.report import LiveEvents, LiveLines, live, live_view, read, write_events, write_view
from dlcore.runs import Mistakes, RecipeRecord
from tests.report.records import OPENED, cook
from tests.report.test_summary import events


@pytest.fixture
def run(tmp_path):
    return cook(tmp_path / "digits", "training")


def part(history, begin, end):
    return jax.tree.map(lambda a: a[begin:end], history)


def strict(path):
    """The lines by the standard: NaN and Infinity are none of its words."""

    def refuse(word):
        raise AssertionError(word)

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


class Full(io.FileIO):
    """A file on a disk that takes no more than some bytes."""

    taken = None

    def __init__(self, path, mode, buffering):
        super().__init__(path, mode)

    def write(self, text):
        if self.taken is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text[: self.taken])


class TestLines:
    def test_they_are_there_while_it_goes_on_and_pandas_reads_them(self, run):
        history, path = read(run).training.history, run / "history.jsonl"
        with LiveLines(run) as lines:
            assert path.read_bytes() == b""
            lines.add(part(history, 0, 5), 5)
            assert [row["epoch"] for row in strict(path)] == [1, 2, 3, 4, 5]
            lines.add(part(history, 5, 5), 5)  # midway in an epoch
            assert path.read_text().count("\n") == 5
            lines.add(part(history, 5, 12), 12)
        frame = pd.read_json(path, lines=True)
        assert frame.epoch.tolist() == list(range(1, 13))
        np.testing.assert_allclose(frame.validation_loss, history.validation_loss, 1e-12)
        np.testing.assert_allclose(frame.train_accuracy, history.train_metrics["accuracy"], 1e-12)
        assert {"running_loss", "train_loss", "validation_accuracy", "learning_rate", "gradient_norm"} < {*frame}
        assert (frame.seconds > 0).all()

    def test_a_number_that_is_none_is_null(self, run):
        history = part(read(run).training.history, 0, 3)
        history = history._replace(running_loss=np.array([1.0, np.nan, np.inf]))
        with LiveLines(run) as lines:
            lines.add(history, 3)
        assert [row["running_loss"] for row in strict(run / "history.jsonl")] == [1.0, None, None]

    def test_who_goes_on_neither_repeats_nor_loses_epochs_and_drops_half_a_line(self, run):
        history, path = read(run).training.history, run / "history.jsonl"
        with LiveLines(run) as lines:
            lines.add(part(history, 0, 8), 8)
        before = strict(path)
        path.write_bytes(path.read_bytes()[:-7])  # torn in the middle of a line
        with LiveLines(run, part(history, 0, 6)) as lines:  # the checkpoint was of epoch 6
            assert strict(path) == before[:6]
            lines.add(part(history, 6, 12), 12)
        assert [row["epoch"] for row in strict(path)] == list(range(1, 13))
        path.unlink()
        with LiveLines(run, part(history, 0, 2)):
            assert [(row["epoch"], row["seconds"]) for row in strict(path)] == [(1, None), (2, None)]

    @pytest.mark.parametrize("taken", [None, 30])
    def test_a_full_disk_ends_nothing_and_what_it_did_not_take_comes_later(self, run, monkeypatch, taken):
        history, path = read(run).training.history, run / "history.jsonl"
        with LiveLines(run) as lines:
            lines.add(part(history, 0, 2), 2)
            with monkeypatch.context() as patched:
                patched.setattr(live, "open", Full, raising=False)
                patched.setattr(Full, "taken", taken)
                with pytest.warns(UserWarning, match=r"history.jsonl: no line could be written"):
                    lines.add(part(history, 2, 4), 4)
            lines.add(part(history, 4, 12), 12)
        assert [row["epoch"] for row in strict(path)] == list(range(1, 13))


class TestChoice:
    def test_each_view_writes_its_own(self, tmp_path):
        kinds = {"tensorboard": LiveEvents, "jsonl": LiveLines, "none": type(None)}
        names = {"tensorboard": {"events"}, "jsonl": {"history.jsonl"}, "none": set()}
        for view, kind in kinds.items():
            run = cook(tmp_path / view, "training")
            history = read(run).training.history
            RecipeRecord("digits", {"view": view}).write(run)
            with live_view(view, run) as shown:
                assert type(shown) is kind
            write_view(run)
            assert {path.name for path in run.iterdir()} & {"events", "history.jsonl"} == names[view]
            if view == "jsonl":
                assert [row["train_loss"] for row in strict(run / "history.jsonl")] == history.train_loss.tolist()

    def test_a_run_that_asked_for_none_in_particular_has_events(self, run):
        write_view(run)
        assert (run / "events").is_dir()


def values(folder):
    return [(e.step, v) for file in (folder / "events" / "training").iterdir() for e in events(file)
            for v in e.summary.value]  # fmt: skip


class TestTensorBoard:
    def test_histograms_of_layers_have_the_counts_of_the_record(self, tmp_path):
        run = cook(tmp_path / "digits", "layers")
        write_events(run)
        found = read(run).layers.histograms
        told = {(v.tag, step): v.histo for step, v in values(run) if v.HasField("histo")}
        for when, step in enumerate((0, 12)):
            dense = told["activations/layers/0/Dense", step]
            assert dense.bucket == found.activation[when, 0].tolist()
            np.testing.assert_allclose(dense.bucket_limit, np.linspace(-1, 1, 41)[1:], atol=1e-12)
            back = told["gradients_log10/layers/2/Dense", step]
            assert (back.min, back.max) == DECADES
            assert back.num == found.gradient[when, 2].sum()
        assert not [tag for tag, _ in told if tag.startswith("gradients_log10/layers/1")]  # relu has no parameters

    def test_a_layer_that_gives_one_number_alone_is_one_bin(self, tmp_path):
        run = cook(tmp_path / "digits", "layers")
        record = read(run).layers
        found = record.histograms
        found.ends[0] = 3.0, 3.0
        dataclasses.replace(record, histograms=found).write(run)
        write_events(run)
        (one, _) = [v.histo for _, v in values(run) if v.tag == "activations/layers/0/Dense"]
        assert (list(one.bucket_limit), list(one.bucket)) == ([3.0], [found.activation[0, 0].sum()])
        assert one.sum == 3 * one.num

    def test_wrong_predictions_of_each_class(self, tmp_path):
        run = cook(tmp_path / "digits")
        each = Mistakes(np.arange(12.0).reshape(3, 4), (), np.array([0, 0, 2]), np.array([2, 1, 1]), np.ones(3))
        dataclasses.replace(OPENED, mistakes=each).write(run)
        write_events(run)
        images = {v.tag for _, v in values(run) if v.HasField("image")}
        assert {"wrong_zero/00_two_is_zero", "wrong_zero/01_one_is_zero", "wrong_two/02_one_is_two"} == images
