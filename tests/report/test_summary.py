"""The summary in words, and TensorBoard's events."""

import dataclasses
import os
import re
import struct
import subprocess
import sys

import jax
import numpy as np
from safetensors.numpy import save_file

from dlcore.report import LiveEvents, read, summary, write_events
from dlcore.report.cards import cards
from dlcore.runs import Mistakes
from tests.report.records import DECAY, OPENED, RATE, cook


class TestSummary:
    def test_the_table(self, complete):
        text = summary(complete)
        rows = dict(re.findall(r"^(\S.*?|  \S.*?)  +(.*)$", text, re.MULTILINE))
        assert rows["sizes"].startswith("60 / 20 / 20")
        assert rows["initial loss"] == "1.12 (ln c = 1.099)"
        assert rows["overfit 4"] == "loss 0.004, accuracy 100.0 % (memorized)"
        assert rows["chosen"] == "in the sweep 'refined'"
        assert f" {RATE} = 0.01\n" in text
        assert f"{DECAY} = " in text
        assert "±" in rows["validation loss"]
        assert rows["epochs"] == "12, best 9 (finished)"
        assert (rows["verdict"], rows["  evidence"]) == ("overfitting", "gap <0.3>")
        assert rows["  try next"] == "more weight decay"
        assert rows["test accuracy"] == "95.0 ± 4.9 % (constant prediction: 35.0 %)"

    def test_what_was_chosen_is_shown_also_where_another_is_the_best(self, complete):
        records = read(complete)
        assert (records.sweeps[-1].best, records.setup.configuration) == (3, 2)
        assert {card.title: card.value for card in cards(records)}["strength"] == "0"
        assert f"{DECAY} = 0\n" in summary(complete)
        assert records._replace(setup=None).chosen.name == "refined"

    def test_it_is_narrow_and_aligned(self, complete):
        lines = summary(complete).splitlines()
        assert lines[-1].startswith("report")
        assert lines[-1].endswith(str(complete / "report.html"))
        assert all(len(line) <= 80 for line in lines[:-1])
        assert len({len(re.match(r"(\s*\S+(?: \S+)* {2,}| +)", line)[0]) for line in lines}) == 1


def events(path):
    """The events of a file, read by the format's definition: length, checksum, content, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield Event.FromString(data[place + 12 : place + 12 + length])
        place += 16 + length


class TestTensorBoard:
    def test_scalars_and_hyperparameters(self, tmp_path):
        path = cook(tmp_path / "digits")
        assert write_events(path) == path / "events"
        write_events(path)  # replaces, does not add
        found = {}
        for file in (path / "events" / "training").iterdir():
            for event in events(file):
                for value in event.summary.value:
                    found.setdefault(value.tag, {})[event.step] = value.simple_value
        history = read(path).training.history
        assert {"loss/training", "loss/validation", "accuracy/training", "steps/learning_rate"} <= set(found)
        np.testing.assert_allclose([found["loss/training"][e] for e in range(1, 13)], history.train_loss, rtol=1e-6)
        assert {"wrong_zero/00_two_is_zero", "wrong_one/01_zero_is_one"} <= set(found)
        runs = sorted(os.listdir(path / "events" / "sweep_coarse"))
        assert runs == [f"{i:04d}" for i in range(8)]
        raw = b"".join(p.read_bytes() for p in (path / "events" / "sweep_coarse" / "0002").rglob("events*"))
        assert RATE.encode() in raw
        assert DECAY.encode() in raw

    def test_live_and_with_histograms(self, tmp_path):
        path = cook(tmp_path / "digits", "training")
        history = read(path).training.history
        with LiveEvents(path) as live:
            live.add(jax.tree.map(lambda a: a[:5], history), 5)
            (file,) = (path / "events" / "training").iterdir()
            so_far = [e.step for e in events(file) for v in e.summary.value if v.tag == "loss/training"]
            assert so_far == [1, 2, 3, 4, 5]  # there while it goes on
            live.add(jax.tree.map(lambda a: a[5:], history), 12)
        (path / "model").mkdir()
        save_file({"params[0].kernel": np.ones((2, 3))}, path / "model" / "parameters.safetensors")
        write_events(path)
        files = (path / "events" / "training").iterdir()
        values = [v for file in files for e in events(file) for v in e.summary.value]
        assert sum(v.tag == "loss/training" for v in values) == 12
        (kernel,) = [v for v in values if v.tag == "params/0/kernel"]
        assert (kernel.histo.num, kernel.histo.sum) == (6, 6)

    def test_no_mistake_is_no_image(self, tmp_path):
        path = cook(tmp_path / "digits", "training")
        none = Mistakes(np.zeros((0, 4)), (), np.zeros(0, int), np.zeros(0, int), np.zeros(0))
        dataclasses.replace(OPENED, mistakes=none).write(path)
        assert (write_events(path) / "training").is_dir()

    def test_a_diverged_configuration_has_no_loss(self, tmp_path):
        path = cook(tmp_path / "digits", "coarse")
        write_events(path)

        def tags(run):
            files = (path / "events" / "sweep_coarse" / run).rglob("events*")
            return {value.tag for file in files for event in events(file) for value in event.summary.value}

        assert {"validation_loss", "diverged"} <= tags("0000")
        assert "validation_loss" not in tags("0007")
        assert "diverged" in tags("0007")
        assert not (path / "events" / "training").exists()


def test_reports_cost_nothing_until_they_are_made():
    code = "import sys, dlcore.report; print({'matplotlib', 'jinja2', 'tqdm', 'tensorboardX'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
