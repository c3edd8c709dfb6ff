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


def test_a_class_has_a_row_of_its_mistakes():
    x = np.random.default_rng(0).random((5, 4))
    rows = {"one\n3 of 9": [4, 0, 2], "$two$": [1]}
    figure = figures.wrong_by_class(x, rows, list("abcde"), np.array([0.9, 0.6, np.nan, 0.5, 0.75]), (2, 2))
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == ["e  75 %", "a  90 %", "c", "b  60 %"]
    assert labels(figure) == list(rows)
    images = (x - x.min()) / (x.max() - x.min())
    np.testing.assert_allclose([ax.images[0].get_array() for ax in shown], images[[4, 0, 2, 1]].reshape(-1, 2, 2))


def test_names_that_are_long_have_room_and_fewer_pictures():
    figure = figures.wrong_by_class(np.ones((6, 4)), {"a": range(6)}, ["astonishing"] * 6, np.full(6, 0.5), (2, 2))
    assert len([ax for ax in figure.axes if ax.images]) == 4


def test_maps_of_labels_stand_side_by_side():
    truth = np.array([[[0, 1], [1, 2]]])
    predicted = np.array([[[0, 1], [2, -1]]])
    figure = figures.wrong_maps(
        np.ones((1, 2, 2, 1)), truth, predicted, ["sky", "tree", "road", "car"], (2, 2, 1), ["tree"]
    )
    _, said, is_, wrong = (ax.images[0].get_array() for ax in figure.axes)
    np.testing.assert_array_equal(wrong, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(said[0], is_[0])
    np.testing.assert_array_equal(said[1, 0], is_[1, 1])  # a class has the same color everywhere
    np.testing.assert_array_equal(said[1, 1], 1)  # what is no class is white
    assert len(np.unique(is_.reshape(-1, 4), axis=0)) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sky", "tree", "road"]
    assert labels(figure) == ["tree"]
