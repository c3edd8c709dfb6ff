"""Where the time of a training goes: data, forward, backward, update, and the looks between the epochs."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.data.batches import in_memory
from dlcore.diagnosis.verdicts import GOOD, WARNING, Evidence, Verdict, VerdictRule, following
from dlcore.numerics.formats import Array
from dlcore.training import Setup, arrays, as_arrays, evaluate, start
from dlcore.training.checks import check_key
from dlcore.training.learner import in_time, objective_of, step
from dlcore.training.watch import looked_at

BUDGET = 0.5  # seconds of an iteration, from which on "things get dicey"
_REPEATS, _MOST_STEPS = 5, 50


class Timing(NamedTuple):
    """Seconds of one iteration by its parts, of the ``evaluation`` behind an epoch, and of the ``compilation`` of the
    loop of steps. ``steps`` are those of an epoch, ``epochs`` those of the training.
    """

    data: float
    forward: float
    backward: float
    update: float
    evaluation: float
    compilation: float
    steps: int
    epochs: int

    @property
    def parts(self) -> dict[str, float]:
        """The seconds of each part of an iteration, by its name."""
        return {"data": self.data, "forward": self.forward, "backward": self.backward, "update": self.update}

    @property
    def iteration(self) -> float:
        """Seconds of one iteration."""
        return sum(self.parts.values())

    @property
    def bottleneck(self) -> str:
        """The part that takes most of an epoch: "data", "forward", "backward", "update" or "evaluation"."""
        taken = {name: self.steps * seconds for name, seconds in self.parts.items()} | {"evaluation": self.evaluation}
        return max(taken, key=lambda name: taken[name])

    def left(self, epoch: int = 0) -> float:
        """Seconds that the epochs behind the first ``epoch`` will take."""
        return (self.epochs - epoch) * (self.steps * self.iteration + self.evaluation)


def time_a_step(setup: Setup, data: Any, key: Array) -> Timing:
    """Measure where an iteration of ``setup`` on ``data``, as ``fit`` takes them, spends its time on this machine.

    Four compiled loops over the same mini-batches, at most 50, do one part more each: gathering, the loss, its
    gradient, the whole step. Their differences are the parts, without what a call from Python costs; the least of five
    runs counts. Raises what ``fit`` raises.
    """
    check_key(key)
    data = arrays(data)
    n = len(data.train.y)
    size = setup.batch_size or n
    steps = -(-n // size)
    ready = as_arrays(setup)
    state = jax.jit(start)(ready, data, key)
    loops = [jax.jit(lambda *given, part=part: _loop(part, size, steps, *given)) for part in (_data, _loss, _slope)]
    loops.append(jax.jit(lambda *given: _steps(size, steps, *given)))
    given = ready, data, state.learner, key
    began = time.perf_counter()
    jax.block_until_ready(loops[-1](*given))
    compilation = time.perf_counter() - began
    total = [_least(loop, *given) / min(max(steps - 1, 1), _MOST_STEPS) for loop in loops]
    parts: Any = [max(more - less, 0.0) for less, more in zip([0.0, *total], total, strict=False)]
    looking = _least(jax.jit(_look), ready, data, state)
    return Timing(
        *parts,
        evaluation=looking,
        compilation=compilation,
        steps=steps,
        epochs=setup.epochs,
    )


def _least(program: Callable[..., Any], *given: Any) -> float:
    jax.block_until_ready(program(*given))
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(program(*given))
        taken.append(time.perf_counter() - began)
    return min(taken)


def _numbered(data, key, size):
    """The batches of an epoch, with the places of some of them and their numbers."""
    batches = in_memory(data.train, key, size)
    alone = batches.count == 1
    places = jax.tree.map(lambda a: a[None], batches.last) if alone else batches.places
    places = jax.tree.map(lambda a: a[:_MOST_STEPS], places)
    return batches.draw, (jnp.arange(len(jax.tree.leaves(places)[0]), dtype=jnp.int32), places)


def _loop(part, size, steps, setup, data, learner, key):
    """The sum over batches of what ``part`` makes of each: nothing of it can be left out."""
    draw, numbered = _numbered(data, key, size)

    def one(total, numbered):
        i, place = numbered
        return total + part(in_time(setup, steps), learner, draw(place), key, i), None

    return jax.lax.scan(one, jnp.zeros(()), numbered)[0]


def _steps(size, steps, setup, data, learner, key):
    draw, numbered = _numbered(data, key, size)

    def one(learner, numbered):
        i, place = numbered
        return step(in_time(setup, steps), learner, draw(place), key, i, False)

    return jax.lax.scan(one, learner, numbered)


def _sum(tree):
    return sum(jnp.sum(leaf).astype(float) for leaf in jax.tree.leaves(tree))


def _data(setup, learner, batch, key, i):
    return _sum(batch)


def _loss(setup, learner, batch, key, i):
    return objective_of(setup, learner, batch, key, i)(learner.params)[0].astype(float)


def _slope(setup, learner, batch, key, i):
    objective = objective_of(setup, learner, batch, key, i)
    value, slope = jax.value_and_grad(lambda p: objective(p)[0])(learner.params)
    return value.astype(float) + _sum(slope)


def _look(setup, data, state):
    seen = looked_at(setup, data, state.key)
    parts = (seen.train, seen.validation)
    return [evaluate(setup, state.learner.params, state.learner.model_state, part) for part in parts]


def judge_timing(timing: Timing) -> list[Verdict]:
    """Whether an iteration keeps within the lectures' 500 ms, and what takes the time: "slow iterations", "evaluation
    takes most of the time" or "in time".
    """
    return list(following(TIMING_RULES, timing))


def _told(t: Timing) -> Evidence:
    parts = ", ".join(f"{name} {1e3 * seconds:.3g}" for name, seconds in t.parts.items())
    whole = f"{1e3 * t.iteration:.3g} ms an iteration: {parts}"
    return (whole, f"{t.steps} iterations and {1e3 * t.evaluation:.3g} ms of evaluation an epoch")


def _slow_data(t: Timing) -> Evidence | None:
    return _told(t) if t.iteration > BUDGET and t.data > t.iteration / 2 else None


def _slow(t: Timing) -> Evidence | None:
    return _told(t) if t.iteration > BUDGET and not _slow_data(t) else None


def _looking(t: Timing) -> Evidence | None:
    return _told(t) if t.evaluation > t.steps * t.iteration and t.evaluation > BUDGET else None


def _in_time(t: Timing) -> Evidence | None:
    return None if t.iteration > BUDGET or _looking(t) else (*_told(t), f"most goes to: {t.bottleneck}")


TIMING_RULES = (
    VerdictRule(
        "slow iterations",
        WARNING,
        _slow_data,
        "an iteration takes more than half a second, most of it to fetch its examples",
        ("smaller pictures, or compressed ones", "read from a solid-state disk", "examples that stay in memory"),
    ),
    VerdictRule(
        "slow iterations",
        WARNING,
        _slow,
        "an iteration takes more than half a second: the way from a change to its result gets long",
        ("start with a simpler network", "smaller pictures", "an accelerator", 'compute_dtype="bfloat16"'),
    ),
    VerdictRule(
        "evaluation takes most of the time",
        WARNING,
        _looking,
        "the looks between the epochs take longer than the epochs",
        ("watch.every: a look every few epochs", "watch.training: a sample of the training examples"),
    ),
    VerdictRule("in time", GOOD, _in_time, "an iteration takes less than half a second", ()),
)
