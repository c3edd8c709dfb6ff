"""Figures with a panel or an axis for each hyperparameter of a study, and the scales of those."""

import io
import itertools

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from dlcore import figures
from dlcore.figures.scales import Scale, places_of, scale_of
from dlcore.tuning import grid
from tests.test_figures import study

RATE, DECAY, RATE_OF_DROPOUT = "optimizer.learning_rate", "penalty.strength", "model.layers[2].rate"
AXES = {RATE: [1e-1, 1e-4, 1e-3, 1e-2], DECAY: [0.0, 1e-4, 1e-3, 1e-2], RATE_OF_DROPOUT: [0.0, 0.2, 0.5]}
WORDS = {
    RATE: [1e-3, 1e-2],
    "optimizer": ["SGD(learning_rate=0.01, momentum=0.9)", "Adam", "RMSProp"],
    "optimizer.nesterov": [True, False],
    "batch_size": [None, 16, 32],
    "watch.by": ["accuracy", "F1"],
}


def losses(space, seed=0):
    """Random losses; those of the largest learning rate diverge."""
    drawn = np.random.default_rng(seed).uniform(0.1, 0.4, len(space))
    return np.where([one.get(RATE, 0) >= 0.1 for one in space], np.inf, drawn)


def sampled(n, seed=1):
    rng = np.random.default_rng(seed)
    return [{RATE: 10 ** rng.uniform(-5, -1.5), RATE_OF_DROPOUT: rng.uniform(0, 0.6)} for _ in range(n)]


STUDIES = {
    "a grid": grid(AXES),
    "words": grid(WORDS),
    "one axis": grid({RATE: AXES[RATE]}),
    "a sample": sampled(200),
    "many numbers": grid({"epochs": [10, 20, 30, 4000], DECAY: np.geomspace(1e-6, 1, 12).tolist()}),
    "close numbers": grid({"epochs": [1, 100, 101, 102, 103, 200], DECAY: [0.01, 0.02, 0.021, 0.0211]}),
    "one value": grid({RATE: [1e-3]}),
    "all diverged": grid({RATE: [0.1, 1.0], DECAY: [0.0, 1.0]}),
    "missing values": [{RATE: 1e-3}, {RATE: 1e-2}, {DECAY: 1e-3}, {DECAY: 1e-2}],
}


class TestScales:
    @pytest.mark.parametrize(
        ("values", "kind", "ordered"),
        [
            ([1e-2, 1e-4, 1e-3], "log", [1e-4, 1e-3, 1e-2]),
            ([0.0, 1e-2, 1e-4, 1e-3], "zero", [0.0, 1e-4, 1e-3, 1e-2]),
            ([2.0, 0.0, 1.0], "linear", [0.0, 1.0, 2.0]),
            ([5, 4, 3, 2, 1], "linear", [1, 2, 3, 4, 5]),
            ([-1.0, 100.0], "linear", [-1.0, 100.0]),
            ([True, False], "named", [True, False]),
            (["b", "a"], "named", ["b", "a"]),
            ([None, 16, 32], "named", [None, 16, 32]),
            ([0.5], "named", [0.5]),
            ([], "named", []),
            ([np.float32(0.5), 0.5, 0.25], "linear", [0.25, 0.5]),
        ],
    )
    def test_how_values_are_spread(self, values, kind, ordered):
        assert scale_of(values) == Scale(ordered, kind)

    @pytest.mark.parametrize("seed", range(5))
    def test_samples_are_spread_as_they_were_drawn(self, seed):
        u = np.random.default_rng(seed).uniform(0, 1, 50)
        assert scale_of(u).kind == "linear"
        assert scale_of(10 ** (4 * u - 5)).kind == "log"

    def test_zero_stands_about_a_decade_below(self):
        scale = scale_of([0.0, 1e-4, 1e-3, 1e-1])
        np.testing.assert_allclose(np.diff(scale.spread(scale.places)) / 1e-4, [10 / 9, 1, 2])
        np.testing.assert_allclose(scale.back(scale.spread(scale.places)), scale.places, atol=1e-20)

    def test_places(self):
        np.testing.assert_array_equal(places_of(scale_of(["x", None, 3]), [3, "x", "y", None]), [2, 0, np.nan, 1])
        np.testing.assert_array_equal(places_of(scale_of([1e-3, 0.0]), [0, 1e-3, None]), [0, 1e-3, np.nan])

    def test_marks(self):
        assert scale_of([1e-4, 1e-3, 1e-2]).marks()[1] == ["1e-4", "0.001", "0.01"]
        assert scale_of(np.geomspace(2e-5, 5e-2, 40)).marks()[1] == ["1e-4", "0.001", "0.01"]
        assert scale_of([0.0, *np.geomspace(2e-5, 5e-2, 40)]).marks()[1] == ["0", "1e-4", "0.001", "0.01"]
        assert scale_of([f"{i}" for i in range(100)]).marks()[1][:2] == ["0", "9"]
        assert scale_of(["x", "a" * 40]).marks()[1] == ["x", "a" * 13 + "…"]

    def test_of_marks_that_lie_too_close_the_first_is_written(self):
        _, (ax,) = figures.canvas()
        scale_of([1, 100, 101, 102, 103, 200]).write(ax.xaxis)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "100", "200"]
        assert {text.get_rotation() for text in ax.get_xticklabels()} == {45}


class TestIsolation:
    def test_the_best_at_each_value_whatever_the_others(self):
        space = grid(AXES)
        found = study(space, losses(space), 0.01)
        loss, panels = found.mean, figures.sweep_isolation(found).axes
        assert [ax.get_xlabel().replace("\n", "") for ax in panels] == list(AXES)
        for ax, path in zip(panels, AXES, strict=True):
            values = sorted(value for value in AXES[path] if value != 0.1)
            best = [min(loss[i] for i, one in enumerate(space) if one[path] == value) for value in values]
            (line,) = ax.containers
            np.testing.assert_array_equal(line.lines[0].get_xdata(), values)
            np.testing.assert_array_equal(line.lines[0].get_ydata(), best)
            points, ring, lost = (c for c in ax.collections if isinstance(c, PathCollection))
            assert len(points.get_offsets()) == np.isfinite(loss).sum()
            np.testing.assert_array_equal(ring.get_offsets(), [[space[int(loss.argmin())][path], loss.min()]])
            assert len(lost.get_offsets()) == np.isinf(loss).sum()

    def test_of_many_numbers_the_best_of_each_eighth_of_the_range(self):
        space = sampled(200)
        found = study(space, losses(space))
        loss, panels = found.mean, figures.sweep_isolation(found).axes
        for ax, path, scale in zip(panels, (RATE, RATE_OF_DROPOUT), (np.log, np.asarray), strict=True):
            u = scale([one[path] for one in space])
            ends = np.linspace(u.min(), u.max(), 9)
            parts = np.clip(np.searchsorted(ends, u, side="right") - 1, 0, 7)
            (line,) = ax.containers
            np.testing.assert_array_equal(line.lines[0].get_ydata(), [loss[parts == part].min() for part in range(8)])

    def test_names_are_not_joined_by_lines(self):
        axes = figures.sweep_isolation(study(grid(WORDS), losses(grid(WORDS)))).axes
        assert [ax.containers[0].lines[0].get_linestyle() for ax in axes] == ["-", "None", "None", "None", "None"]


class TestParallel:
    def lines(self, figure):
        (ax,) = figure.axes
        lost, sound = ax.collections[-2:]
        return ax, lost.get_segments(), sound.get_segments()

    def test_a_line_for_every_configuration_through_its_values(self):
        space = sampled(50)
        loss = losses(space)
        loss[7] = np.inf
        ax, lost, sound = self.lines(figures.sweep_parallel(study(space, loss)))
        assert [text.get_text().replace("\n", "") for text in ax.get_xticklabels()] == [
            RATE, RATE_OF_DROPOUT, "validation loss",
        ]  # fmt: skip
        order = [int(i) for i in np.argsort(-loss) if np.isfinite(loss[i])]
        rate, dropout = np.log([one[RATE] for one in space]), np.array([one[RATE_OF_DROPOUT] for one in space])
        finite = np.where(np.isfinite(loss), loss, np.nan)

        def unit(a):
            return (a - np.nanmin(a)) / (np.nanmax(a) - np.nanmin(a))

        expected = np.stack([unit(rate), unit(dropout), unit(finite)], 1)
        np.testing.assert_allclose(np.array(sound)[..., 1], expected[order], atol=1e-12)
        np.testing.assert_array_equal(np.array(sound)[0, :, 0], [0, 1, 2])
        np.testing.assert_allclose(lost[0][:2, 1], expected[7, :2])
        assert lost[0][2, 1] > 1
        np.testing.assert_allclose(ax.lines[-1].get_ydata(), expected[np.nanargmin(finite)])

    def test_lines_through_one_value_lie_beside_each_other_and_the_better_above(self):
        space = grid({"a": ["x", "y"], "b": [1, 2, 3]})
        loss = np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
        _, _, sound = self.lines(figures.sweep_parallel(study(space, loss)))
        heights = dict(zip(np.argsort(-loss).tolist(), np.array(sound)[:, 0, 1], strict=True))
        assert heights[0] < heights[2] < heights[1] < heights[3] < heights[4] < heights[5]
        assert heights[1] < 0.5 < heights[3]

    def test_where_a_value_is_missing_a_line_has_a_gap(self):
        space = STUDIES["missing values"]
        (ax,) = figures.sweep_parallel(study(space, [4.0, 3.0, 2.0, 1.0])).axes
        gaps = [np.isnan(path.vertices[:, 1]).tolist() for path in ax.collections[-1].get_paths()]
        assert gaps == [[False, True, False]] * 2 + [[True, False, False]] * 2


@pytest.mark.parametrize("draw", [figures.sweep_isolation, figures.sweep_parallel])
@pytest.mark.parametrize("name", STUDIES)
def test_labels_do_not_run_into_each_other(draw, name):
    space = STUDIES[name]
    figure = draw(study(space, losses(space), 0.01))
    figure.savefig(io.BytesIO(), format="png", dpi=50)  # lays it out
    for ax in figure.axes:
        for one, other in itertools.combinations(boxes(ax), 2):
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            assert across < 1 or min(one.y1, other.y1) - max(one.y0, other.y0) < 2


def boxes(ax):
    """The boxes of the texts that are drawn: marks beyond the ends of an axis are not, and turned ones have others."""
    marks = [t for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels() if t.get_text()]
    for text in (*marks, *ax.texts):
        box = text.get_window_extent()
        x, y = ax.transAxes.inverted().transform(box.get_points().mean(0))
        if text.get_rotation() == 0 and -0.5 < x < 1.5 and -0.5 < y < 1.5:
            yield box
