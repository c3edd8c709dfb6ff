"""Tables become arrays: fitted on the training part alone."""

import json

import numpy as np
import pytest

from dlcore import data
from tests.data.texts import A, N, Y, lines, load, mixed


class TestPrepare:
    def parts(self):
        """The first two thirds are training, so that a word is new in validation."""
        found = mixed()
        cut = [data.Examples(found.x[i], found.y[i]) for i in (slice(0, 200), slice(200, 250), slice(250, 300))]
        return data.Split(cut[0], cut[1], data.Sealed(cut[2]), found.schema), found

    def test_by_the_training_part_alone(self):
        split, found = self.parts()
        done, by = data.prepare(split)
        size = found.x[:200, 0]
        number, color, whole = by.columns
        np.testing.assert_allclose([number.mean, number.std], [np.nanmean(size), np.nanstd(size)], rtol=1e-12)
        assert number.missing
        assert not whole.missing
        assert (color.words, color.other, color.missing) == (("blue", "red"), False, False)
        assert by.features == ("size", "size missing", "color=blue", "color=red", "whole")
        z = done.train.x
        assert z.dtype == np.float32
        np.testing.assert_allclose(z[:, 0], np.nan_to_num((size - number.mean) / number.std), rtol=1e-6)
        np.testing.assert_array_equal(z[:, 1], np.isnan(size))
        words = np.array(found.columns[1].words)[found.x[:200, 1].astype(int)]
        np.testing.assert_array_equal(z[:, 3], words == "red")
        np.testing.assert_array_equal(z[:, 2], words == "blue")
        np.testing.assert_array_equal(done.validation.x[:, 2:4], 0)  # all new
        assert done.test.opened is None
        test = done.test.open("look")
        np.testing.assert_allclose(
            test.x[:, 0], np.nan_to_num((found.x[250:, 0] - number.mean) / number.std), rtol=1e-6
        )

    def test_nothing_of_validation_and_test_is_learned(self):
        split, found = self.parts()
        _, by = data.prepare(split)
        shifted = data.Examples(split.validation.x * 3 + 1, split.validation.y)
        other = data.Split(split.train, shifted, data.Sealed(shifted), found.schema)
        other.validation.x[:, 1] = 0
        assert data.prepare(other)[1] == by

    def test_words_seen_once_teach_those_never_seen(self):
        color = ["red", "blue"] * 20 + ["rare"] + [None] * 3
        found = data.load({"color": color, "a": np.linspace(0, 1, 44), "y": ["p", "q"] * 22})
        every = data.Examples(found.x, found.y)
        _, by = data.prepare(data.Split(every, every, data.Sealed(every), found.schema))
        assert by.features[:4] == ("color=blue", "color=red", "color=other", "color=missing")
        z = by({"color": ["rare", "green", "red", None], "a": [0, 0, 0, 0]})
        np.testing.assert_array_equal(z[:, :4], [[0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])

    def test_quantities_are_learned_in_units_of_their_deviation(self):
        y = np.random.default_rng(0).normal([5e6, -1], [3, 1e-3], (90, 2))
        split = data.split(data.from_arrays(np.arange(180.0).reshape(90, 2), y))
        done, by = data.prepare(split)
        np.testing.assert_allclose(done.train.y.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(done.train.y.std(0), 1, rtol=1e-6)
        np.testing.assert_allclose(by.target.inverse(done.validation.y), split.validation.y, rtol=1e-9)
        np.testing.assert_allclose(by.target.inverse(done.test.open("look").y).std(0), [3, 1e-3], rtol=0.4)

    def test_saved_as_readable_text_and_the_same_on_new_data(self, tmp_path):
        split, found = self.parts()
        done, by = data.prepare(split)
        again = data.Preprocessing.from_json(by.to_json())
        assert again == by
        assert json.loads(by.to_json())["columns"][1] == {
            "kind": "category",
            "name": "color",
            "words": ["blue", "red"],
            "other": False,
            "missing": False,
        }
        rows = [
            ",".join([f"{whole:.0f}", "" if np.isnan(size) else repr(float(size)), found.columns[1].words[int(color)]])
            for size, color, whole in found.x[:200]
        ]
        path = tmp_path / "new.csv"
        path.write_text("whole,size,color\n" + "\n".join(rows))  # in another order, without the target
        np.testing.assert_array_equal(again(path), done.train.x)
        np.testing.assert_array_equal(again(str(path))[:1], done.train.x[:1])

    def test_cells_come_back(self):
        split, found = self.parts()
        done, by = data.prepare(split)
        cells = by.inverse(done.train.x)
        known = ~np.isnan(found.x[:200, 0])
        np.testing.assert_allclose(cells[known, 0], found.x[:200, 0][known], rtol=1e-12)
        np.testing.assert_allclose(cells[:, 2], found.x[:200, 2], atol=1e-5)

    def test_new_data_that_do_not_fit(self, tmp_path):
        _, by = data.prepare(self.parts()[0])
        with pytest.raises(ValueError, match="needed columns 'color', 'whole', got 'size'"):
            by({"size": [1.0]})
        with pytest.raises(ValueError, match=r"column 'whole': needed numbers, got 'many'.*--missing many"):
            by({"size": [1.0], "color": ["red"], "whole": ["many"]})
        with pytest.raises(ValueError, match=r"needed x \[n, 3\]"):
            by(np.zeros((2, 2)))
        for text in ("", "{}", "[]", '{"format": 99}', '{"format": 1, "columns": [{"kind": "x"}]}'):
            with pytest.raises(ValueError, match="needed a saved preprocessing"):
                data.Preprocessing.from_json(text)

    def test_a_single_column_file(self, tmp_path):
        found = load(tmp_path, lines(A, Y, header="a,y"))
        _, by = data.prepare(data.split(found))
        (tmp_path / "new.csv").write_text(lines(A, header="a"))
        np.testing.assert_allclose(by(tmp_path / "new.csv").mean(), 0, atol=0.2)

    def test_arrays_and_images_are_normalized_as_ever(self):
        for name in ("digits", "wine", "diabetes"):
            split = data.split(data.load(name))
            done, by = data.prepare(split)
            np.testing.assert_array_equal(done.train.x, data.normalize(split)[0].train.x)
            assert len(by.features) == split.train.x.shape[1]

    def test_infinite_numbers_and_words_without_coding(self):
        found = data.load({"a": [np.inf, *range(59)], "w": list("abc") * 20, "y": ["p", "q"] * 30})
        every = data.Examples(found.x, found.y)
        split = data.Split(every, every, data.Sealed(every), found.schema)
        with pytest.raises(ValueError, match=r"'a': needed finite numbers.*--missing inf"):
            data.prepare(split)
        with pytest.raises(ValueError, match=r"words in 'w'; try data\.prepare"):
            data.normalize(data.split(found))


class TestFrames:
    def test_pandas_with_all_its_types(self):
        import pandas as pd

        frame = pd.DataFrame(
            {
                "n": pd.array([None if i % 9 == 0 else i % 4 for i in range(N)], dtype="Int64"),
                "t": pd.array([None if i % 9 == 0 else i % 4 == 0 for i in range(N)], dtype="boolean"),
                "c": pd.Categorical([("lo", "hi")[i % 2] for i in range(N)]),
                ("m", 2): np.float32(A),
                7: [[i % 3] for i in range(N)],
                "when": pd.date_range("2024-01-01", periods=N),
                "y": Y,
            },
            index=[f"row {i}" for i in range(N)],
        )
        found = data.load(frame)
        assert [c.name for c in found.columns] == ["n", "t", "c", "m 2", "7"]
        assert np.isnan(found.x[::9, :2]).all()
        assert found.columns[1].words == ("False", "True")
        assert found.columns[2].words == ("hi", "lo")
        assert any("'when' is left out: it holds dates" in note for note in found.notes)
        _, by = data.prepare(data.split(found))
        np.testing.assert_array_equal(by(frame), by(frame.sample(frac=1, random_state=0).loc[frame.index]))

    def test_pairs_of_arrays(self):
        found = data.load((np.zeros((6, 2)), np.array(["b", "a", "b ", "a", "b", "a"])))
        assert found.classes == ("a", "b")
        np.testing.assert_array_equal(found.y, [1, 0, 1, 0, 1, 0])
