"""How often are verdicts right? Trainings with planted faults, and healthy ones, judged by ``dlcore.diagnosis``.

    python -m experiments.verdicts [--quick] [--part data courses healthy models] [--only TEXT] [--tasks NAME ...]
                                   [--sets N] [--aside] [--out FOLDER]

Every kind is trained on three data sets or more, on four splits of each and from five seeds and learning rates, as rows
of one program. The thresholds of the rules were chosen on the splits 0 and 1 of every data set; 2 and 3 were set aside,
and the tables are of these. Right is a training whose first verdict is one that its fault deserves; a healthy one is
accused by any verdict that is not good.
"""

import collections
import concurrent.futures
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.stats import binomtest

from dlcore import figures, losses
from dlcore.diagnosis import Curves, Verdict, look_at, probe, verdicts_of
from dlcore.training import arrays, as_arrays
from dlcore.tuning import train_ensemble
from experiments.common import arguments, save, table
from experiments.faults import COURSES, DATA, HEALTHY, MODELS
from experiments.peers import PEERS, Seen, ending
from experiments.planted import TASK, Planted, Task, healthy

SPLITS, ASIDE, MEMBERS = (0, 1, 2, 3), (2, 3), 5
SPREAD = 2.0  # factor by which learning rates vary about the good one
STILL = 1e-6  # of the norm of parameters that were made again by another program: rounding
WELL = "(none)"
PARTS = {"data": DATA, "courses": COURSES, "healthy": HEALTHY, "models": MODELS}


class Judged(NamedTuple):
    """A training and the kinds of the verdicts that accuse it, the first to be mended first."""

    fault: Planted
    task: str
    split: int
    kinds: tuple[str, ...]
    peers: dict[str, tuple[str, ...]]

    @property
    def first(self) -> str:
        """The kind of the first verdict."""
        return self.kinds[0] if self.kinds else WELL

    @property
    def right(self) -> bool:
        """Whether that is what the fault deserves."""
        return self.first in (self.fault.kinds or (WELL,))


def trained(fault: Planted, task: Task, split: int) -> tuple[Any, Any]:
    """The run of all members, and its data."""
    setup, data = fault.setup(healthy(task), task), fault.data(task, split)
    factors = SPREAD ** np.random.default_rng(split).uniform(-1, 1, MEMBERS)
    rate = getattr(setup.optimizer, "learning_rate", None)  # a schedule, or a rule within a rule, stays as it is
    space = [{"optimizer.learning_rate": rate * f} if isinstance(rate, float) else {} for f in factors]
    return train_ensemble(setup, data, jax.random.key(split), MEMBERS, space), data


def accusing(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """The kinds of those that are not good."""
    return tuple(verdict.kind for verdict in verdicts if verdict.severity != "good")


def judged(fault: Planted, task: Task, splits: Sequence[int]) -> list[Judged]:
    """The verdicts on all members, split by split."""
    found = []
    for split in splits:
        run, data = trained(fault, task, split)
        measured, looked = jax.device_get(probe(run, data)).members, look_at(data, run.setup.batch_size)
        ends = jax.device_get(_ends(run, data))
        history, first = jax.device_get((run.history, run.state.first_nonfinite))
        for i in range(MEMBERS):
            one, end = (jax.tree.map(lambda a, i=i: a[i], all_of) for all_of in (history, ends))
            verdicts = verdicts_of([measured[i]], Curves.of(one, int(first[i])), looked)
            seen = seen_of(run.setup, one, measured[i], end, finite=int(first[i]) < 0)
            others = {name: rule(seen) for name, rule in PEERS.items()}
            found.append(Judged(fault, task.name, split, accusing(verdicts), others))
    return found


def _ends(run: Any, data: Any) -> Any:
    """How the training of every member ended."""
    x, y = arrays(data).train[:2]
    members = jax.vmap(ending, (0, 0, 0, None, None))
    return members(as_arrays(run.setup), run.state.learner, run.state.key, x, y)


def seen_of(setup: Any, history: Any, measured: Any, end: Any, finite: bool) -> Seen:
    """What the rules of others look at, of one training."""
    nothing = np.full(len(history.train_loss), np.nan)
    of_logits = setup.loss in (losses.softmax_cross_entropy, losses.sigmoid_binary_cross_entropy)
    return Seen(
        loss=history.train_loss,
        running_loss=history.running_loss,
        validation_loss=history.validation_loss,
        accuracy=history.train_metrics.get("accuracy", nothing),
        validation_accuracy=history.validation_metrics.get("accuracy", nothing),
        update_ratio=history.update_ratio,
        end=end,
        kinds=measured.kinds,
        unmoved=np.asarray(measured.weighted) & (measured.moved <= STILL * measured.layers.params[-1]),
        top="softmax" if of_logits else measured.kinds[-1],
        targets=(float(measured.needs[0]), float(measured.needs[1])),
        outputs=(float(measured.train.low), float(measured.train.high)),
        dead=np.nan_to_num(np.asarray(measured.layers.dead)[-1]),
        finite=finite,
    )


def share(right: int, n: int) -> str:
    """Of n, with the interval of Wilson for 95 %."""
    if not n:
        return "-"
    low, high = binomtest(right, n).proportion_ci(method="wilson")
    return f"{right / n:6.1%} ({low:.0%} to {high:.0%})"


def by_fault(found: Sequence[Judged]) -> str:
    """What became of every fault: how often it got what it deserves, first or at all, and what it got instead."""
    rows = []
    for fault in dict.fromkeys(one.fault.name for one in found):
        some = [one for one in found if one.fault.name == fault]
        wrong = collections.Counter(one.first for one in some if not one.right)
        named = sum(bool({*one.kinds} & {*one.fault.kinds}) for one in some)
        rows.append(
            {
                "planted": fault,
                "sets": len({one.task for one in some}),
                "runs": len(some),
                "right": share(sum(one.right for one in some), len(some)),
                "named": f"{named / len(some):.0%}" if some[0].fault.kinds else "",
                "instead": ", ".join(f"{kind} {n}" for kind, n in wrong.most_common(3)) or "-",
            }
        )
    return table(rows)


def by_peers(found: Sequence[Judged]) -> str:
    """How often others raise an alarm at each fault, whatever it says, and which they raise most."""
    rows = []
    for fault in dict.fromkeys(one.fault.name for one in found):
        some = [one for one in found if one.fault.name == fault]
        row = {"planted": fault, "runs": len(some), "dlcore, right": f"{np.mean([one.right for one in some]):.0%}"}
        for name in PEERS:
            alarms = collections.Counter(alarm for one in some for alarm in one.peers[name])
            raised = np.mean([bool(one.peers[name]) for one in some])
            row |= {name: f"{raised:.0%}", f"most, of {name}": ", ".join(a for a, _ in alarms.most_common(2)) or "-"}
        rows.append(row)
    return table(rows)


def by_rule(found: Sequence[Judged]) -> str:
    """Precision and recall of every kind of verdict, where it came first."""
    rows = []
    for kind in sorted({kind for one in found for kind in (*one.fault.kinds[:1], one.first)} - {WELL}):
        said = [one for one in found if one.first == kind]
        deserved = [one for one in found if one.fault.kinds[:1] == (kind,)]
        rows.append(
            {
                "verdict": kind,
                "said": len(said),
                "precision": share(sum(one.right for one in said), len(said)),
                "deserved": len(deserved),
                "recall": share(sum(one.right for one in deserved), len(deserved)),
            }
        )
    return table(rows)


def overall(found: Sequence[Judged], which: str) -> str:
    """How many faults got what they deserve, and how many healthy trainings are accused."""
    ill, well = ([one for one in found if bool(one.fault.kinds) == yes] for yes in (True, False))
    right = share(sum(one.right for one in ill), len(ill))
    accused = share(sum(not one.right for one in well), len(well))
    return f"{which}: {len(ill)} trainings with a fault, right {right}; {len(well)} healthy ones, accused {accused}"


def confusion(found: Sequence[Judged]) -> tuple[np.ndarray, list[str]]:
    """Counts [deserved, said first], and the kinds; what may be called by several names is counted by what it got."""
    kinds = sorted({kind for one in found for kind in (*one.fault.kinds[:1], one.first)} - {WELL}) + [WELL]
    counts = np.zeros((len(kinds), len(kinds)), int)
    for one in found:
        deserved = one.first if one.right else (one.fault.kinds or (WELL,))[0]
        counts[kinds.index(deserved), kinds.index(one.first)] += 1
    return counts, kinds


class Tally(NamedTuple):
    """Of a fault, or of a healthy setup: how many of n trainings were right."""

    name: str
    right: int
    n: int
    healthy: bool


def tallies(found: Sequence[Judged]) -> list[Tally]:
    """One for each planted fault, then for each healthy setup."""
    named: dict[str, list[Judged]] = {}
    for one in found:
        named.setdefault(one.fault.name, []).append(one)
    each = [Tally(name, sum(o.right for o in some), len(some), not some[0].fault.kinds) for name, some in named.items()]
    return sorted(each, key=lambda tally: tally.healthy)


def figure_of(each: Sequence[Tally]) -> Any:
    """The share of right first verdicts with its interval, a row for each."""
    figure, (ax,) = figures.canvas(height=0.17 * len(each) + 0.8, width=6.4)
    for i, one in enumerate(each):
        share, (low, high) = one.right / one.n, binomtest(one.right, one.n).proportion_ci(method="wilson")
        color = "#009e73" if one.healthy else "#0072b2"
        ax.errorbar(share, i, xerr=[[share - low], [high - share]], fmt="o", markersize=3.5, color=color, capsize=2)
    ax.set_yticks(range(len(each)), [one.name for one in each], fontsize=7.5)
    ax.set_ylim(len(each) - 0.4, -0.6)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.grid(axis="x", color="#e3e6ea", linewidth=0.8)
    figures.name_axes(ax, "first verdict right (green: healthy, not accused)", "")
    return figure


def some_of(tasks: Sequence[str], most: int) -> list[str]:
    """At most so many of the tasks, the first and the last among them."""
    places = np.linspace(0, len(tasks) - 1, min(most, len(tasks))).round().astype(int)
    return [tasks[int(i)] for i in places]


def everything(given: Any) -> list[Judged]:
    """All trainings that are asked for, two programs at a time, since it is the compiler that takes the time."""
    chosen = (*DATA, HEALTHY[0]) if given.quick else tuple(fault for part in given.part for fault in PARTS[part])
    splits = SPLITS[1:3] if given.quick else ASIDE if given.aside else SPLITS
    found = []
    for name, task in TASK.items():
        work = [fault for fault in chosen if name in some_of(fault.tasks, given.sets) and given.only in fault.name]
        if name not in (("iris",) if given.quick else given.tasks):
            continue
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done, some in enumerate(pool.map(lambda fault, task=task: judged(fault, task, splits), work), 1):
                found += some
                print(f"\r{name}: {done} of {len(work)}  ", end="", file=sys.stderr, flush=True)
        jax.clear_caches()  # the programs of all data sets together are more than a process may map
    print(file=sys.stderr)
    return found


def main():
    given = arguments(
        __doc__,
        out=None,
        quick="faults in data alone, on iris, two splits",
        part={"nargs": "+", "choices": list(PARTS), "default": list(PARTS), "help": "default: all"},
        tasks={"nargs": "+", "choices": list(TASK), "default": list(TASK), "help": "data sets; default: all"},
        sets={"type": int, "default": len(TASK), "help": "data sets for each fault, at most; default: all"},
        aside={"action": "store_true", "help": "only the splits that were set aside"},
        only={"default": "", "help": "the faults whose name contains this"},
    )
    jax.config.update("jax_disable_most_optimizations", True)  # hundreds of programs, each for a second of work
    found = everything(given)
    aside = [one for one in found if one.split in ASIDE]
    print(overall([one for one in found if one.split not in ASIDE], "splits 0 and 1, by which thresholds were chosen"))
    print(overall(aside, "splits 2 and 3, set aside"))
    for name in PEERS:
        ill, well = ([bool(o.peers[name]) for o in aside if bool(o.fault.kinds) == yes] for yes in (True, False))
        raised = share(sum(ill), len(ill)), share(sum(well), len(well))
        print(f"{name}, set aside: an alarm at {raised[0]} of those with a fault, at {raised[1]} of the healthy")
    print(f"\nset aside, others:\n{by_peers(aside)}")
    print(f"\nset aside, by fault:\n{by_fault(aside)}\n\nset aside, by verdict:\n{by_rule(aside)}")
    if given.out:
        counts, kinds = confusion(aside)
        save(given.out, "verdicts", figure_of(tallies(aside)), counts=counts, kinds=np.array(kinds))


if __name__ == "__main__":
    main()
