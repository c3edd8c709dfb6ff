"""What stands in the figures that explain a training."""

import numpy as np

from dlcore import figures


def labels(figure):
    """All text in the axes."""
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_a_change_far_beyond_the_others_leaves_the_picture():
    near = figures.change_gains(["a", "b", "c"], [0.01, -0.02, 0.03], [0.005] * 3)
    assert labels(near) == []
    figure = figures.change_gains(["a", "b", "c", "d"], [0.01, -0.02, -0.5, np.nan], [0.005, 0.005, 0.1, np.nan])
    assert labels(figure) == ["← -0.5", " diverged"]
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.get_xlim(), (-4 * 0.03, 4 * 0.03))  # the middle one reaches 0.02 + 2 * 0.005


def test_layers_have_a_panel_each_with_both_times():
    counts = np.array([[[4, 0, 0], [0, 4, 0]], [[1, 2, 1], [0, 0, 0]]])
    figure = figures.layer_histograms(["one", "two"], [(-1, 2), (3, 3)], counts)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == ["one", "two"]
    first, _, last = (patch.get_data() for patch in shown[0].patches)
    np.testing.assert_allclose(first.values, [1, 0, 0])
    np.testing.assert_allclose(last.values, np.sqrt([0.25, 0.5, 0.25]))
    np.testing.assert_allclose(first.edges, [-1, 0, 1, 2])
    assert [text.get_text() for text in shown[1].get_xticklabels()] == ["2.5", "3.5"]
