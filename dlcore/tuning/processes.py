"""A study by all processes of ``jax.distributed``: each trains its share of the calls and tells the others.

All ask for the same study, and all have the whole of it in the end, as one process with the devices of one of them has.
"""

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from dlcore.numerics.errors import needed
from dlcore.training.devices import exchanged
from dlcore.tuning.calls import Finished, Job, run
from dlcore.tuning.rows import Call, Group, open_calls


class Processes:
    """Those that run this very study on ``data``; ``trained`` gives the rows of jobs, in each in the same order.

    Raises ValueError where they ask for different ones, or have different numbers of ``devices``.
    """

    def __init__(self, groups: Sequence[Group], data: Any, devices: Sequence[Any]):
        self._data, self._devices = data, devices
        plans = [(str(group.plan), group.rows, group.epochs) for group in groups]
        if len(set(exchanged(repr(plans).encode()))) > 1:
            got = f"another in one of {jax.process_count()}: here {'; '.join(str(group.plan) for group in groups)}"
            raise ValueError(needed("sweep", "the same study, on equally many devices, in every process", got))

    def trained(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Finished]]:
        """The rows of ``jobs``, a call of each process at a time."""
        of = [(job, call) for job in jobs for call in open_calls(job.group, job.done)]
        for at in range(0, len(of), jax.process_count()):
            some = of[at : at + jax.process_count()]
            mine = some[jax.process_index() :][:1]
            for (job, _), parts in zip(some, _together(self._trained(*mine[0]) if mine else []), strict=False):
                for finished in parts:
                    yield job, finished

    def _trained(self, job: Job, call: Call) -> list[Finished] | BaseException:
        """The rows of one call, or why there are none: the others are waiting for an answer."""
        group = job.group.only(call.rows, job.group.epoch).like(job.group.plan)
        try:
            parts = run(job._replace(group=group), self._data, devices=self._devices, calls=[call])
            return [finished._replace(state=jax.device_get(finished.state)) for finished in parts]
        except (Exception, KeyboardInterrupt) as error:
            return error


def _together(mine: list[Finished] | BaseException) -> list[list[Finished]]:
    """What every process has trained; raises in all what one has raised."""
    failed = isinstance(mine, BaseException)
    words = f"{type(mine).__name__}: {mine}" if failed else ""
    told = [pickle.loads(one) for one in exchanged(pickle.dumps((words, [] if failed else mine)))]
    if failed:
        raise mine
    for i, (words, _) in enumerate(told):
        if words:
            raise KeyboardInterrupt if words.startswith("KeyboardInterrupt") else RuntimeError(f"process {i}: {words}")
    return [parts for _, parts in told]
