"""The surest mistakes of every class, beside loops and counts of scikit-learn."""

import jax
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from dlcore import Setup, data, fit, losses, sequential
from dlcore.activations import softmax
from dlcore.diagnosis import surest_mistakes
from dlcore.layers import Conv
from dlcore.optimizers import Adam


def drawn(*shape, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, shape), rng.integers(0, classes, shape), rng.random(shape)


def test_rows_are_those_of_a_loop_over_labels():
    prediction, y, sure = drawn(60)
    found = surest_mistakes(prediction, y, sure, most=3)
    counts = confusion_matrix(y, prediction)
    assert [one.label for one in found] == [0, 1, 2, 3]
    for c, one in enumerate(found):
        wrong = sorted((i for i in range(60) if y[i] == c != prediction[i]), key=lambda i: -sure[i])
        assert one.examples.tolist() == wrong[:3]
        assert (one.n, one.wrong) == (counts[c].sum(), counts[c].sum() - counts[c, c])


def test_maps_by_what_is_wrong_of_the_class_in_them():
    prediction, y, sure = drawn(9, 3, 2)
    for one in surest_mistakes(prediction, y, sure, most=9):
        level = {}
        for i in range(9):
            places = [(a, b) for a in range(3) for b in range(2) if y[i, a, b] == one.label]
            missed = [p for p in places if prediction[(i, *p)] != one.label]
            if missed:
                level[i] = sum(sure[(i, *p)] for p in missed) / len(places)
        assert one.examples.tolist() == sorted(level, key=lambda i: -level[i])
        assert one.n == sum((y[i] == one.label).any() for i in range(9))


def test_of_many_classes_those_with_the_most_mistakes():
    y = np.repeat(np.arange(5), [4, 6, 5, 7, 3])
    prediction = y.copy()
    prediction[[0, 4, 5, 6, 10, 11, 22]] = 4  # one of class 0, three of 1, two of 2; the last is right
    assert [(one.label, one.wrong) for one in surest_mistakes(prediction, y, classes=2)] == [(1, 3), (2, 2)]
    assert [one.label for one in surest_mistakes(prediction, y)] == [0, 1, 2]
    assert surest_mistakes(y, y) == ()


def test_without_probabilities_the_order_of_the_data():
    (one,) = surest_mistakes([1, 1, 0, 1], [0, 0, 0, 0])
    assert one.examples.tolist() == [0, 1, 3]
    (one,) = surest_mistakes([-1, 1, 0, 1], [0, 0, 0, 0], [np.nan, 0.6, 0.9, 0.7])
    assert one.examples.tolist() == [3, 1, 0]


@pytest.mark.parametrize("arrays", [([0, 1], [0]), (0, 1), ([0, 1], [1, 0], [0.5])])
def test_other_shapes_are_refused_in_a_line(arrays):
    with pytest.raises(ValueError, match="needed predictions, labels and probabilities of one shape, got"):
        surest_mistakes(*arrays)


def test_maps_that_a_network_says_of_images():
    """The middle of a square is told from its border by no 1 x 1 window: all of one of the two is wrong."""
    y = np.zeros((40, 6, 6), np.int32)
    places = np.random.default_rng(0).integers(0, 4, (40, 2))
    for label, (top, left) in zip(y, places, strict=True):
        label[top : top + 3, left : left + 3] = 1
        label[top + 1, left + 1] = 2
    x = (y > 0)[..., None].astype(np.float32)
    setup = Setup(sequential(Conv(3, 1)), losses.pixelwise_cross_entropy, Adam(0.1), epochs=40, batch_size=20)
    run = fit(setup, data.Split(*[data.Examples(x, y)] * 2), jax.random.key(0), progress=False)
    p = np.asarray(softmax(run.predict(x)))
    (found,) = surest_mistakes(p.argmax(-1), y, p.max(-1))
    assert (found.label, found.n, found.wrong) == (2, 40, 40)
    np.testing.assert_allclose(p[x[..., 0] == 1].mean(0), [0, 8 / 9, 1 / 9], atol=0.05)
