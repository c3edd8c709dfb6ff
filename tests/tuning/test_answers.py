"""What a study answers: what matters, whether the first two differ, tables for people."""

import html.parser

import numpy as np
import pandas as pd
import pytest

from dlcore.tuning import Rows, Study, grid, importance, sample
from dlcore.tuning.sampling import Uniform
from tests.problems import small_setup
from tests.tuning.problems import _study, history_of

A, B, C = (np.array(v) for v in ([0.0, 1.0, 2.0], [0.0, 3.0], [0.5, 1.0, 1.5, 2.0]))


def whole(f):
    """A study whose mean loss is exp f(a, b, c) on a full grid."""
    space = grid({"a": list(A), "b": list(B), "c": list(C)})
    return _study([[np.exp(f(*one.values()))] for one in space], space)


def test_shares_of_a_grid_are_those_of_the_analysis_of_variance():
    def f(a, b, c):
        return a + b - 0.3 * c + a * b

    found = importance(whole(f))
    values = np.array([[[f(a, b, c) for c in C] for b in B] for a in A])
    total = values.var()
    assert found.alone["a"] == pytest.approx(values.mean((1, 2)).var() / total)
    assert found.alone["b"] == pytest.approx(values.mean((0, 2)).var() / total)
    assert found.alone["c"] == pytest.approx(values.mean((0, 1)).var() / total)
    assert list(found.alone) == ["b", "a", "c"]
    both = values.mean(2).var() / total - found.alone["a"] - found.alone["b"]
    assert found.pairs["a", "b"] == pytest.approx(both)
    assert found.pairs["a", "c"] == pytest.approx(0, abs=1e-12)
    assert found.rest == pytest.approx(0, abs=1e-12)


def test_what_only_three_explain_together_is_the_rest():
    found = importance(whole(lambda a, b, c: (a - 1) * (b - 1.5) * (c - 1.25)))
    assert max(found.alone.values()) == pytest.approx(0, abs=1e-12)
    assert found.rest == pytest.approx(1)


def test_of_a_sample_the_forest_finds_what_matters():
    space = sample({name: Uniform(0.0, 1.0) for name in "pqr"}, 64)
    study = _study([[np.exp(3 * one["p"] + one["q"])] for one in space], space)
    found = importance(study)
    assert list(found.alone)[:2] == ["p", "q"]
    assert found.alone["p"] > 0.7
    assert found.alone["r"] < 0.05
    assert importance(study) == found


def test_a_study_in_which_nothing_varies_or_all_diverged_is_refused():
    space = grid({"a": [1.0, 2.0]})
    for study in (_study([[1.0]], space[:1]), _study([[1.0], [2.0]], space, np.array([[3], [3]]))):
        with pytest.raises(ValueError, match="two sound configurations that differ"):
            importance(study)
    one_lost = importance(_study([[1.0], [2.0], [3.0]], grid({"a": [1, 2, 3]}), np.array([[3], [-1], [-1]])))
    assert one_lost.alone["a"] == pytest.approx(1)


def test_differences_are_those_of_pairs():
    space = grid({"a": [1, 2, 3]})
    loss = np.array([[1.0, 2.0, 3.0, 4.0], [1.1, 2.3, 3.0, 4.4], [9.0, 9.0, 9.0, 9.0]])
    study = _study(loss, space)
    d = loss[1] - loss[0]
    assert study.difference(1, 0) == pytest.approx((d.mean(), d.std(ddof=1) / 2))
    needed = study.runs_needed
    assert needed == np.ceil((2 * d.std(ddof=1) / d.mean()) ** 2)
    assert 2 * d.std(ddof=1) / np.sqrt(needed) <= d.mean() < 2 * d.std(ddof=1) / np.sqrt(needed - 1)
    assert _study([[1.0, 2.0], [1.0, 2.0]], space[:2]).runs_needed == np.inf
    one = _study([[1.0], [2.0]], space[:2])
    assert np.isnan([one.runs_needed, one.difference(1, 0)[1], _study([[1.0]], space[:1]).runs_needed]).all()


def test_a_frame_has_all_configurations_best_first(tmp_path):
    space = grid({"optimizer.learning_rate": [0.1, 0.2, 0.3]})
    frame = _study([[3.0, 3.2], [1.0, 1.2], [2.0, 2.2]], space).frame()
    assert list(frame.index) == [1, 2, 0]
    np.testing.assert_allclose(frame["validation loss"], [1.1, 2.1, 3.1])
    frame.to_csv(tmp_path / "study.csv")
    again = pd.read_csv(tmp_path / "study.csv", index_col="configuration")
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_a_notebook_shows_the_ranking_with_its_curves():
    space = grid({"optimizer.learning_rate": [0.1, 0.2, 0.3], "name": ["<b>", "$x$", "c", "d"]})
    loss = np.geomspace(2, 1, 12)[:, None, None] * np.geomspace(1, 0.1, 5)
    rows = Rows(history_of(loss), loss.min(-1), np.full((12, 1), 4), np.full((12, 1), -1))
    page = Page(Study(small_setup(), tuple(space), rows)._repr_html_())
    assert page.tags.count("tr") == 11
    assert page.tags.count("polyline") == 10
    assert (
        "<b>"
        in Page(Study(small_setup(), tuple(space[:3]), _study(np.ones((3, 1)), space[:3]).rows)._repr_html_()).text
    )
    assert any("the best 10" in text for text in page.text)
    assert any("upper edge" in text for text in page.text)
    lost = _study([[1.0]], space[:1], np.array([[2]]))
    assert any("every configuration diverged" in text for text in Page(lost._repr_html_()).text)
