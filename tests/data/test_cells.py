"""What stands in the cells of a table, and what its columns are."""

import numpy as np
import pytest

from dlcore import data
from tests.data.texts import PLAIN, A, B, N, Y, is_plain, lines, load


def values(tmp_path, cells, by=",", **options):
    """The first of two columns, read from ``cells``."""
    found = load(tmp_path, lines(cells, [str(i % 2) for i in range(len(cells))], header=f"p{by}y", by=by), **options)
    assert found.features == ("p",)
    assert found.classes == ("0", "1")
    return found.x[:, 0], found


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "number", "by"),
        [
            (lambda i: f'"{1000 * (i + 1):,}"', lambda i: 1000 * (i + 1), ","),
            (lambda i: f'"${1000 * (i + 1):,}.50"', lambda i: 1000 * (i + 1) + 0.5, ","),
            (lambda i: f"-€{i + 1}", lambda i: -i - 1, ","),
            (lambda i: f"{i} %", lambda i: i, ","),
            (lambda i: f"({i}.5)", lambda i: -i - 0.5, ","),
            (lambda i: f"\u2212{i}.5", lambda i: -i - 0.5, ","),
            (lambda i: f"{i + 1}\u00a0000", lambda i: 1000 * (i + 1), ","),
            (lambda i: f"{i + 1}'000.5", lambda i: 1000 * (i + 1) + 0.5, ","),
            (lambda i: f"{i % 15},5", lambda i: i % 15 + 0.5, ";"),
            (lambda i: f"{i + 1}.000,5 EUR", lambda i: 1000 * (i + 1) + 0.5, ";"),
            (lambda i: f"{i + 1},125", lambda i: i + 1.125, ";"),
            (lambda i: f"{i}.5e-3", lambda i: (i + 0.5) * 1e-3, ";"),
        ],
    )
    def test_numbers_however_they_are_written(self, tmp_path, cell, number, by):
        read, _ = values(tmp_path, [cell(i) for i in range(N)], by)
        np.testing.assert_allclose(read, [number(i) for i in range(N)], rtol=1e-12)

    def test_what_is_ambiguous_is_said_and_can_be_said(self, tmp_path):
        cells = [f"{i + 1},125" for i in range(N)]
        read, found = values(tmp_path, cells, ";")
        assert any("--decimal ." in note for note in found.notes)
        read, found = values(tmp_path, cells, ";", decimal=".")
        np.testing.assert_array_equal(read, [1000 * (i + 1) + 125 for i in range(N)])
        assert any("--decimal ," in note for note in found.notes)

    @pytest.mark.parametrize("word", ["", "?", "NA", "n/a", "None", "-", "null", "NaN", "unknown", "off scale"])
    def test_missing_among_numbers(self, tmp_path, word):
        read, found = values(tmp_path, [word if i % 10 == 3 else f"{i / 7:.4f}" for i in range(N)])
        np.testing.assert_array_equal(np.isnan(read), [i % 10 == 3 for i in range(N)])
        assert "missing" in {f.kind for f in data.check(found) if f.severity == "warning"}

    def test_missing_as_said(self, tmp_path):
        read, found = values(tmp_path, ["-999" if i % 10 == 3 else f"{i / 7:.4f}" for i in range(N)], missing="-999")
        np.testing.assert_array_equal(np.isnan(read), [i % 10 == 3 for i in range(N)])
        assert found.missing == ("-999",)
        kinds = [("None", "Brick", "Stone")[i % 3] for i in range(N)]
        text = lines(A, kinds, Y, header="a,k,y")
        assert load(tmp_path, text).columns[1].words == ("Brick", "None", "Stone")
        assert load(tmp_path, text, missing=("None",)).columns[1].words == ("Brick", "Stone")

    @pytest.mark.parametrize("kinds", [("None", "Brick", "Stone"), ("NA", "DE", "FR"), ("yes", "no", "-")])
    def test_words_among_words(self, tmp_path, kinds):
        found = load(tmp_path, lines(A, B, [kinds[i % 3] for i in range(N)], header="a,b,y"))
        assert set(found.classes) == set(kinds)
        assert len(found) == N

    def test_labels_that_differ_by_blanks_are_one_and_by_capitals_are_told(self, tmp_path):
        text = lines(A, [("red", "red ", "light  red", "light red")[i % 4] for i in range(N)], Y, header="a,c,y")
        assert load(tmp_path, text).columns[1].words == ("light red", "red")
        found = load(tmp_path, lines(A, B, [("Yes", "yes", "no")[i % 3] for i in range(N)], header="a,b,y"))
        assert any("differ only in capitals: yes" in note for note in found.notes)

    def test_far_from_zero(self, tmp_path):
        seconds = 1_700_000_000 + 3 * np.arange(150) ** 2
        text = lines(
            map(str, seconds), [f"{5_336_000 + i / 1000:.3f}" for i in range(150)], ["ab"[i % 2] for i in range(150)]
        )
        found = load(tmp_path, text)
        np.testing.assert_array_equal(found.x[:, 0], seconds)
        for done in (data.normalize(data.split(found))[0], data.prepare(data.split(found))[0]):
            assert done.train.x.dtype == np.float32
            assert all(len(np.unique(column)) == 90 for column in done.train.x.T)
        assert data.duplicates(found.x).size == 0


class TestRoles:
    @pytest.mark.parametrize(
        ("name", "cells", "why"),
        [
            ("", [str(i) for i in range(N)], "numbers the rows"),
            ("id", [str(7 * i % N + 100) for i in range(N)], "identifier"),
            ("customerId", [str(7 * i % N + 100) for i in range(N)], "identifier"),
            ("No", [str(i + 1) for i in range(N)], "numbers the rows"),
            ("name", [f"n{i}" for i in range(N)], "names the rows"),
            ("text", [f"it is number {i}" for i in range(N)], "free text"),
            ("day", [f"2024-0{i % 9 + 1}-1{i % 10}" for i in range(N)], "dates"),
            ("day", [f"{i % 28 + 1}.{i % 12 + 1}.2024" for i in range(N)], "dates"),
            ("day", [f"{i % 12 + 1}/{i % 28 + 1}/24 3:05 PM" for i in range(N)], "dates"),
            ("day", [f"{i % 28 + 1}-Mar-2020" for i in range(N)], "dates"),
            ("time", [f"{i % 24}:{i % 60:02}" for i in range(N)], "times"),
            ("none", [""] * N, "empty"),
        ],
    )
    def test_left_out_with_a_reason(self, tmp_path, name, cells, why):
        text = lines(cells, A, B, Y, header=f"{name},a,b,y")
        found = load(tmp_path, text)
        is_plain(found)
        (note,) = [note for note in found.notes if "is left out" in note]
        assert why in note
        if why not in ("dates", "times", "empty"):
            kept = load(tmp_path, text, keep=name or "column 0")
            assert len(kept.columns) == 3

    def test_values_are_no_identifiers(self, tmp_path):
        found = load(tmp_path, lines([str(3 * i) for i in range(N)], A, Y, header="valid,price,y"))
        assert found.features == ("valid", "price")

    def test_a_target_that_names_itself_or_the_last_that_can_be(self, tmp_path):
        assert load(tmp_path, lines(Y, A, B, header="Class,a,b")).target == ("Class",)
        found = load(tmp_path, lines(A, Y, [f"n{i}" for i in range(N)], header="a,kind,name"))
        assert (found.target, found.features) == (("kind",), ("a",))
        assert any("the target is 'kind'" in note and "--target a" in note for note in found.notes)

    def test_target_by_number_and_several(self, tmp_path):
        text = lines(A, [f"{i / 3:.3f}" for i in range(N)], [f"{i**0.5:.3f}" for i in range(N)], header="a,u,v")
        assert load(tmp_path, text, target=1).target == ("u",)
        assert load(tmp_path, text, target="-1").target == ("v",)
        both = load(tmp_path, text, target=("v", "u"))
        assert (both.y.shape, both.target, both.features) == ((N, 2), ("v", "u"), ("a",))
        np.testing.assert_allclose(both.y[:, 1], np.arange(N) / 3, atol=1e-3)

    def test_classes_named_and_ordered(self, tmp_path):
        found = load(tmp_path, PLAIN, classes=("nein", "ja"))
        assert found.classes == ("nein", "ja")
        np.testing.assert_array_equal(found.y, [1 if label == "ja" else 0 for label in Y])
        numbers = load(tmp_path, lines(A, B, [str(i % 2 + 1) for i in range(N)], header="a,b,y"), classes=("no", "yes"))
        assert numbers.classes == ("no", "yes")
        np.testing.assert_array_equal(numbers.y, np.arange(N) % 2)

    def test_rows_without_a_target(self, tmp_path):
        found = load(tmp_path, lines(A, B, ["" if i % 10 == 0 else Y[i] for i in range(N)], header="a,b,y"))
        assert len(found) == N - 6
        assert found.x[0, 0] == 0.143
        assert "6 rows are left out: their target is missing" in found.notes

    def test_notes_are_findings_of_their_own_severity(self, tmp_path):
        found = data.check(load(tmp_path, PLAIN))
        assert {f.severity for f in found} == {"note"}
        assert len(found) == 2
