"""What is found wrong in data before they are used."""

import dataclasses
import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from dlcore import data
from tests.data.problems import one_line, table


def spoilt(**changes):
    dataset = table(60)
    fields = {name: change(getattr(dataset, name).copy()) for name, change in changes.items()}
    return dataclasses.replace(dataset, **fields)


def put(index, value):
    def change(a):
        a = a.astype(type(value)) if isinstance(value, float) and a.dtype == np.int32 else a
        a[index] = value
        return a

    return change


class TestChecks:
    def test_a_sound_set_has_no_finding(self):
        assert data.check(table(60), 32) == []
        assert data.require(table(60), 60) == []

    @pytest.mark.parametrize(
        ("dataset", "kind", "message"),
        [
            (spoilt(x=put((3, 1), np.nan)), "NaN", "NaN in x: 1 examples, column 1"),
            (spoilt(x=put((3, 2), -np.inf)), "inf", "inf in x"),
            (spoilt(y=put(4, -1)), "labels", "out of range: -1; 3 classes are numbered 0 to 2"),
            (spoilt(y=put(4, 3)), "labels", "out of range: 3"),
            (spoilt(y=put(4, 0.5)), "labels", "no class numbers, such as 0.5"),
            (spoilt(y=put(slice(None), 1)), "one class", "one class only: 'b'"),
            (spoilt(y=lambda y: y[:-1]), "shape", "x has 60 examples and y 59"),
            (table(2), "too few examples", "at least 3"),
            (table(20), "too few examples", r"fewer examples \(20\) than a batch \(32\)"),
            (table(40, y=np.full((40, 1), np.nan, np.float32), classes=()), "NaN", "in y"),
            (table(40, y=np.ones((40, 1), np.float32), classes=()), "constant target", "nothing to learn"),
        ],
    )
    def test_errors(self, dataset, kind, message):
        found = data.check(dataset, 32)
        assert (found[0].kind, found[0].severity) == (kind, "error")
        with pytest.raises(ValueError, match=message) as error:
            data.require(dataset, 32)
        assert one_line(error)
        assert str(error.value).startswith("table: ")

    @pytest.mark.parametrize(
        ("dataset", "kind", "message"),
        [
            (spoilt(x=put((slice(None), 1), 5.0)), "constant column", "constant: column 1"),
            (spoilt(x=lambda x: x * np.float32([1, 1, 1e3])), "scale", "normalize"),
            (spoilt(x=lambda x: np.concatenate([x[:-2], x[:2]])), "duplicates", "2 examples"),
            (spoilt(y=lambda y: np.where(np.arange(60) < 2, 2, y % 2)), "rare class", r"'c' \(2\)"),
        ],
    )
    def test_warnings(self, dataset, kind, message):
        (finding,) = data.require(dataset, 32)
        assert (finding.kind, finding.severity) == (kind, "warning")
        assert message.replace("\\", "") in finding.message

    def test_duplicates(self):
        a = np.array([[0.0, 1], [2, 3], [-0.0, 1], [2, 3], [4, 5]], np.float32)
        np.testing.assert_array_equal(data.duplicates(a), [2, 3])
        np.testing.assert_array_equal(data.duplicates(a[:2], a[2:]), [0, 1])
        np.testing.assert_array_equal(data.duplicates(a[:2], a[4:]), [])

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12))
    def test_duplicates_by_the_plain_way(self, rows):
        a = np.array(rows, np.float32).reshape(-1, 2)
        twice = [i for i in range(len(rows)) if rows[i] in rows[:i]]
        np.testing.assert_array_equal(data.duplicates(a), twice)
        parts = data.duplicates(a[:5], a[5:])
        np.testing.assert_array_equal(parts, [i for i, row in enumerate(rows[5:]) if row in rows[:5]])


def test_public_names_are_the_documented_interface():
    names = ("Examples", "Dataset", "load", "split", "Split", "Sealed", "normalize", "fit_normalization")
    assert all(hasattr(data, name) for name in itertools.chain(names, data.__all__))
