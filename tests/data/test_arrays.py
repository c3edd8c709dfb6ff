"""Files of arrays, given parts, descriptions."""

import numpy as np
import pytest

from dlcore import data
from tests.data.texts import mixed


class TestArrays:
    def test_whole_quantities_are_no_classes(self):
        price = np.random.default_rng(0).integers(20_000, 30_000, 150)
        found = data.from_arrays(np.zeros((150, 2)), price)
        assert (found.task, found.y.shape) == ("regression", (150, 1))
        assert any("--task classification" in note for note in found.notes)
        np.testing.assert_array_equal(found.y[:, 0], price)

    @pytest.mark.parametrize(
        ("y", "classes"),
        [
            (np.arange(60) % 3, ("0", "1", "2")),
            (np.arange(60) % 2 * 2 - 1, ("-1", "1")),
            (np.arange(60) % 3 + 1, ("1", "2", "3")),
            (np.arange(60) % 2 == 0, ("0", "1")),
            (np.arange(400) % 100, tuple(map(str, range(100)))),
        ],
    )
    def test_labels_are_classes_by_their_own_names(self, y, classes):
        found = data.from_arrays(np.zeros((len(y), 1)), y)
        assert found.classes == classes
        np.testing.assert_array_equal([found.classes[i] for i in found.y], [str(int(label)) for label in y])

    def test_a_negative_label_is_no_class(self):
        found = data.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3 - 1)
        assert any("labels out of range: -1" in f.message for f in data.check(found) if f.severity == "error")

    def test_missing_numbers_are_those_of_a_table(self):
        x = np.random.default_rng(0).normal(size=(60, 2))
        x[3, 1] = np.nan
        found = data.from_arrays(x, np.arange(60) % 3)
        assert "missing" in {f.kind for f in data.check(found) if f.severity == "warning"}
        assert np.isfinite(data.prepare(data.split(found))[0].train.x).all()

    @pytest.mark.parametrize(
        ("shape", "read"),
        [
            ((20, 3, 32, 32), (32, 32, 3)),
            ((20, 1, 8, 9), (8, 9, 1)),
            ((20, 32, 32, 2), (32, 32, 2)),
            ((20, 4, 4, 3), (4, 4, 3)),
            ((20, 8, 9), (8, 9, 1)),
        ],
    )
    def test_channels_are_last(self, shape, read):
        x = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        found = data.from_arrays(x, np.arange(20) % 2)
        assert found.image_shape == read
        assert found.x.dtype == np.float32
        picture = data.images(found.x, read)[3]
        first = len(shape) == 4 and shape[1:] != read
        np.testing.assert_array_equal(picture, np.moveaxis(x[3], 0, 2) if first else x[3].reshape(read))
        assert any("channels first" in note for note in found.notes) == first

    def test_an_axis_that_looks_like_no_channels_is_told(self):
        assert any("7 channels" in note for note in data.from_arrays(np.zeros((9, 8, 8, 7)), np.arange(9) % 2).notes)

    def test_names_that_do_not_fit(self):
        with pytest.raises(ValueError, match="needed 2 names of features"):
            data.from_arrays(np.zeros((4, 2)), np.arange(4) % 2, features=("a",))
        with pytest.raises(ValueError, match="needed the 2 classes"):
            data.from_arrays(np.zeros((9, 2)), np.arange(9) % 3, classes=("a", "b"))

    def test_digits_of_the_type_are_kept(self):
        assert data.from_arrays(np.zeros((9, 2), np.float16), np.arange(9) % 2).x.dtype == np.float32
        far = data.from_arrays(np.array([[2**53 - 1], [2**53 - 2]]), np.array([0, 1])).x
        assert far[0, 0] - far[1, 0] == 1


class TestParts:
    def test_a_target_that_hardly_varies(self):
        y = np.zeros((100, 1))
        y[3] = 5.5
        found = data.Dataset("t", np.random.default_rng(0).normal(size=(100, 2)), y)
        with pytest.raises(ValueError, match=r"the same for all examples but 1, too few.*nothing to learn"):
            data.require(found)
        y[4:6] = 1
        assert data.require(found) == []

    def test_parts_that_lack_something(self):
        x, y = np.zeros((4, 1), np.float32), np.array([0, 0, 0, 0])
        schema = data.Schema(classes=("a", "b"))
        found = data.check_parts(data.Split(data.Examples(x, y), data.Examples(x, y + 1), schema=schema))
        assert [(f.kind, f.severity) for f in found] == [
            ("constant part", "error"),
            ("constant part", "warning"),
            ("unseen class", "warning"),
        ]
        assert "'b'" in found[2].message
        assert data.check_parts(data.split(data.load("iris"))) == []


class TestDescriptions:
    def test_columns_and_balance(self):
        found = mixed()
        size, color, whole = data.summaries(found)
        assert (size.name, size.missing, size.different) == ("size", 43, 257)
        np.testing.assert_allclose(size.mean, np.nanmean(found.x[:, 0]))
        assert size.low == np.nanmin(found.x[:, 0])
        assert size.counts.sum() == 257
        known = found.x[:, 0][~np.isnan(found.x[:, 0])]
        np.testing.assert_array_equal(size.counts, np.histogram(known, 20)[0])
        assert dict(zip(color.words, color.counts, strict=True))["new"] == 100
        assert color.counts.sum() == 300
        assert (whole.missing, whole.high) == (0, found.x[:, 2].max())
        balance = data.balance(found)
        np.testing.assert_array_equal(balance.counts, np.bincount(found.y))
        assert balance.classes == ("p", "q")
        assert data.target_summaries(found) == ()

    def test_examples_as_text(self):
        found = mixed()
        first, *_, last = data.preview(found, 3)
        assert list(first) == ["y", "size", "color", "whole"]
        assert first["size"] == ""
        assert first["y"] in ("p", "q")
        assert last["color"] == "new"
        assert float(last["size"]) == pytest.approx(found.x[-1, 0], rel=1e-9)

    def test_regression_and_images(self):
        diabetes = data.load("diabetes")
        (target,) = data.target_summaries(diabetes)
        assert (target.low, target.high) == (25, 346)
        assert data.balance(diabetes) is None
        assert data.summaries(data.load("digits")) == ()
        assert data.summaries(diabetes, most=2)[1].name == "sex"
        assert data.preview(diabetes, 1)[0]["target"] == "151"
