"""What people try by mistake: one line that says what was needed, exit code 2, and nothing new on the disk."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from dlcore import cli
from dlcore.data.files import alone
from tests.cli.mistakes import MISTAKES

N = 60
RNG = np.random.default_rng(0)
HOMES = pd.DataFrame(
    {"size": RNG.normal(size=N).round(3), "town": RNG.choice(["Bonn", "Graz"], N), "floor": RNG.integers(0, 5, N)}
)
HOMES["sold"] = np.where(HOMES["size"] + RNG.normal(size=N) > 0, "yes", "no")
NEW = HOMES.drop(columns="sold")
X, Y = RNG.normal(size=(N, 3)), np.arange(N) % 2

FUNCTIONS = """
from dlcore import Setup, losses, sequential
from dlcore.layers import Dense

def raises(d):
    raise KeyError("no")

def none(d):
    return None

def first(a):
    return a[..., 0]

flat, logit, value = (
    Setup(sequential(Dense(1), first), loss, batch_size=16, epochs=2)
    for loss in (losses.softmax_cross_entropy, losses.sigmoid_binary_cross_entropy, losses.squared_error)
)
"""
TEXTS = {
    "empty.csv": "",
    "blank.csv": "\n\n\n",
    "header.csv": "a,b,c\n",
    "one_row.csv": "a,b,c\n1,2,x\n",
    "one_column.csv": "a\n1\n2\n3\n",
    "ragged.csv": "a,b,c\n1,2,3\n1,2,3,4,5\n1,2,3\n1,2,3\n",
    "page.html": "<html><body>404</body></html>",
    "bad.json": "{not json",
    "list.json": "[1, 2]",
    "rule.json": '{"$type": "optimizers.Adam"}',
    "foreign.json": '{"$type": "os.system"}',
    "raises.py": "raise ValueError('boom\\nsecond line')\n",
    "functions.py": FUNCTIONS,
    "folder/inside.txt": "x",
    "classes/a/x.txt": "x",
}
BYTES = {
    "binary.csv": bytes(range(256)) * 10,
    "corrupt.csv.gz": b"\x1f\x8bjunk",
    "corrupt.npz": b"PK\x03\x04junk",
    "sheet.xlsx": b"PK\x03\x04junk",
}
TABLES = {
    "homes.csv": HOMES,
    "one_class.csv": HOMES.assign(sold="yes"),
    "no_target.csv": HOMES.assign(sold=np.nan),
    "names.csv": HOMES.assign(sold=[f"house {i}" for i in range(N)]),
    "inf.csv": HOMES.assign(size=np.inf),
    "huge.csv": HOMES.assign(size=1e300 * np.arange(N)),
    "inf_target.csv": HOMES.assign(price=np.where(np.arange(N) == 3, np.inf, HOMES["size"])),
    "new.csv": NEW,
    "less.csv": NEW.drop(columns="size"),
    "renamed.csv": NEW.rename(columns={"size": "area"}),
    "retyped.csv": NEW.assign(size="big"),
    "new_inf.csv": NEW.assign(size=np.inf),
    "other_class.csv": HOMES.assign(sold="perhaps"),
    "unknown.csv": HOMES.assign(sold=np.nan),
}
ARRAYS = {
    "no_y.npz": {"x": X},
    "text.npz": {"x": np.array([["a", "b"]] * 6), "y": np.arange(6)},
    "objects.npz": {"x": np.array([1, "a", None], object), "y": np.arange(3)},
    "cube.npz": {"x": X, "y": np.ones((N, 2, 2))},
    "none.npz": {"x": X[:0], "y": Y[:0]},
    "complex.npz": {"x": X + 1j, "y": Y},
    "wide.npz": {"x": np.ones((4, 9))},
}
PAIRS = {
    "pair": (X, Y),
    "unequal": (X, Y[1:]),
    "object_pair": (X, Y.astype(object)),
    "infinite": (np.where(np.arange(N)[:, None] == 7, np.inf, X), Y),
    "torn": (X, Y),
}


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """Files that are wrong in one way each, a run, and runs that lack something."""
    root = tmp_path_factory.mktemp("wrong")
    for name, content in {**TEXTS, **BYTES}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for name, frame in TABLES.items():
        frame.to_csv(root / name, index=False)
    for name, arrays in ARRAYS.items():
        np.savez(root / name, **arrays)
    for name, (x, y) in PAIRS.items():
        (root / name).mkdir()
        np.save(root / name / "x.npy", x)
        np.save(root / name / "y.npy", y)
    (root / "torn" / "x.npy").write_bytes((root / "torn" / "x.npy").read_bytes()[:300])
    with zipfile.ZipFile(root / "two.zip", "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, "a,b\n1,2\n")
    (root / "empty").mkdir()
    words = ["--target", "sold", "--out", str(root / "run"), "--no-cache"]
    assert cli.run(["fit", str(root / "homes.csv"), *words, "--set", "epochs=1", "model.layers[0].units=4"]) == 0
    damage(root, "weightless", "model/parameters.safetensors", None)
    damage(root, "junk", "model/parameters.safetensors", "junk")
    damage(root, "modelless", "model/model.json", "{}")
    damage(root, "unprepared", "model/preprocessing.json", "[]")
    damage(root, "statusless", "status.json", "{")
    damage(root, "unasked", "recipe.json", None)
    damage(root, "untrained", "training.json", "{}")
    damage(root, "unset", "setup.json", "{}")
    return root


def damage(root, name, file, content):
    shutil.copytree(root / "run", root / name)
    (root / name / file).unlink()
    if content is not None:
        (root / name / file).write_text(content)


@pytest.mark.parametrize(
    ("words", "said"),
    MISTAKES,
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_it_is_one_line_and_leaves_nothing(kitchen, monkeypatch, capsys, words, said):
    monkeypatch.chdir(kitchen)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = sorted(os.listdir())
    out = [] if "--out" in words else ["--out", "left"]
    more = [*out, "--no-cache"] if words[0] in ("fit", "sweep") else []
    code = cli.run([*words, *more])
    left = [name for name in sorted(os.listdir()) if name not in before]
    for name in left:
        shutil.rmtree(name)
    assert (code, left) == (2, [])
    printed, lines = capsys.readouterr()
    assert printed == ""
    assert said in lines
    assert len(lines.splitlines()) == 1


def test_there_are_a_hundred_of_them():
    assert len({words for words, _ in MISTAKES}) >= 100


def test_a_terminal_that_knows_little(kitchen):
    """ASCII alone, twenty columns, no colors: the same line, and ? for what there is no letter for."""
    poor = {"PYTHONIOENCODING": "ascii", "COLUMNS": "20", "TERM": "dumb"}
    result = subprocess.run(
        [sys.executable, "-m", "dlcore", "fit", "homés.csv", "--sett", "x"],
        cwd=kitchen, env=os.environ | poor, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stdout == b""
    (line,) = result.stderr.decode("ascii").splitlines()
    assert line.startswith("dlcore: Unrecognized options: --sett")
    assert "---" not in line


def test_a_reader_that_has_enough_is_no_failure(kitchen):
    """As ``| head -1`` is: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "dlcore", "predict", "run", "new.csv"],
        cwd=kitchen, env=os.environ | {"JAX_PLATFORMS": "cpu"}, stdout=writing, stderr=subprocess.PIPE, timeout=240,
        check=False,
    )  # fmt: skip
    os.close(writing)
    assert (result.returncode, result.stderr) == (cli.CLOSED, b"")


def test_a_disk_that_is_full_is_one_line(kitchen):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "dlcore", "--version"], stdout=full, stderr=subprocess.PIPE, timeout=240, check=False
        )
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == ["dlcore: [Errno 28] No space left on device"]


def test_a_second_process_in_one_folder_is_refused(kitchen, capsys, monkeypatch):
    shutil.copytree(kitchen / "unasked", kitchen / "shared")
    shutil.copy(kitchen / "run" / "recipe.json", kitchen / "shared")
    (kitchen / "shared" / "training.json").unlink()
    monkeypatch.chdir(kitchen)
    with alone(kitchen / "shared"):
        assert cli.run(["resume", "shared", "--no-cache"]) == 2
    assert "a folder that no other process works in, got one in use" in capsys.readouterr().err
