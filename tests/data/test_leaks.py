"""Columns that give the target away."""

import numpy as np

from dlcore import data
from tests.data.texts import lines, load


class TestLeaks:
    def test_a_copy_of_the_target_is_reported(self, tmp_path):
        n = 200
        a, b = ([str(i * k % 13) for i in range(n)] for k in (5, 7))
        y = ["ja" if i * 11 % 7 < 3 else "nein" for i in range(n)]
        copy = ["x" if label == "ja" else "z" for label in y]
        found = load(tmp_path, lines(a, copy, b, y, header="a,copy,b,y"))
        (leak,) = [f for f in data.check(found) if f.kind == "leak"]
        assert "'copy'" in leak.message
        assert "--drop copy" in leak.message

    def test_of_a_quantity(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(400, 3))
        scores = data.single_feature_scores(data.from_arrays(x, 3 * x[:, 1] + 1 + 1e-3 * rng.normal(size=400)))
        assert scores[1] > 0.99
        assert (scores[[0, 2]] < 0.3).all()

    def test_broad_bins_tell_what_a_trend_says(self):
        found = data.load("diabetes")  # 442 examples: of 64 bins each mean is of four
        linear = np.square(np.corrcoef(found.x.T, found.y.T)[-1, :-1])
        best = np.argsort(-data.single_feature_scores(found, bins=8))[:2]
        assert {*best} == {*np.argsort(-linear)[:2]}

    def test_real_columns_are_no_leaks(self):
        for name in ("iris", "wine", "breast_cancer", "diabetes"):
            assert "leak" not in {f.kind for f in data.check(data.load(name))}

    def test_row_numbers_by_any_name(self, tmp_path):
        n = 150
        text = lines(
            [str(5 + i) for i in range(n)], [str(i * 7 % 13) for i in range(n)], ["abc"[i // 50] for i in range(n)]
        )
        found = load(tmp_path, f"when,q,y\n{text}")
        (finding,) = [f for f in data.check(found) if f.kind == "row number"]
        assert "'when'" in finding.message
