"""What stands in the figures, and numbers as text."""

import io
import math

import numpy as np
import pytest

from dlcore.report import figures, prediction_figures, sweep_figures
from dlcore.report.canvas import apart
from dlcore.report.numbers import MISSING, fixed, percent, short, when, with_error

RATE, DECAY = "optimizer.learning_rate", "penalty.strength"


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(1e-4, "1e-4"), (0.00316228, "0.003162"), (12345, "12\u202f345"), (1234, "1234"), (math.inf, "∞"),
         (None, MISSING), (math.nan, MISSING), (True, "True"), ("relu", "relu"), (0.0, "0"), (1.5e7, "1.5e7"),
         (-0.25, "-0.25")],
    )  # fmt: skip
    def test_short(self, value, text):
        assert short(value) == text

    def test_errors_set_the_digits(self):
        assert with_error(0.081234, 0.00347) == "0.0812 ± 0.0035"
        assert with_error(123.4, 12.0) == "123 ± 12"
        assert with_error(0.5, "nan") == "0.5"
        assert with_error("inf", None) == "∞"
        assert with_error(0.5, 0.1, digits=3) == "0.500 ± 0.100"
        assert percent(0.9722, 0.0087) == "97.2 ± 0.9 %"
        assert percent(None) == MISSING

    def test_columns_and_times(self):
        assert [fixed(v) for v in (0.5, 1e-6, "nan", 0)] == ["0.5000", "1e-6", MISSING, "0.0000"]
        assert when("2026-01-02T03:04:05+00:00") == "2026-01-02 03:04 UTC"
        assert when("yesterday") == "yesterday"


class TestFigures:
    def labels(self, figure):
        return [text.get_text() for ax in figure.axes for text in ax.texts]

    def test_loss_curves(self):
        falling = np.geomspace(1, 1e-2, 10)
        figure = figures.loss_curves(falling, falling / 2, falling * 2, best_epoch=7)
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")
        assert len(ax.lines) == 4
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), np.arange(1, 11))
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), falling / 2)
        assert ax.lines[3].get_xdata() == [7, 7]
        assert {"running", "training", "validation", "best: epoch 7"} == set(self.labels(figure))

    def test_a_narrow_range_stays_linear_and_nan_is_left_out(self):
        flat = np.array([1.0, 0.9, np.nan, np.nan])
        (ax,) = figures.loss_curves(flat, flat, flat).axes
        assert ax.get_yscale() == "linear"
        (ax,) = figures.loss_curves(*[np.full(3, np.nan)] * 3).axes
        assert len(ax.lines) == 3

    def test_metrics_and_steps(self):
        (ax,) = figures.metric_curves(np.array([0.5, 0.9]), np.array([0.4, 0.8])).axes
        assert ax.get_ylabel() == "accuracy"
        assert ax.yaxis.get_major_formatter()(0.9) == "90 %"
        (ax,) = figures.metric_curves(np.array([0.5]), np.array([0.4]), "R2").axes
        assert ax.get_ylabel() == "R2"
        axes = figures.step_curves(np.full(5, 0.1), np.geomspace(1, 1e-3, 5), np.zeros(5)).axes
        assert [ax.get_ylabel().replace("\n", " ") for ax in axes] == [
            "learning rate", "gradient norm", "update / parameters",
        ]  # fmt: skip
        assert [ax.get_xlabel() for ax in axes] == ["", "", "epoch"]

    def test_overfit_curves(self):
        figure = figures.overfit_curves({4: np.ones(3), 1: np.geomspace(1, 1e-3, 3)}, {1: np.ones(3), 4: np.ones(3)})
        assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
        assert [len(ax.lines) for ax in figure.axes] == [2, 2]
        assert self.labels(figure).count("4 examples") == 2
        assert len(figures.overfit_curves({1: np.ones(3)}).axes) == 1

    def table(self):
        axes = {DECAY: [0.0, 1e-4], RATE: [1e-1, 1e-3, 1e-2]}
        space = [{RATE: r, DECAY: d} for r in axes[RATE] for d in axes[DECAY]]
        mean = np.array([np.inf, 2.0, 0.5, 0.6, 0.1, 0.12])
        return axes, space, mean, sweep_figures.lay_out(axes, space, mean)

    def test_laying_out(self):
        _, _, _, table = self.table()
        assert (table.column_path, table.columns) == (RATE, [1e-3, 1e-2, 1e-1])
        assert (table.row_path, table.rows) == (DECAY, [0.0, 1e-4])
        assert table.cells.tolist() == [[2, 4, 0], [3, 5, 1]]

    def test_a_third_axis_shows_its_best(self):
        axes = {RATE: [0.1, 0.2], "a": [1, 2], "b": ["x", "y"]}
        space = [{RATE: r, "a": a, "b": b} for r in axes[RATE] for a in axes["a"] for b in axes["b"]]
        table = sweep_figures.lay_out(axes, space, np.array([3.0, 2, 1, 4, 5, 6, 8, 7]))
        assert table.cells.tolist() == [[1, 4], [2, 7]]

    def test_the_sweep(self):
        _, _, mean, table = self.table()
        figure = sweep_figures.sweep_curves(table, mean, np.full(6, 0.03), 4, [4, 5])
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == (RATE, "validation loss")
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert len(ax.containers) == 2
        assert [len(c.lines[0].get_ydata()) for c in ax.containers] == [2, 3]
        np.testing.assert_array_equal(ax.containers[1].lines[0].get_ydata(), [0.6, 0.12, 2.0])
        assert {"0", "1e-4", "diverged"} == set(self.labels(figure))
        assert DECAY in ax.get_title(loc="left")
        assert [t.get_text() for t in ax.get_xticklabels()] == ["0.001", "0.01", "0.1"]

    @pytest.mark.parametrize("values", [["sgd", "adam"], [0.0, 1.0, 2.0], [0.5]])
    def test_one_axis_of_any_kind(self, values):
        space = [{"optimizer.b1": v} for v in values]
        table = sweep_figures.lay_out({"optimizer.b1": values}, space, np.ones(len(values)))
        (ax,) = sweep_figures.sweep_curves(table, np.ones(len(values)), np.full(len(values), np.nan), 0, [0]).axes
        assert ax.get_xscale() == "linear"
        assert [t.get_text() for t in ax.get_xticklabels()] == [short(v) for v in values]
        assert table.row_path == ""

    def test_everything_diverged(self):
        axes, space, mean, _ = self.table()
        lost = np.full_like(mean, np.inf)
        table = sweep_figures.lay_out(axes, space, lost)
        curves = sweep_figures.sweep_curves(table, lost, lost, None, [])
        drawn = sweep_figures.sweep_map(table, lost, None, [])
        histories = sweep_figures.sweep_histories(table, np.full((6, 2, 4), np.nan), None)
        for figure in (curves, drawn, histories):
            figure.savefig(io.BytesIO(), format="png", dpi=30)
        assert "diverged" in self.labels(curves)
        assert [len(c.lines[0].get_ydata()) for c in curves.axes[0].containers] == [0, 0]
        assert self.labels(drawn) == ["diverged"] * 6
        assert not drawn.axes[0].patches
        assert self.labels(histories) == []
        assert not any(np.isfinite(line.get_ydata()).any() for line in histories.axes[0].lines)

    def test_the_map(self):
        _, _, mean, table = self.table()
        figure = sweep_figures.sweep_map(table, mean, 4, [4, 5])
        assert self.labels(figure) == ["0.500", "0.100 •", "diverged", "0.600", "0.120 •", "2.00"]
        (frame,) = figure.axes[0].patches
        assert frame.get_xy() == pytest.approx((0.53, -0.47))

    def test_histories(self):
        _, _, _, table = self.table()
        (ax,) = sweep_figures.sweep_histories(table, np.ones((6, 2, 5)), 4).axes
        assert len(ax.lines) == 7
        assert ax.lines[-1].get_label() == "best"

    def test_a_curve_that_blows_up_leaves_the_picture(self):
        _, _, _, table = self.table()
        losses = np.tile(np.geomspace(2, 0.1, 5), (6, 2, 1))
        losses[0, :, 2:] = 1e9
        (ax,) = sweep_figures.sweep_histories(table, losses, 4).axes
        assert ax.get_yscale() == "log"
        bottom, top = ax.get_ylim()
        assert 0.05 < bottom < 0.1
        assert 20 < top < 30

    def test_what_is_zero_to_rounding_leaves_the_picture(self):
        figure = figures.overfit_curves({1: np.geomspace(1, 1e-19, 50)})
        assert 5e-7 < figure.axes[0].get_ylim()[0] < 1e-6
        (ax,) = figures.overfit_curves({1: np.geomspace(1, 1e-3, 50)}).axes
        assert ax.get_ylim()[0] > 1e-4

    def test_confusion(self):
        counts = np.array([[5, 1], [0, 4]])
        figure = prediction_figures.confusion_matrix(counts, ["ham", "spam"])
        assert self.labels(figure) == ["5", "1", "·", "4"]
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
        assert [t.get_text() for t in ax.get_yticklabels()] == ["ham", "spam"]
        assert self.labels(prediction_figures.confusion_matrix(np.eye(50, dtype=int), ["x"] * 50)) == []

    @pytest.mark.parametrize(("shape", "n"), [((4, 4, 1), 1), ((4, 4), 7), ((4, 4, 3), 32)])
    def test_wrong_images(self, shape, n):
        x = np.random.default_rng(0).normal(size=(n, math.prod(shape)))
        figure = prediction_figures.wrong_predictions(x, ["a"] * n, ["b"] * n, np.full(n, 0.75), shape)
        shown = [ax for ax in figure.axes if ax.images]
        assert len(shown) == n
        assert shown[0].get_title() == "b  75 %"
        assert self.labels(figure) == ["is a"] * n

    @pytest.mark.parametrize("heights", [[0.0, 0.0, 0.0], [0.1, 0.5, 0.9], [0.2, 0.21, 0.6], []])
    def test_labels_keep_apart_and_move_as_little_as_needed(self, heights):
        moved = apart(np.array(heights), 0.1) if heights else np.zeros(0)
        assert (np.diff(moved) >= 0.1 - 1e-12).all()
        np.testing.assert_allclose(np.sum(moved), np.sum(heights), atol=1e-12)
        far = np.diff(heights) >= 0.1
        if len(far) and far.all():
            np.testing.assert_allclose(moved, heights)
