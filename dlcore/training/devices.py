"""Training over several devices: a mesh of them, what lies whole on each, and what this process has of it.

The mini-batch is where examples are spread (``data.batches``); the rest is XLA's partitioner.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dlcore.data.batches import BATCH
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import PyTree


def batch_mesh(devices: str | Sequence[Any] = "all") -> Mesh:
    """``devices``, "all" or some of ``jax.devices()``, as the mesh over which the examples of a batch are spread.

    ``with jax.set_mesh(batch_mesh()): jax.jit(train)(setup, data, key)`` is pure what ``fit(..., devices="all")``
    drives. Raises ValueError for no devices, one twice, or where a process has none of them.

    >>> import jax
    >>> from dlcore.training import batch_mesh
    >>> batch_mesh().size == len(jax.devices())
    True
    """
    given: Any = jax.devices() if isinstance(devices, str) and devices == "all" else devices
    some = isinstance(given, (Sequence, np.ndarray)) and all(isinstance(device, jax.Device) for device in given)
    if not some or not len(set(given)) == len(given) > 0:
        what = "'all', or devices of JAX, each once"
        raise ValueError(needed("devices", what, repr(devices), "devices='all', or jax.devices()[:4]"))
    if len({device.process_index for device in given}) < jax.process_count():
        what = f"a device of each of the {jax.process_count()} processes"
        raise ValueError(needed("devices", what, repr(devices), "devices='all'"))
    return Mesh(np.array(given), (BATCH,), axis_types=(AxisType.Auto,))


def all_processes() -> Mesh | None:
    """The mesh of all devices of several processes; None for one process."""
    return batch_mesh() if jax.process_count() > 1 else None


def on(mesh: Mesh | None) -> Any:
    """A context in which batches are spread over ``mesh``; None for one device."""
    return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)


def everywhere(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """``tree`` whole on every device of ``mesh``: what all processes that it spans have alike."""
    if mesh is None:
        return tree
    place = NamedSharding(mesh, PartitionSpec())

    def put(a):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(a)), impl=jax.random.key_impl(a))
        return jax.device_put(a if place.is_fully_addressable else np.asarray(a), place)

    return jax.tree.map(put, tree)


def dealt(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Mini-batches [k, B, ...] on their devices: of each its share, or whole where B cannot be shared evenly."""
    if mesh is None:
        return jax.device_put(tree)

    def put(a):
        even = a.ndim > 1 and a.shape[1] % mesh.size == 0
        return jax.device_put(a, NamedSharding(mesh, PartitionSpec(None, BATCH) if even else PartitionSpec()))

    return jax.tree.map(put, tree)


def here(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """What ``everywhere`` has put, on one device of this process: another view, no copy."""
    return tree if mesh is None else jax.tree.map(lambda a: a.addressable_data(0), tree)


def agreed(mesh: Mesh | None, count: int, asked: bool) -> tuple[int, bool]:
    """The smallest ``count`` of all processes that ``mesh`` spans, and whether one of them was ``asked``."""
    if mesh is None or not mesh.is_multi_process:
        return count, asked
    from jax.experimental.multihost_utils import process_allgather

    told = np.asarray(process_allgather(np.array([count, -int(asked)], np.int32)))
    return int(told[:, 0].min()), bool(told[:, 1].min() < 0)


def exchanged(mine: bytes) -> list[bytes]:
    """What each process says, in their order, when all of them say something."""
    from jax.experimental.multihost_utils import process_allgather

    sizes = np.ravel(process_allgather(np.array([len(mine)], np.int32)))
    said = np.zeros(sizes.max(), np.uint8)
    said[: len(mine)] = np.frombuffer(mine, np.uint8)
    told = np.asarray(process_allgather(said))
    return [one[:size].tobytes() for one, size in zip(told, sizes, strict=True)]
