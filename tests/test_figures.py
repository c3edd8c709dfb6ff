"""What stands in the figures, and numbers as text."""

import io
import math

import numpy as np
import pytest

from dlcore import figures
from dlcore.console.numbers import MISSING, fixed, percent, short, when, with_error
from dlcore.data import Summary
from dlcore.figures.style import End, canvas, label_ends
from dlcore.training import History
from dlcore.tuning import Rows, Study

RATE, DECAY = "optimizer.learning_rate", "penalty.strength"
SHAPES = [((4, 4, 1), 1), ((4, 4), 7), ((4, 4, 3), 32), ((4, 4, 2), 3), ((4, 4, 4), 3)]


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


def history(running, train=None, validation=None, metrics=None, steps=None):
    """A history of the curves that a figure looks at."""
    train = running if train is None else train
    pair = metrics or ({}, {})
    rest = steps or (running, running, running)
    return History(running, train, running if validation is None else validation, *pair, running, *rest)


def study(space, mean, error=0.0, curves=None):
    """Three seeds of every configuration with this mean and standard error; a mean of inf is a diverged seed."""
    spread = error * np.sqrt(3) * np.array([-1.0, 0.0, 1.0])
    loss = np.asarray(mean, float)[:, None] + spread
    lost = np.where(np.isfinite(loss), -1, 3)
    curves = np.repeat(loss[..., None], 5, -1) if curves is None else curves
    return Study(None, tuple(space), Rows(history(curves), loss, np.zeros(loss.shape, int), lost), ())


class TestFigures:
    def labels(self, figure):
        return [text.get_text() for ax in figure.axes for text in ax.texts]

    def test_loss_curves(self):
        falling = np.geomspace(1, 1e-2, 10)
        figure = figures.loss_curves(history(falling, falling / 2, falling * 2), best_epoch=7)
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")
        assert len(ax.lines) == 4
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), np.arange(1, 11))
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), falling / 2)
        assert ax.lines[3].get_xdata() == [7, 7]
        assert {"running", "training", "validation", "best: epoch 7"} == set(self.labels(figure))

    def test_compared_curves_have_their_names_at_their_ends(self):
        first, second = history(np.linspace(1, 0.5, 5)), history(np.linspace(0.9, 0.2, 9), np.linspace(0.8, 0.1, 9))
        (ax,) = figures.compared_curves({"one": first, "other": second}).axes
        assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--", "--"]
        np.testing.assert_array_equal(ax.lines[3].get_ydata(), second.train_loss)
        low, high = ax.get_ylim()
        heights = {text.get_text(): low + (high - low) * text.xy[1] for text in ax.texts}
        assert heights == {"one": pytest.approx(0.5), "other": pytest.approx(0.2)}

    def test_a_notebook_shows_it(self):
        picture = figures.loss_curves(history(np.ones(3)))._repr_png_()
        assert picture.startswith(b"\x89PNG")

    def test_a_narrow_range_stays_linear_and_nan_is_left_out(self):
        (ax,) = figures.loss_curves(history(np.array([1.0, 0.9, np.nan, np.nan]))).axes
        assert ax.get_yscale() == "linear"
        (ax,) = figures.loss_curves(history(np.full(3, np.nan))).axes
        assert len(ax.lines) == 3

    def test_one_epoch_is_a_point(self):
        (ax,) = figures.loss_curves(history(np.array([0.5]))).axes
        assert {line.get_marker() for line in ax.lines} == {"o"}
        assert ax.get_xlim() == (0.5, 1.5)

    def test_metrics_and_steps(self):
        def of(name, train, validation):
            return history(np.ones(len(train)), metrics=({name: np.array(train)}, {name: np.array(validation)}))

        figure = figures.metric_curves(of("accuracy", [0.5, 0.9], [0.4, 0.8]))
        (ax,) = figure.axes
        assert ax.get_ylabel() == "accuracy"
        assert ax.yaxis.get_major_formatter()(0.9) == "90 %"
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), [0.4, 0.8])
        (ax,) = figures.metric_curves(of("R2", [0.5], [0.4]), "R2").axes
        assert ax.get_ylabel() == "R2"
        steps = (np.full(5, 0.1), np.geomspace(1, 1e-3, 5), np.zeros(5))
        axes = figures.step_curves(history(np.ones(5), steps=steps)).axes
        assert [ax.get_ylabel().replace("\n", " ") for ax in axes] == [
            "learning rate", "gradient norm", "update / parameters",
        ]  # fmt: skip
        assert [ax.get_xlabel() for ax in axes] == ["", "", "epoch"]

    def test_a_curve_that_starts_below_the_picture_is_marked(self):
        late = {"accuracy": np.concatenate([[0.1], np.full(60, 0.99)])}
        figure = figures.metric_curves(history(np.ones(61), metrics=(late, late)))
        assert any("below" in text for text in self.labels(figure))

    def test_the_ladder(self):
        figure = figures.ladder({4: np.ones(3), 1: np.geomspace(1, 1e-3, 3)}, {1: np.ones(3), 4: np.ones(3)})
        assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
        assert [len(ax.lines) for ax in figure.axes] == [2, 2]
        assert self.labels(figure).count("4 examples") == 2
        assert len(figures.ladder({1: np.ones(3)}).axes) == 1

    def study(self, error=0.0, mean=(np.inf, 2.0, 0.5, 0.6, 0.1, 0.12), curves=None):
        axes = {DECAY: [0.0, 1e-4], RATE: [1e-1, 1e-3, 1e-2]}
        space = [{RATE: r, DECAY: d} for r in axes[RATE] for d in axes[DECAY]]
        return study(space, mean, error, curves)

    def test_laying_out(self):
        table = figures.lay_out(self.study())
        assert (table.column_path, table.columns) == (RATE, [1e-3, 1e-2, 1e-1])
        assert (table.row_path, table.rows) == (DECAY, [0.0, 1e-4])
        assert table.cells.tolist() == [[2, 4, 0], [3, 5, 1]]

    def test_a_third_axis_shows_its_best(self):
        axes = {RATE: [0.1, 0.2], "a": [1, 2], "b": ["x", "y"]}
        space = [{RATE: r, "a": a, "b": b} for r in axes[RATE] for a in axes["a"] for b in axes["b"]]
        table = figures.lay_out(study(space, [3.0, 2, 1, 4, 5, 6, 8, 7]))
        assert table.cells.tolist() == [[1, 4], [2, 7]]

    def test_an_axis_of_one_value_is_none(self):
        table = figures.lay_out(study([{RATE: 0.1, "b": b} for b in ("x", "y")], [1.0, 2.0]))
        assert (table.column_path, table.row_path) == ("b", "")

    def test_the_sweep(self):
        figure = figures.sweep_curves(self.study(error=0.03))
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == (RATE, "validation loss")
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert len(ax.containers) == 2
        assert [len(c.lines[0].get_ydata()) for c in ax.containers] == [2, 3]
        np.testing.assert_allclose(ax.containers[1].lines[0].get_ydata(), [0.6, 0.12, 2.0])
        assert {"0", "1e-4", "diverged"} == set(self.labels(figure))
        assert DECAY in ax.get_title(loc="left")
        assert [t.get_text() for t in ax.get_xticklabels()] == ["0.001", "0.01", "0.1"]

    @pytest.mark.parametrize("values", [["sgd", "adam"], [0.0, 1.0, 2.0], [0.5]])
    def test_one_axis_of_any_kind(self, values):
        (ax,) = figures.sweep_curves(study([{"optimizer.b1": v} for v in values], np.ones(len(values)))).axes
        assert ax.get_xscale() == "linear"
        assert [t.get_text() for t in ax.get_xticklabels()] == [short(v) for v in values]

    def test_everything_diverged(self):
        lost = self.study(mean=[np.inf] * 6, curves=np.full((6, 3, 4), np.nan))
        curves, drawn, histories = (f(lost) for f in (figures.sweep_curves, figures.sweep_map, figures.sweep_histories))
        for figure in (curves, drawn, histories):
            figure.savefig(io.BytesIO(), format="png", dpi=30)
        assert "diverged" in self.labels(curves)
        assert [len(c.lines[0].get_ydata()) for c in curves.axes[0].containers] == [0, 0]
        assert self.labels(drawn) == ["diverged"] * 6
        assert not drawn.axes[0].patches
        assert self.labels(histories) == []
        assert not any(np.isfinite(line.get_ydata()).any() for line in histories.axes[0].lines)

    def test_the_map(self):
        figure = figures.sweep_map(self.study(error=0.03))
        assert self.labels(figure) == ["0.500", "0.100 •", "diverged", "0.600", "0.120 •", "2.00"]
        (frame,) = figure.axes[0].patches
        assert frame.get_xy() == pytest.approx((0.53, -0.47))

    def test_histories(self):
        (ax,) = figures.sweep_histories(self.study()).axes
        assert len(ax.lines) == 7
        assert ax.lines[-1].get_label() == "best"

    def test_a_curve_that_blows_up_leaves_the_picture_with_a_mark(self):
        losses = np.tile(np.geomspace(2, 0.1, 5), (6, 3, 1))
        losses[0, :, 2:] = 1e9
        figure = figures.sweep_histories(self.study(curves=losses))
        (ax,) = figure.axes
        assert ax.get_yscale() == "log"
        bottom, top = ax.get_ylim()
        assert 0.05 < bottom < 0.1
        assert 20 < top < 30
        assert any("above" in text for text in self.labels(figure))

    def test_what_is_zero_to_rounding_leaves_the_picture(self):
        figure = figures.ladder({1: np.geomspace(1, 1e-19, 50)})
        assert 5e-7 < figure.axes[0].get_ylim()[0] < 1e-6
        assert any("below" in text for text in self.labels(figure))
        (ax,) = figures.ladder({1: np.geomspace(1, 1e-3, 50)}).axes
        assert ax.get_ylim()[0] > 1e-4

    def test_confusion(self):
        counts = np.array([[5, 1], [0, 4]])
        figure = figures.confusion(counts, ["ham", "spam"])
        assert self.labels(figure) == ["5", "1", "·", "4"]
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
        assert [t.get_text() for t in ax.get_yticklabels()] == ["ham", "spam"]
        assert self.labels(figures.confusion(np.eye(50, dtype=int), ["x"] * 50)) == []

    @pytest.mark.parametrize("classes", [["$", "$$"], ["$5_$", "more"], ["$10 - $20", "$20 - $30"]])
    def test_names_of_classes_are_no_mathematics(self, classes):
        counts, x, share = np.array([[3, 1], [2, 4]]), np.ones((2, 4)), np.full(2, 0.75)
        drawn = (
            figures.confusion(counts, classes),
            figures.class_balance(counts.sum(1), classes),
            figures.wrong_predictions(x, classes, classes[::-1], share, (2, 2)),
            figures.sweep_curves(study([{"a": name} for name in classes], [1.0, 2.0])),
            figures.sweep_map(study([{"a": n, "b": k} for n in classes for k in (1, 2)], [1.0, 2, 3, 4])),
        )
        for figure in drawn:
            figure.savefig(io.BytesIO(), format="png", dpi=30)
            axes = figure.axes
            texts = [t for ax in axes for t in (*ax.texts, ax.title, *ax.get_xticklabels(), *ax.get_yticklabels())]
            named = [text for text in texts if "$" in text.get_text()]
            assert named
            assert not any(text.get_parse_math() for text in named)

    @pytest.mark.parametrize(
        ("shape", "n"), [((4, 4, 1), 1), ((4, 4), 7), ((4, 4, 3), 32), ((4, 4, 2), 3), ((4, 4, 4), 3)]
    )
    def test_wrong_images(self, shape, n):
        x = np.random.default_rng(0).normal(size=(n, math.prod(shape)))
        figure = figures.wrong_predictions(x, ["a"] * n, ["b"] * n, np.full(n, 0.75), shape)
        figure.savefig(io.BytesIO(), format="png", dpi=30)
        shown = [ax for ax in figure.axes if ax.images]
        assert len(shown) == n
        assert shown[0].get_title() == "b  75 %"
        assert self.labels(figure) == ["is a"] * n

    def test_images_and_distributions(self):
        figure = figures.image_grid(np.ones((2, 16)), ["$a$", "b"], (4, 4))
        assert self.labels(figure) == ["$a$", "b"]
        assert self.labels(figures.image_grid(np.ones((2, 16)), None, (4, 4))) == []
        number = Summary("size", 0, 20, 0.0, 1.0, 4.0, (), np.arange(20))
        words = Summary("$", 0, 2, math.nan, math.nan, math.nan, ("$a$", "b"), np.array([3, 1]))
        empty = Summary("none", 9, 0, math.nan, math.nan, math.nan, (), np.zeros(20, int))
        constant = number._replace(name="constant", high=0.0)
        figure = figures.distributions([number, words, empty, constant] * 4)
        figure.savefig(io.BytesIO(), format="png", dpi=30)
        assert len(figure.axes) == 12
        assert [ax.get_title(loc="left") for ax in figure.axes[:4]] == ["size", "$", "none", "constant"]
        assert [[p.get_height() for p in ax.patches] for ax in figure.axes[:3]] == [list(range(20)), [3, 1], []]
        assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["$a$", "b"]

    def test_predictions_and_balance(self):
        (ax,) = figures.predictions(np.array([[1.0], [3.0]]), np.array([[2.0], [0.0]]), "price").axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("true price", "predicted price")
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 2], [3, 0]])
        assert list(ax.lines[0].get_xdata()) == [0.0, 3.0]
        (ax,) = figures.class_balance(np.array([7, 2]), ["a", "b"]).axes
        assert [patch.get_width() for patch in ax.patches] == [7, 2]

    @pytest.mark.parametrize("n", [2, 9, 40])
    def test_labels_stay_beside_the_axes(self, n):
        _, (ax,) = canvas()
        label_ends(ax, [End(0.5, str(i), "k") for i in range(n)])
        heights = [text.xy[1] for text in ax.texts]
        assert min(heights) >= -0.05
        assert max(heights) <= 1.05

    @pytest.mark.parametrize("heights", [[0.0, 0.0, 0.0], [0.1, 0.5, 0.9], [0.2, 0.21, 0.6], []])
    def test_labels_keep_apart_and_move_as_little_as_needed(self, heights):
        moved = figures.apart(np.array(heights), 0.1) if heights else np.zeros(0)
        assert (np.diff(moved) >= 0.1 - 1e-12).all()
        np.testing.assert_allclose(np.sum(moved), np.sum(heights), atol=1e-12)
        far = np.diff(heights) >= 0.1
        if len(far) and far.all():
            np.testing.assert_allclose(moved, heights)
