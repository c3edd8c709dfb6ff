"""From somebody's file to a model in use: fit, sweep, predict, evaluate, new, doctor."""

import io
import signal

import jax.export
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from dlcore import cli, data, load_model, report, resume
from dlcore.recipe import single
from dlcore.recipe.setups import space_of, value_of
from dlcore.training import F1, accuracy
from dlcore.tree import from_config
from tests.deployment.problems import people

QUICK = ["--no-cache", "--set", "epochs=3", "model.layers[0].units=8"]


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("use")
    people().to_csv(folder / "homes.csv", index=False)
    people(30, seed=1).to_csv(folder / "new.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def fitted(kitchen):
    out = str(kitchen / "fit")
    words = ["fit", str(kitchen / "homes.csv"), "--target", "sold", "--drop", "price", "--out", out, *QUICK]
    assert cli.run(words) == 0
    return out


@pytest.fixture(scope="module")
def swept(kitchen):
    words = [
        "sweep",
        str(kitchen / "homes.csv"),
        "--target",
        "price",
        "--drop",
        "sold",
        "--out",
        str(kitchen / "sweep"),
    ]
    axes = ["--grid", "optimizer.learning_rate=1e-3,1e-2", "model.layers[1].function=activations.relu,activations.tanh"]
    assert cli.run([*words, *axes, "--folds", "1", "--test", *QUICK]) == 0
    return str(kitchen / "sweep")


def said(capsys, *words):
    capsys.readouterr()
    code = cli.run([str(word) for word in words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def test_a_fit_keeps_its_records_and_the_test_set_sealed(fitted):
    found = report.read(fitted)
    assert (found.status.status, found.recipe.command, found.complete) == ("finished", "fit", True)
    assert (found.training.epochs, found.training.members, found.test) == (3, 1, None)
    assert from_config(found.setup.setup).epochs == 3
    assert found.verdict is not None
    assert "figure-loss" in (found.folder / "report.html").read_text()


def test_predictions_are_those_of_the_model(fitted, kitchen, capsys):
    printed = pd.read_csv(io.StringIO(said(capsys, "predict", fitted, kitchen / "new.csv", "--keep", "day")))
    assert printed.columns.tolist() == ["day", "sold", "p(no)", "p(yes)"]
    expected = load_model(fitted).predict(people(30, seed=1))
    assert printed["sold"].tolist() == expected.values.tolist()
    np.testing.assert_allclose(printed[["p(no)", "p(yes)"]], expected.probabilities, rtol=1e-5)
    assert printed["day"].tolist() == people(30, seed=1)["day"].tolist()
    for name, read in {"a.csv": pd.read_csv, "a.tsv": lambda p: pd.read_csv(p, sep="\t"), "a.npz": np.load}.items():
        assert "30 predictions in" in said(capsys, "predict", fitted, kitchen / "new.csv", "--out", kitchen / name)
        np.testing.assert_allclose(read(kitchen / name)["p(yes)"], expected.probabilities[:, 1], rtol=1e-5)


def test_evaluate_prints_the_scores(fitted, kitchen, capsys):
    lines = dict(line.split(None, 1) for line in said(capsys, "evaluate", fitted, kitchen / "new.csv").splitlines())
    expected = load_model(fitted).evaluate(people(30, seed=1))
    assert lines["examples"] == "30"
    assert lines["accuracy"].startswith(f"{100 * expected.metrics['accuracy']:.1f} ±")
    assert "constant prediction" in lines["accuracy"]


def test_a_column_of_weights(kitchen, capsys):
    """It is no input, weighs what is learned and what is judged, and new data do not need it."""
    frame = people().assign(w=np.arange(120) / 2)  # which says the row too
    frame.to_csv(kitchen / "weighted.csv", index=False)
    out, table = kitchen / "weighted", {"target": "sold", "drop": ("price",), "weights": "w"}
    words = ["--target", "sold", "--drop", "price", "--weights", "w", "--out", out, "--test", *QUICK]
    said(capsys, "fit", kitchen / "weighted.csv", *words)
    found, model = report.read(out), load_model(out)
    assert "w" not in found.data.features
    examples = data.split(data.load(frame, **table)).test.open("to judge by hand")
    rows = frame.iloc[(examples.weights * 2).astype(int)]
    assert found.test.loss == pytest.approx(model.evaluate(rows, weights="w").loss)
    assert found.test.metrics == pytest.approx(model.evaluate(rows, weights="w").metrics)
    assert said(capsys, "predict", out, kitchen / "new.csv").count("\n") == 31
    by_weight, alike = (
        said(capsys, "evaluate", out, kitchen / "weighted.csv", *w) for w in (["--weights", "w"], [])
    )  # fmt: skip
    assert by_weight.split()[3] == f"{model.evaluate(frame, weights=frame['w'].to_numpy()).loss:.4g}"
    assert alike.split()[3] == f"{model.evaluate(frame).loss:.4g}" != by_weight.split()[3]


def test_runs_beside_each_other(fitted, swept, kitchen, capsys):
    words = ["fit", kitchen / "homes.csv", "--target", "sold", "--drop", "price", "--out", kitchen / "faster", *QUICK]
    said(capsys, *words, "optimizer.learning_rate=0.1")
    table = said(capsys, "compare", fitted, kitchen / "faster", "--out", kitchen / "both.png")
    rows = {line[: line.index("  ")]: line.split()[-2:] for line in table.splitlines() if "  " in line}
    assert rows["optimizer.learning_rate"] == ["0.001", "0.1"]
    assert "epochs" not in rows
    for i, folder in enumerate((fitted, kitchen / "faster")):
        training = report.read(folder).training
        assert float(rows["validation loss"][i]) == pytest.approx(min(training.history.validation_loss), rel=1e-3)
    assert table.splitlines()[-1] == str(kitchen / "both.png")
    assert (kitchen / "both.png").read_bytes().startswith(b"\x89PNG")
    assert "the data differ" in said(capsys, "compare", fitted, swept)
    for words, message in {(fitted,): "two runs at least", (fitted, "nowhere"): "needed the folder of a run",
                           (fitted, swept, "--out", "a.txt"): "ends in .png"}.items():  # fmt: skip
        assert cli.run(["compare", *words]) == 2
        assert message in capsys.readouterr().err


def test_an_export_is_a_program_of_its_own(fitted, kitchen, capsys):
    assert "x [n, 6]" in said(capsys, "export", fitted, kitchen / "model.stablehlo")
    program = jax.export.deserialize(bytearray((kitchen / "model.stablehlo").read_bytes()))
    model, new = load_model(fitted), people(30, seed=1)
    np.testing.assert_allclose(program.call(model.prepared(new)), model.predict(new).probabilities, rtol=1e-5)
    assert cli.run(["export", fitted, str(kitchen / "model.stablehlo")]) == 2
    assert "needed a new file" in capsys.readouterr().err


def test_a_sweep_keeps_its_study_and_its_winner(swept, kitchen):
    found = report.read(swept)
    assert (found.status.status, found.recipe.command, found.complete) == ("finished", "sweep", True)
    (sweep,) = found.sweeps
    assert [one["model.layers[1].function"] for one in sweep.space] == ["relu", "tanh", "relu", "tanh"]
    study = resume(f"{swept}/study")
    assert (found.setup.configuration, len(study.space)) == (study.best, 4)
    np.testing.assert_array_equal(study.loss, sweep.study.loss)
    model = load_model(swept)
    assert model.members == 2
    new = people(30, seed=1)
    each = study.winner.predict(model.prepared(new))
    unit = model.target
    np.testing.assert_allclose(
        model.predict(new).values, unit.mean[0] + unit.std[0] * np.asarray(each).mean(0), rtol=1e-6
    )
    values = found.test.values
    assert found.test.metrics["R2"] == pytest.approx(metrics.r2_score(values.y, values.prediction))


def test_a_setup_from_a_file_from_a_run_and_from_python(kitchen, fitted, monkeypatch, capsys):
    monkeypatch.chdir(kitchen)
    said(capsys, "new", "iris", "setup.json")
    said(capsys, "fit", "iris", "--setup", "setup.json", "--out", "by_file", *QUICK)
    said(
        capsys,
        "fit",
        "homes.csv",
        "--target",
        "sold",
        "--drop",
        "price",
        "--setup",
        fitted,
        "--out",
        "by_run",
        "--no-cache",
    )
    same = [report.read(folder).setup.setup for folder in ("by_run", fitted)]
    assert same[0] == same[1]
    one, other = (load_model(folder).predict(people(30, seed=1)) for folder in ("by_run", fitted))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    code = (
        "from dlcore import Setup, losses, mlp\n\ndef made(dataset):\n    return Setup(mlp((len(dataset.classes),)), "
    )
    (kitchen / "kitchen_setups.py").write_text(code + "losses.softmax_cross_entropy, epochs=2)\nwrong = 3\n")
    said(capsys, "fit", "iris", "--setup", "kitchen_setups:made", "--out", "by_name", "--no-cache")
    assert len(load_model("by_name").trained.setup.model.layers) == 1
    assert cli.run(["fit", "iris", "--setup", "kitchen_setups:wrong", "--out", "x"]) == 2
    assert "needed a Setup" in capsys.readouterr().err


def test_images_are_folded_for_a_network_that_takes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "from dlcore import Setup, losses, sequential\nfrom dlcore.layers import Conv, Dense, Flatten\n"
    code += "from dlcore.optimizers import Adam\nnet = sequential(Conv(2, (3, 3)), Flatten(), Dense(10))\n"
    code += "setup = Setup(net, losses.softmax_cross_entropy, Adam(1e-2), epochs=3)\n"
    (tmp_path / "conv_setups.py").write_text(code)
    said(capsys, "fit", "digits", "--setup", "conv_setups:setup", "--out", "run", "--test", "--no-cache")
    assert load_model("run").shape == (8, 8, 1)
    assert report.read("run").test.metrics["accuracy"] > 0.5


def test_ctrl_c_in_the_training_keeps_the_model(tmp_path, monkeypatch, capsys):
    fit = single.fit

    def pressed(*words, watch, **options):
        def then(progress):
            signal.raise_signal(signal.SIGINT)
            watch(progress)

        return fit(*words, watch=then, **options)

    monkeypatch.setattr(single, "fit", pressed)
    assert cli.run(["fit", "iris", "--out", str(tmp_path / "run"), "--no-cache"]) == 130
    found = report.read(tmp_path / "run")
    assert (found.status.status, found.training.ending, found.training.epochs) == ("interrupted", "interrupted", 1)
    assert load_model(tmp_path / "run").predict([[5.0, 3.0, 1.0, 0.2]]).values.shape == (1,)
    assert "did not come to its end" in (tmp_path / "run" / "report.html").read_text()


def test_doctor_names_what_is_there(capsys):
    told = said(capsys, "doctor")
    assert all(name in told for name in ("jax", "devices", "memory", "cache"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "iris", "--set", "optimizer.learning_rte=1"], "no hyperparameter at 'optimizer.learning_rte'"),
        (["fit", "iris", "--set", "optimizer.learning_rate=abc"], "needed numbers from 0, got 'abc'"),
        (["fit", "iris", "--set", "optimizer.learning_rate=-1"], "needed numbers from 0, got -1"),
        (["fit", "iris", "--set", "optimizer.learning_rate"], "needed PATH=VALUE"),
        (["fit", "iris", "--set", "optimizer=optimizers.SDG"], "no optimizers.SDG; nearest first, there are: SGD"),
        (["fit", "iris", "--set", "model.layers[1]=activations.tanh"], "needed a layer, got tanh"),
        (["fit", "iris", "--set", "epochs=0"], "needed whole numbers from 1"),
        (["fit", "iris", "--set", "compute_dtype=float16"], "compute_dtype: needed one of None, 'bfloat16'"),
        (["fit", "iris", "--devices", "some"], "devices"),
        (["fit", "iris", "--set", "batch_size=100"], "than a batch (100)"),
        (["fit", "iris", "--setup", "nowhere.json"], "no such file"),
        (["fit", "iris", "--setup", "nomod:pi"], "module:name in Python, got nomod:pi"),
        (["fit", "iris", "--setup", "math:pi"], "needed a Setup"),
        (["fit", "nowhere.csv"], "no data set or file"),
        (["sweep", "iris"], "something to vary"),
        (["sweep", "iris", "--grid", "optimizer.learning_rate=1,1"], "every value once"),
        (["sweep", "iris", "--grid", "model.layers[1]=activations.relu,activations.tanh"], "needed a layer"),
        (["sweep", "iris", "--sample", "optimizer.learning_rate=1:0"], "low < high"),
        (["sweep", "iris", "--sample", "optimizer.learning_rate=1"], "PATH=LOW:HIGH"),
        (["sweep", "iris", "--grid", "epochs=1,2", "--seeds", "0"], "seeds: needed at least 1"),
        (["predict", "nowhere", "x.csv"], "got no folder"),
        (["predict", ".", "x.csv"], "with its folder model/, got one without"),
        (["fitt"], "nearest first, there are: fit"),
    ],
)
def test_a_wrong_word_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    out = ["--out", "run", "--no-cache"] if words[0] in ("fit", "sweep") else []
    assert cli.run([*words, *out]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[-1]
    assert len(lines) == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_files_for_a_model(fitted, kitchen, tmp_path, capsys):
    people(3).drop(columns="size").to_csv(tmp_path / "less.csv", index=False)
    people(3).assign(sold="maybe").to_csv(tmp_path / "other.csv", index=False)
    for words, message in {
        ("predict", fitted, tmp_path / "less.csv"): "needed column 'size'",
        ("predict", fitted, tmp_path / "none.csv"): "got none there",
        ("predict", fitted, tmp_path): "got a folder",
        ("predict", fitted, kitchen / "new.csv", "--out", "a.xlsx"): "needed a name that ends in .csv",
        ("predict", fitted, kitchen / "new.csv", "--out", tmp_path / "no" / "a.csv"): "that can be written",
        ("predict", fitted, kitchen / "new.csv", "--keep", "dy"): "no column 'dy'; nearest first, there are: day",
        ("evaluate", fitted, tmp_path / "other.csv"): "needed the classes no, yes, got 'maybe'",
    }.items():
        assert cli.run([str(word) for word in words]) == 2
        assert message in capsys.readouterr().err


def test_values_and_spaces_are_read_as_they_are_written():
    assert [value_of(t) for t in ("1e-3", "3", "True", "none", "(1, 2)", "word")] == [
        1e-3,
        3,
        True,
        None,
        (1, 2),
        "word",
    ]
    assert value_of("optimizers.SGD").__class__.__name__ == "SGD"
    assert value_of("[training.F1, training.accuracy]") == (F1(), accuracy)
    space = space_of(None, ["a=1,2", "b=(1,2),[3,4]"], [], 4, 0)
    assert len(space) == 4
    assert space[1] == {"a": 1, "b": [3, 4]}
