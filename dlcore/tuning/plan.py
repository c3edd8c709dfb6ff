"""How a sweep is laid out: which rows run side by side in one call of the one compiled program."""

import itertools
from typing import NamedTuple


class Plan(NamedTuple):
    """Every device trains a tile of ``configs`` × ``seeds`` at once; ``calls`` calls cover all rows of the study.

    Tiles at the border of the table are filled up with rows that are already there, and those are dropped again.
    """

    configs: int
    seeds: int
    devices: int
    calls: int

    @property
    def width(self) -> int:
        """Trainings that run at once."""
        return self.configs * self.seeds * self.devices

    def __str__(self) -> str:
        tile = f"{self.configs} setup{'s' * (self.configs > 1)} x {self.seeds} seed{'s' * (self.seeds > 1)}"
        devices = "the device" if self.devices == 1 else f"each of {self.devices} devices"
        return f"{tile} at once on {devices}, {self.calls} call{'s' * (self.calls > 1)}"


WIDTH = {"cpu": 8, "gpu": 256, "tpu": 256}  # rows per device from which on wider was not faster, small networks
_CALL = 0.25  # what a call costs beyond its rows, in rows: decides between plans that are nearly equal


def plan_of(configs: int, seeds: int, devices: int, width: int) -> Plan:
    """The plan with the least waste for ``configs`` × ``seeds`` rows, at most ``width`` of them at once per device.

    At equal cost the one with most configurations in a tile: they share their batches.
    """

    def cost(tile):
        calls = _calls(configs, seeds, devices, *tile)
        return calls * (tile[0] * tile[1] + _CALL), -tile[0]

    width = max(1, width)
    tiles = [(c, s) for c, s in itertools.product(range(1, configs + 1), range(1, seeds + 1)) if c * s <= width]
    best = min(tiles, key=cost)
    return Plan(*best, devices, _calls(configs, seeds, devices, *best))


def _calls(configs, seeds, devices, c, s):
    return -(-(-(-configs // c) * -(-seeds // s)) // devices)
