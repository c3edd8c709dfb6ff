"""Before the trainings: how long an iteration takes, and where its time goes."""

from dlcore.diagnosis import judge_timing, time_a_step
from dlcore.recipe.task import Task
from dlcore.runs import TimingRecord
from dlcore.training import Setup


def measure(setup: Setup, task: Task) -> TimingRecord:
    """The time of an iteration of ``setup`` on this machine."""
    timing = time_a_step(setup, task.split, task.key)
    return TimingRecord(timing, tuple(judge_timing(timing)))
