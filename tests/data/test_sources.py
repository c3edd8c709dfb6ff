"""Where data sets come from."""

import numpy as np
import pytest

from dlcore import data
from tests.data.problems import one_line

SKLEARN = {
    "digits": (1797, 64, 10),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 0),
}


def rows_of(*parts):
    return sorted(row.tobytes() for part in parts for row in np.asarray(part.x))


class TestSources:
    @pytest.mark.parametrize("name", SKLEARN)
    def test_the_data_sets_of_scikit_learn(self, name):
        n, d, c = SKLEARN[name]
        dataset = data.load(name)
        assert dataset.x.shape == (n, d) == (len(dataset), len(dataset.features))
        assert dataset.x.dtype == np.float32
        assert len(dataset.classes) == c
        assert dataset.task == ("classification" if c else "regression")
        assert (dataset.y.dtype, dataset.y.shape) == ((np.int32, (n,)) if c else (np.float32, (n, 1)))
        assert dataset.source
        assert dataset.license
        assert not [finding for finding in data.check(dataset, 32) if finding.severity == "error"]

    def test_diabetes_is_not_scaled_by_the_test_set(self):
        age = data.load("diabetes").x[:, 0]
        assert (age == np.round(age)).all()
        assert age.min() > 18

    def test_images_of_digits(self):
        digits = data.load("digits")
        pictures = data.images(digits.x, digits.image_shape)
        assert pictures.shape == (1797, 8, 8, 1)
        np.testing.assert_array_equal(pictures[0, 2, :, 0], digits.x[0, 16:24])
        with pytest.raises(ValueError, match="needed x"):
            data.images(digits.x, (28, 28, 1))

    @pytest.mark.parametrize(("wrong", "first"), [("digit", "digits"), ("mnits", "mnist"), ("irs.csv", "iris")])
    def test_unknown_name_says_the_names_nearest_first(self, wrong, first):
        with pytest.raises(ValueError, match=f"there are: {first}, ") as error:
            data.load(wrong)
        assert one_line(error)
        assert all(name in str(error.value) for name in data.names())

    def test_files_that_are_not_there(self, tmp_path, monkeypatch):
        monkeypatch.delenv("DLCORE_DATA", raising=False)
        with pytest.raises(ValueError, match="set DLCORE_DATA"):
            data.load("mnist")
        with pytest.raises(ValueError, match="no files of cifar10"):
            data.load("cifar10", data_dir=tmp_path)
        with pytest.raises(ValueError, match=r"needed .*train-images"):
            data.load(tmp_path)
        (tmp_path / "a.parquet").write_text("")
        with pytest.raises(ValueError, match=r"cannot read .*a\.parquet"):
            data.load(tmp_path / "a.parquet")

    def test_mnist(self, data_dir):
        mnist = data.load("mnist", data_dir=data_dir)
        assert mnist.x.shape == (70000, 784)
        assert mnist.image_shape == (28, 28, 1)
        assert mnist.published_test == 10000
        # the counts of the published training labels: http://yann.lecun.com/exdb/mnist
        counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        np.testing.assert_array_equal(np.bincount(mnist.y[:60000]), counts)
        parts = data.split(mnist, (0.8, 0.1, 0.1))
        test = parts.test.open("check")
        np.testing.assert_array_equal(test.y, mnist.y[60000:])
        assert len(parts.train.y) + len(parts.validation.y) == 60000
        assert data.batch_count(60000, 128) == 469  # as the lectures count

    @pytest.mark.parametrize(
        ("file", "options", "task", "c", "missing"),
        [
            ("banknote_authentication.csv", {}, "classification", 2, False),
            ("pima-indians-diabetes.csv", {}, "classification", 2, False),
            ("adult-test.csv", {}, "classification", 2, True),
            ("california_housing.csv", {"target": "median_house_value"}, "regression", 0, True),
            ("auto-mpg_seaborn.csv", {"target": 0, "drop": ("name",)}, "regression", 0, True),
        ],
    )
    def test_real_tables(self, data_dir, file, options, task, c, missing):
        dataset = data.load(data_dir / "tables" / file, **options)
        assert (dataset.task, len(dataset.classes)) == (task, c)
        assert np.isnan(dataset.x).any() == missing
        kinds = {finding.kind: finding.severity for finding in data.check(dataset)}
        assert "error" not in kinds.values()
        assert ("missing" in kinds) == missing
        whole = data.without_missing(dataset)
        assert np.isfinite(whole.x).all()
        assert 0.9 * len(dataset) < len(whole) <= len(dataset)


class TestTables:
    def load(self, tmp_path, text, **options):
        path = tmp_path / "t.csv"
        path.write_text(text)
        return data.load(path, **options)

    def test_header_text_and_missing(self, tmp_path):
        text = "size, color,kind\n1,red,b\n2,?,a\n,blue,b\n4,red,?\n"
        t = self.load(tmp_path, text)
        assert t.features == ("size", "color=blue", "color=red")
        assert t.columns == (data.Column("size"), data.Column("color", ("blue", "red")))
        assert t.classes == ("a", "b")
        np.testing.assert_array_equal(t.y, [1, 0, 1])
        nan = np.nan
        np.testing.assert_array_equal(t.x, [[1, 1], [2, nan], [nan, 0]])
        assert "1 rows are left out: their target is missing" in t.notes
        np.testing.assert_array_equal(data.without_missing(t).y, [1])

    @pytest.mark.parametrize("separator", [",", ";", "\t", "  "])
    def test_no_header_and_any_separator(self, tmp_path, separator):
        t = self.load(tmp_path, "\n".join(separator.join(row) for row in (["1.5", "2", "0"], ["3", "4", "7"])))
        np.testing.assert_array_equal(t.x, [[1.5, 2], [3, 4]])
        assert t.classes == ("0", "7")

    def test_target_and_task(self, tmp_path):
        text = "a,b,c\n" + "\n".join(f"{i / 2},{i % 3},{i}" for i in range(60))
        assert self.load(tmp_path, text).task == "regression"
        assert self.load(tmp_path, text, target="b").classes == ("0", "1", "2")
        as_value = self.load(tmp_path, text, target="b", task="regression")
        assert as_value.y.shape == (60, 1)
        assert as_value.features == ("a", "c")
        assert self.load(tmp_path, text, target="b", drop=("c",)).features == ("a",)

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("", {}, "cannot read"),
            ("a,b\n1,2\n3,4,5\n", {}, "cannot read"),
            ("a\n1\n2\n", {}, "at least two columns"),
            ("a,b\n1,2\n3,4\n", {"target": "bb"}, "no column 'bb'; nearest first, there are: b, a"),
            ("a,b\n1,2\n3,4\n", {"drop": (7,)}, "no column 7"),
            ("a,b\n1,2\n3,4\n", {"task": "regresion"}, "needed task"),
            ("a,b\n1,x\n3,y\n", {"task": "regression"}, "needed numbers in the target"),
            ("a,b\n" + "\n".join(f"n{i},{i % 2}" for i in range(30)), {}, "it names the rows, 30 .*--keep a"),
            ("a,b\n" + "\n".join(f"{i % 2},n{i}" for i in range(30)), {"target": "b"}, "names them rather"),
        ],
    )
    def test_bad_tables(self, tmp_path, text, options, message):
        with pytest.raises(ValueError, match=message) as error:
            self.load(tmp_path, text, **options)
        assert one_line(error)

    def test_npz(self, tmp_path):
        path = tmp_path / "a.npz"
        x = np.arange(24.0).reshape(6, 2, 2)
        np.savez(path, x=x, y=np.array([0, 1, 2, 0, 1, 2]), classes=np.array(["u", "v", "w"]))
        a = data.load(path)
        np.testing.assert_array_equal(a.x, x.reshape(6, 4))
        assert (a.image_shape, a.classes, a.y.dtype) == ((2, 2, 1), ("u", "v", "w"), np.int32)
        np.savez(path, x=np.arange(6.0), y=np.arange(6.0))
        b = data.load(path)
        assert (b.task, b.x.shape, b.y.shape) == ("regression", (6, 1), (6, 1))

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"a": np.zeros(3)}, "needed arrays x and y"),
            ({"x": np.array([["a"], ["b"], ["c"]]), "y": np.arange(3)}, "needed numbers"),
            ({"x": np.zeros((3, 2)), "y": np.zeros((3, 2), int)}, "argmax"),
            ({"x": np.array([{}, {}], object), "y": np.zeros(2)}, "cannot read"),
        ],
    )
    def test_bad_npz(self, tmp_path, arrays, message):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(ValueError, match=message) as error:
            data.load(tmp_path / "a.npz")
        assert one_line(error)

    def test_damaged_npz(self, tmp_path):
        (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no more")
        with pytest.raises(ValueError, match="cannot read"):
            data.load(tmp_path / "a.npz")
