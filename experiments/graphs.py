"""The computational graphs of the lectures: numbers on every edge, forwards and backwards.

``python -m experiments.graphs`` prints them as tables; ``--out FOLDER`` adds a picture, DOT and Mermaid of each.
"""

import pathlib

import jax
import jax.numpy as jnp

from dlcore.graph import Graph, computational_graph, draw, to_dot, to_mermaid, to_text
from experiments.common import arguments

SEED = 0
WIDTHS = (2, 3, 1)
EXAMPLES = 4


def product_of_sum(x, y, z):
    return (x + y) * z


def neuron(w, x, b):
    return 1 / (1 + jnp.exp(-(w[0] * x[0] + w[1] * x[1] + b)))


def reuse(x, y):
    return x * x * jnp.sin(y) + y * x


def network(params, x, y):
    for layer in params[:-1]:
        x = jax.nn.relu(x @ layer["W"] + layer["b"])
    error = x @ params[-1]["W"] + params[-1]["b"] - y
    return jnp.mean(error**2)


def network_arguments():
    keys = jax.random.split(jax.random.key(SEED), len(WIDTHS) + 1)
    sizes = zip(keys, WIDTHS[:-1], WIDTHS[1:], strict=False)
    params = [{"W": jax.random.normal(k, (m, n)), "b": jnp.zeros(n)} for k, m, n in sizes]
    return params, jax.random.normal(keys[-2], (EXAMPLES, WIDTHS[0])), jax.random.normal(keys[-1], (EXAMPLES, 1))


def graphs() -> dict[str, Graph]:
    return {
        "product_of_sum": computational_graph(product_of_sum, 1.0, -3.0, 4.0),
        "neuron": computational_graph(neuron, (2.0, -3.0), (-1.0, -2.0), -3.0),
        "reuse": computational_graph(reuse, 3.0, 2.0),
        "network": computational_graph(network, *network_arguments()),
    }


def write(folder: pathlib.Path, name: str, graph: Graph) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw(graph, inputs_left=name != "network").savefig(folder / f"{name}.png")
    (folder / f"{name}.dot").write_text(to_dot(graph) + "\n", encoding="utf-8")
    (folder / f"{name}.mmd").write_text(to_mermaid(graph) + "\n", encoding="utf-8")


def main():
    folder = arguments(__doc__).out
    for name, graph in graphs().items():
        print(to_text(graph), end="\n\n")
        if folder:
            write(folder, name, graph)


if __name__ == "__main__":
    main()
