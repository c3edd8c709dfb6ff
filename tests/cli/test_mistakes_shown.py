"""What a run says of its mistakes: of which class, in which columns, and in units of the data."""

import numpy as np

from dlcore import data, load_model, report
from dlcore.recipe import single
from dlcore.recipe.task import Source, prepare
from dlcore.report.sections import sections

NAMES = ("noise", "hint (cm)", "color", "answer (kg)")


def fruits(n=400, quantity=False):
    """Three kinds told by a weight, less by a length and a color, and not at all by noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    color = np.where(rng.random(n) < 0.3, y, rng.integers(0, 3, n))
    cells = [rng.normal(size=n), y + rng.normal(size=n), color, y + rng.normal(0, 0.6, n)]
    columns = [data.Column(name, ("red", "blue", "green") if name == "color" else ()) for name in NAMES]
    target = (10 * y + rng.normal(size=n))[:, None] if quantity else y.astype(np.int32)
    classes = () if quantity else ("apple", "pear", "plum")
    return data.Dataset("fruits", np.stack(cells, 1), target, classes, columns=tuple(columns))


def trained(folder, dataset):
    asked = single.Training(None, ("epochs=8", "metrics=None"), test=True)
    single.run(asked, Source("fruits", by=lambda _: dataset), folder)
    found = report.read(folder)
    return found, load_model(folder), data.split(dataset).test.open("here")


def test_wrong_classes_stand_class_by_class_with_the_most_telling_columns_first(tmp_path):
    found, model, (x, y) = trained(tmp_path / "run", fruits())
    said = model.predict(x)
    predicted, sure = np.array([found.data.classes.index(name) for name in said.values]), said.probabilities.max(-1)
    wanted = []
    for c in range(3):
        wrong = np.flatnonzero((y == c) & (predicted != c))
        wanted += wrong[np.argsort(-sure[wrong])][:6].tolist()
    assert len(set(y[wanted])) == 3
    shown = found.test.mistakes
    np.testing.assert_array_equal(shown.y, y[wanted])
    np.testing.assert_array_equal(shown.prediction, predicted[wanted])
    np.testing.assert_allclose(shown.probability, sure[wanted], rtol=1e-6)
    assert [next(iter(cells)) for cells in shown.cells] == ["answer (kg)"] * len(wanted)
    assert [list(cells)[-1] for cells in shown.cells] == ["noise"] * len(wanted)
    np.testing.assert_allclose([float(c["answer (kg)"]) for c in shown.cells], x[wanted, 3], rtol=5e-3, atol=1e-3)
    assert [c["color"] for c in shown.cells] == [("red", "blue", "green")[int(i)] for i in x[wanted, 2]]
    (section,) = [one for one in sections(found) if one.key == "test"]
    mistakes, usual = section.tables[2:]
    assert list(mistakes.columns[:4]) == ["predicted", "truth", "probability", "answer (kg)"]
    assert f"{len(wanted)} of {(predicted != y).sum()}" in mistakes.caption
    train = data.split(fruits()).train
    means = [train.x[train.y == c, 3].mean() for c in range(3)]
    assert [row[0] for row in usual.rows] == ["apple", "pear", "plum"]
    np.testing.assert_allclose([float(row[1]) for row in usual.rows], means, rtol=5e-3, atol=1e-3)


def test_quantities_that_are_furthest_off(tmp_path):
    found, model, (x, y) = trained(tmp_path / "run", fruits(quantity=True))
    said = model.predict(x).values
    worst = np.argsort(-np.abs(said - y)[:, 0])[:12]
    np.testing.assert_allclose(found.test.mistakes.prediction, said[worst], rtol=1e-5)
    np.testing.assert_allclose(found.test.mistakes.y, y[worst], rtol=1e-5)
    assert found.test.usual == ()
    (section,) = [one for one in sections(found) if one.key == "test"]
    table = section.tables[-1]
    assert list(table.columns[:3]) == ["predicted", "truth", "answer (kg)"]
    np.testing.assert_allclose([float(row[0]) for row in table.rows], said[worst, 0], rtol=5e-4)


def test_a_class_without_training_examples_has_nothing_usual():
    """A published test set may have one."""
    some = fruits(60)
    unseen = data.Dataset("fruits", some.x, np.sort(some.y), (*some.classes, "fig"), columns=some.columns)
    told = prepare(unseen, 4, 0).usual()
    assert told[3] == {}
    assert set(told[0]) == set(NAMES)


def quantities(d, n):
    """A noise of variance 0.25 on a wave: a third of all that varies."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, d))
    y = np.sin(x[:, 0]) + rng.normal(0, 0.5, n)
    return data.Dataset("wave", x, y[:, None], columns=tuple(data.Column(str(i)) for i in range(d)))


def test_the_noise_of_quantities_is_the_ground_truth_where_neighbors_are_near(tmp_path):
    found, _, _ = trained(tmp_path / "run", quantities(2, 600))
    truth, share = found.budget.budget.ground_truth, 0.25 / data.split(quantities(2, 600)).train.y.var()
    assert abs(truth.value - share) < 2.5 * truth.standard_error
    assert 0 < truth.standard_error < 0.1
    assert "nearly the same inputs" in found.budget.source
    assert "error budget" in report.summary(tmp_path / "run")


def test_where_neighbors_are_far_apart_the_ground_truth_is_not_known(tmp_path):
    found, _, _ = trained(tmp_path / "run", quantities(20, 200))
    assert found.budget.budget.ground_truth is None
    assert found.budget.source.startswith("not known: inputs are too far apart")
    assert "too far apart" in " ".join(report.summary(tmp_path / "run").split())
