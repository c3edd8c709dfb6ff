"""Which number stands where in the renderings of a graph, and what its operations are called."""

import jax
import jax.numpy as jnp
import pytest

from dlcore.graph import computational_graph, draw, to_dot, to_mermaid, to_text
from dlcore.graph.picture import DERIVATIVE, LEGEND, LOCAL, VALUE

# (x + y) z at x = 1, y = -3, z = 4: Niessner, "Introduction to Deep Learning" (TUM), computational graphs. By hand: the
# sum is -2, the product -8; its derivatives are 1 to itself, 4 to the sum and both its terms, -2 to z.
LECTURE = computational_graph(lambda x, y, z: (x + y) * z, 1.0, -3.0, 4.0)


def test_dot_and_mermaid_lead_from_operand_to_operation():
    """The value of the source, then what flows back, then the local derivative: 1, 4 and 1 from x to the sum."""
    dot, mermaid = to_dot(LECTURE).split("\n"), to_mermaid(LECTURE).split("\n")
    assert r'  n0 -> n3 [label="1\n∂ 4 (local 1)"];' in dot
    assert r'  n4 -> out [label="-8\n∂ 1"];' in dot
    assert '  n0 -->|"1<br/>∂ 4 (local 1)"| n3' in mermaid
    assert '  n4 -->|"-8<br/>∂ 1"| out' in mermaid


def test_numbers_have_four_digits():
    text = to_text(computational_graph(lambda x: x * 10.0, 1.234567))
    assert "1.235" in text
    assert "1.2346" not in text
    assert "12.35" in text


def test_a_picture_has_values_above_and_derivatives_below_the_lines():
    drawn = draw(LECTURE).axes[0].texts
    explained = dict(LEGEND)
    assert {t.get_text(): t.get_color() for t in drawn if t.get_text() in explained} == explained
    shown = [t for t in drawn if t.get_text() not in explained]
    found = {
        color: [t for t in shown if t.get_text() and t.get_color() == color] for color in (VALUE, DERIVATIVE, LOCAL)
    }
    texts = {color: sorted(t.get_text() for t in some) for color, some in found.items()}
    assert texts[VALUE] == ["-2", "-3", "-8", "1", "4"]
    assert texts[DERIVATIVE] == ["-2", "1", "4", "4", "4"]
    assert texts[LOCAL] == ["*-2", "*1", "*1", "*4"]
    heights = {t.get_position()[0]: t.get_position()[1] for t in found[VALUE] if t.get_text() == "-8"}
    (below,) = [t for t in found[DERIVATIVE] if t.get_text() == "1"]
    assert heights[below.get_position()[0]] > below.get_position()[1]


SIGNS = {
    "+": lambda x: x + 2 * x,
    "-": lambda x: x - 2 * x,
    "*": lambda x: x * jnp.sin(x),
    "/": lambda x: x / jnp.sin(x),
    "^": lambda x: x ** jnp.sin(x),
    "^3": lambda x: x**3,
    "√": jnp.sqrt,
    "1/√": jax.lax.rsqrt,
    "|·|": jnp.abs,
    "sigmoid": jax.lax.logistic,
    ">": lambda x: jnp.where(x > 1, x, -x),
    "≥": lambda x: jnp.where(x >= 1, x, -x),
    "<": lambda x: jnp.where(x < 1, x, -x),
    "≤": lambda x: jnp.where(x <= 1, x, -x),
    "=": lambda x: jnp.where(x == 1, x, -x),
    "≠": lambda x: jnp.where(x != 1, x, -x),
    "where": lambda x: jnp.where(x > 1, x, -x),
    "Σ": lambda x: jnp.sum(jnp.stack([x, 2 * x])),
    "Π": lambda x: jnp.prod(jnp.stack([x, 2 * x])),
    "max": lambda x: jnp.max(jnp.stack([x, 2 * x])),
    "min": lambda x: jnp.min(jnp.stack([x, 2 * x])),
    "@": lambda x: jnp.stack([x, x]) @ jnp.stack([x, x]),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_an_operation_has_the_sign_of_mathematics(sign):
    assert sign in {node.label for node in computational_graph(SIGNS[sign], 1.5).nodes}
