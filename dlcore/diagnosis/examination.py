"""``examine``: all verdicts on a training. What is measured in its data and in itself comes first, then its curves."""

from collections.abc import Collection, Sequence
from typing import Any

import jax
import numpy as np

from dlcore.diagnosis import outputs
from dlcore.diagnosis.parts import Parts, look_at
from dlcore.diagnosis.probes import Probe, probe, sound_members
from dlcore.diagnosis.rules import diagnose
from dlcore.diagnosis.signatures import PART_SIGNATURES, SIGNATURES
from dlcore.diagnosis.signs import Curves
from dlcore.diagnosis.verdicts import Verdict, following
from dlcore.training import Run


def examine(
    run: Run,
    data: Any,
    *,
    n_validation: int | None = None,
    done: Collection[str] = (),
    measured: Probe | None = None,
) -> list[Verdict]:
    """All verdicts on ``run``, trained on ``data`` as ``fit`` takes them: the first is the one to mend first.

    Of several members what is seen in most of them is told, and the curves are their mean; where some diverged, those
    that are sound speak. ``n_validation`` examples, all of the folds, made the validation loss; None is the validation
    part. A run of no epoch has no curves. ``measured`` is what ``probe`` gave, where it was called before.
    """
    seen: Probe = jax.device_get(probe(run, data) if measured is None else measured)
    curves = Curves.of(jax.device_get(run.mean_history), int(np.min(run.state.first_nonfinite)))
    looked = look_at(data, run.setup.batch_size)
    return verdicts_of(sound_members(run, seen), curves, looked, n_validation=n_validation, done=done)


def verdicts_of(
    measured: Sequence[Probe],
    curves: Curves,
    looked: Parts,
    *,
    n_validation: int | None = None,
    done: Collection[str] = (),
) -> list[Verdict]:
    """The verdicts on what ``probe`` measured of trainings and ``look_at`` of their data, at last that on their curves.

    That one alone may be good. The other arguments are those of ``examine``.
    """
    found = [*following(PART_SIGNATURES, looked, done=done), *following(SIGNATURES, *measured, done=done)]
    kinds = {verdict.kind for verdict in found}
    said = _of_curves(measured[0], curves, n_validation or looked.n_validation, looked.majority, done)
    return [*found, *(verdict for verdict in said if verdict.kind not in kinds)]


def _of_curves(p, curves, n_validation, majority, done):
    if not p.epochs > 0:
        return
    known = np.asarray(p.constant, float)
    constant = known[1] if outputs.takes_probabilities(p) else known[0]
    yield diagnose(
        curves,
        float(constant) if np.isfinite(constant) and constant > 0 else None,
        n_validation=n_validation,
        majority=majority,
        initial=float(p.initial),
        validation_error=float(p.validation_error),
        done=done,
    )
