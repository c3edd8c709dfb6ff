"""How much each example counts: a column of a table, an array of a file, and its way through splits and folds."""

import numpy as np
import pandas as pd
import pytest

from dlcore import data
from dlcore.data import Weighted, weights_of
from tests.data.problems import one_line

N = 60
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"size": RNG.normal(size=N), "town": RNG.choice(["Bonn", "Graz"], N), "w": np.arange(N) / 2.0}
).assign(sold=lambda t: np.where(t["size"] > 0, "yes", "no"))


def as_column(name):
    """x, y and weights of which each says which example it is."""
    x = np.arange(float(N))[:, None]
    return {"x": x, "y": np.arange(N) % 2, name: x[:, 0] / 2}


@pytest.fixture
def table(tmp_path):
    TABLE.to_csv(tmp_path / "homes.csv", index=False)
    np.savez(tmp_path / "homes.npz", **as_column("often"))
    return tmp_path


@pytest.mark.parametrize(
    "load",
    [
        lambda folder: data.load(folder / "homes.csv", target="sold", weights="w"),
        lambda folder: data.load(TABLE, target="sold", weights=2),
        lambda folder: data.load(folder / "homes.npz", weights="often"),
        lambda folder: data.load(tuple(as_column("w").values())),
    ],
    ids=["file", "frame, by number", "npz", "arrays"],
)
def test_weights_are_no_input_and_go_with_their_examples(load, table):
    dataset = load(table)
    np.testing.assert_array_equal(dataset.weights, np.arange(N) / 2)
    assert "w" not in dataset.features
    parts = data.split(dataset, seed=3)
    whole = [*parts.train.weights, *parts.validation.weights, *parts.test.open("to see its weights").weights]
    assert sorted(whole) == sorted(dataset.weights)
    for part in (parts.train, parts.validation):
        places = (np.asarray(part.weights) * 2).astype(int)
        np.testing.assert_array_equal(part.x, dataset.x[places])
        np.testing.assert_array_equal(part.y, dataset.y[places])


def test_rows_that_are_left_out_take_their_weights_along():
    dataset = data.load(TABLE.assign(sold=TABLE["sold"].where(np.arange(N) % 3 > 0)), target="sold", weights="w")
    np.testing.assert_array_equal(dataset.weights, [i / 2 for i in range(N) if i % 3])
    x = np.where(np.arange(N) == 4, np.nan, 1.0)[:, None]
    holed = data.without_missing(data.load((x, np.arange(N) % 2, range(N))))
    np.testing.assert_array_equal(holed.weights, np.delete(np.arange(N), 4))


@pytest.mark.parametrize("how", [data.prepare, data.normalize])
def test_inputs_are_prepared_without_their_weights(how):
    """Moments are those of the examples as they stand; weights say what is learned of them."""
    parts = data.split(data.load(tuple(as_column("w").values())))
    made, _ = how(parts)
    plain, _ = how(data.split(data.load(tuple(as_column("w").values())[:2])))
    np.testing.assert_array_equal(made.train.weights, parts.train.weights)
    np.testing.assert_array_equal(made.train.x, plain.train.x)
    assert weights_of(plain.train) is None
    assert weights_of(made.test.open("to see its weights")) is not None
    for fold in data.folds(made, 3):
        inverse = fold.train.x * fold.inputs.std + fold.inputs.mean
        back = inverse * np.asarray(parts.train.x).std() + np.asarray(parts.train.x).mean()
        np.testing.assert_allclose(back[:, 0] / 2, fold.train.weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: data.load(TABLE, target="sold", weights="town"), "column 'town': needed numbers, got 'Bonn'"),
        (lambda: data.load(TABLE, target="sold", weights="size"), "needed finite numbers of at least 0, got -"),
        (lambda: data.load(TABLE, target="sold", weights="sold"), "cannot be the target and the weights"),
        (lambda: data.load(TABLE, target="sold", weights="weight"), "no column 'weight'; nearest first"),
        (lambda: data.load(TABLE, target="sold", weights="w", drop="w"), "is dropped and cannot be the weights"),
        (
            lambda: data.load(TABLE.assign(w=TABLE["w"].where(TABLE["w"] != 3)), target="sold", weights="w"),
            "column 'w': needed finite numbers of at least 0, got nan",
        ),
        (lambda: data.load(TABLE.assign(w=0), target="sold", weights="w"), "column 'w': needed one above 0"),
        (lambda: data.load((TABLE[["size"]].to_numpy(), np.arange(N) % 2, np.ones(9))), "one for each of the 60"),
        (lambda: data.load((TABLE[["size"]].to_numpy(), np.arange(N) % 2), weights="w"), r"\(x, y, weights\)"),
        (lambda: data.load("iris", weights="w"), "read as it was published"),
    ],
)
def test_what_cannot_be_weights_is_said_in_one_line(make, words):
    with pytest.raises(ValueError, match=words) as error:
        make()
    assert one_line(error)


def test_an_array_that_a_file_lacks(table):
    with pytest.raises(ValueError, match=r"no array 'oftn' .* nearest first, there are: often") as error:
        data.load(table / "homes.npz", weights="oftn")
    assert one_line(error)


def test_a_look_at_weighted_examples():
    assert isinstance(data.load(TABLE, target="sold", weights="w").examples, Weighted)
    assert not [one for one in data.check(data.load(TABLE, target="sold", weights="w")) if one.severity == "error"]
