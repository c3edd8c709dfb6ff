"""How rows are laid out: which of them run side by side in one call of the one compiled program."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Plan(NamedTuple):
    """Every device trains a tile of ``configs`` × ``seeds`` at once; ``calls`` calls cover all rows of the program.

    A tile has ``seeds`` lists of at most ``configs`` setups, each of one seed (and fold). What is left free at the
    border is filled up with rows that are already there, and those are dropped again.
    """

    configs: int
    seeds: int
    devices: int
    calls: int

    @property
    def rows(self) -> int:
        """Trainings that run at once on a device."""
        return self.configs * self.seeds

    @property
    def width(self) -> int:
        """Trainings that run at once."""
        return self.rows * self.devices

    def of(self, counts: Iterable[int]) -> "Plan":
        """The same tiles for other rows, ``counts`` setups of each stream."""
        lists = sum(-(-count // self.configs) for count in counts)
        return self._replace(calls=-(-lists // (self.seeds * self.devices)))

    def or_before(self, before: "Plan", counts: Iterable[int]) -> "Plan":
        """This plan, or the tiles of ``before`` where they do the same for ``counts`` setups of each stream.

        Another tile is another program, and compiling one takes as long as many trainings.
        """
        lengths = list(counts)
        now, then = (plan.of(lengths).calls * plan.width for plan in (self, before))
        alike = before.devices == self.devices and 2 * before.width >= self.width
        return before if alike and then <= WASTE * now else self

    def __str__(self) -> str:
        tile = f"{self.configs} setup{'s' * (self.configs > 1)} x {self.seeds} seed{'s' * (self.seeds > 1)}"
        devices = "the device" if self.devices == 1 else f"each of {self.devices} devices"
        return f"{tile} at once on {devices}, {self.calls} call{'s' * (self.calls > 1)}"


WIDTH = {"cpu": 8, "gpu": 256, "tpu": 256}  # rows per device from which on wider was not faster, small networks
WASTE = 1.5  # times the places that a new program would take, which an old one may
_CALL = 0.25  # what a call costs beyond its rows, in rows: decides between plans that are nearly equal


def plan_of(counts: Iterable[int], devices: int, width: int) -> Plan:
    """The plan with the least waste for ``counts`` setups of each seed, at most ``width`` rows at once per device.

    At equal cost the one with most setups in a list: they share their batches. Devices that would have nothing to do
    stay free.
    """
    lengths = Counter(counts)

    def lists(c):
        return sum(times * -(-length // c) for length, times in lengths.items())

    def calls(c, s):
        return -(-lists(c) // (s * devices))

    def cost(tile):
        c, s = tile
        return calls(c, s) * (c * s + _CALL), -c

    width = max(1, width)
    tiles = ((c, s) for c in range(1, min(max(lengths), width) + 1) for s in range(1, min(lists(c), width // c) + 1))
    c, s = min(tiles, key=cost)
    return Plan(c, s, min(devices, -(-lists(c) // s)), calls(c, s))
