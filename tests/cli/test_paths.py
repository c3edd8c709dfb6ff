"""Paths of a setup on the command line: listed, taken as they are listed, and completed as far as a shell can."""

import re
import subprocess

import pytest

from dlcore import cli, data
from dlcore.recipe.setups import setup_from, with_values
from dlcore.tree.names import get, paths


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_what_is_listed_is_what_set_takes(name, capsys):
    assert cli.run(["paths", name]) == 0
    lines = dict(re.findall(r"^(\S+) +(.*?)(?:  \(.*\))?$", capsys.readouterr().out, re.MULTILINE))
    setup = setup_from(None, data.load(name))
    assert list(lines) == list(paths(setup))
    for path, text in lines.items():
        if not text.endswith("()"):  # what a class makes has no text
            assert get(with_values(setup, [f"{path}={text}"]), path) == get(setup, path), path


def test_ranges_are_those_that_are_checked(capsys):
    assert cli.run(["paths", "iris"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"optimizer\.learning_rate +0\.001  \(numbers from 0, on a logarithmic scale\)", said)
    assert re.search(r"epochs +30  \(whole numbers from 1\)", said)
    assert re.search(r"loss +losses\.softmax_cross_entropy$", said, re.MULTILINE)


def test_a_setup_of_somebodys_has_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "iris", "setup.json"]) == 0
    text = (tmp_path / "setup.json").read_text().replace('"epochs": 30', '"epochs": 7')
    (tmp_path / "setup.json").write_text(text)
    capsys.readouterr()
    assert cli.run(["paths", "iris", "--setup", "setup.json"]) == 0
    assert re.search(r"epochs +7 ", capsys.readouterr().out)


def test_the_shell_completes_commands_and_options(capsys, tmp_path):
    assert cli.run(["--tyro-print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "complete -F" in script or "complete -o" in script
    for word in ("recipe", "paths", "--view", "tensorboard", "--stream", "--sample"):
        assert word in script
    (tmp_path / "dlcore.bash").write_text(script)
    done = subprocess.run(["bash", "-n", tmp_path / "dlcore.bash"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
