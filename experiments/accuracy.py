"""To how many bits is each function right? The largest error in ulp against 50 digits, beside the field's libraries.

    python -m experiments.accuracy [--points 1000] [--only gelu] [--out docs/accuracy.md]

Points: a logarithmic grid of both signs over the whole float32 range, closer between 1e-4 and 750 and around the zeros
of derivatives. Counted is where the exact result is a normal number; not a number there is an infinite error. A name
with ' is the derivative, by automatic differentiation, wherever it stands. The last two columns say whether infinite
arguments give a number or an infinity, and NaN a NaN.

A second table has functions with numbers of their own, the worst of several, on a twentieth of the points and close to
the zeros, with the derivatives by these numbers. There a result may be the difference of two that are almost alike:
what counts beside the ulp is by how much the exact result changes where every argument does by half an ulp.
"""

import importlib
import pathlib
import platform
import shlex
import sys
from typing import Any, NamedTuple

import jax
import mpmath
import numpy as np
import optax

from experiments.accuracy_cases import ACTIVATIONS, ELEMENTARY, LOSSES, SIMPLEX, densities, with_torch
from experiments.accuracy_families import families
from experiments.common import counted, options

POINTS, DIGITS, MOST_DIGITS, VALUE_TARGET, DERIVATIVE_TARGET = 1000, 50, 1600, 4, 8
ZEROS = (0.75179, 1.27846)  # of the derivatives of gelu and silu, at negative arguments
FORMATS = (np.float32, np.float64)
NOTES = """\
What cannot be mended by a formula: next to a zero of its own, the gradient at a label between 0 and 1, a log density,
a likelihood or an entropy is the difference of two numbers almost alike; what is lost there is less than what half an
ulp of the arguments moves, and to keep it exponentials and logarithms would have to have twice the digits. The
derivative by the smoothing is the sum of those by the labels, each right to its last bits, of which for logits almost
alike only a difference is left. Shares below the smallest normal number are 0 to XLA on CPU: where all others of a row
are hardly above it, the logarithm of the largest share and the gradient of softmax lack them.

What these digits cost, in float32 on a CPU with two cores, where it is more than 5 % of the time of jax.nn or Optax
(`python -m experiments.benchmarks.elementwise`, 10^4 to 10^6 numbers, in classes of 10): tanh with its gradient 1.1
to 1.6 times the time, for an exponential in the tail, sigmoid, silu and gelu 1.0 to 1.2; log_softmax 1.6 to 2.1 and
with its gradient 1.3 to 1.4, for a second sum that leaves out the largest; softmax 1.0 to 1.3, whose rows may all be
minus infinity; softmax_cross_entropy with indices 1.3 to 1.6 and with its gradient 1.1, with distributions 1.0 to 1.7
and 1.1 to 1.3. All others take as long or less, down to a third (elu) and a tenth (focal)."""
mp: Any = mpmath.mp


class Row(NamedTuple):
    """The largest errors in ulp of all libraries by format, and whether what is not finite is met as it should."""

    name: str
    peer: str
    ours: list[float]
    theirs: list[float]
    infinite: bool
    nan: bool


class FamilyRow(NamedTuple):
    """The largest errors by format, in ulp and beside what half an ulp of every argument changes."""

    name: str
    limit: int
    plain: list[float]
    conditioned: list[float]


def grid(dtype, points, low, high, zeros=tuple(-z for z in ZEROS)):
    info = np.finfo(np.float32)
    size = np.concatenate([np.geomspace(info.tiny, info.max, points), np.geomspace(1e-4, 750, points)])
    around = np.geomspace(1e-7, 0.2, max(points // 20, 20))
    zeros = np.array([z + sign * max(abs(z), 1e-3) * around for z in zeros for sign in (-1, 1)]).ravel()
    below_one = 1 - np.geomspace(1e-7, 0.5, points) if high == 1 else []
    x = np.unique(np.concatenate([size, -size, zeros, below_one]).astype(dtype))
    return x[(x > low) & (x < high) & np.isfinite(x)]


def largest_error(values, truth, dtype):
    """In ulp of the exact result, where that is a normal number."""
    info = np.finfo(dtype)
    worst = 0.0
    for value, exact in zip(np.asarray(values, float), truth, strict=True):
        if not float(info.tiny) <= abs(exact) <= float(info.max):
            continue
        error = float(abs(mp.mpf(value) - exact) / ulp(exact, dtype)) if np.isfinite(value) else np.inf
        worst = max(worst, error)
    return worst


def ulp(exact, dtype):
    return mp.ldexp(1, int(mp.floor(mp.log(abs(exact), 2))) - np.finfo(dtype).nmant)


def derivative(f, place):
    """Of ``f`` by the argument at ``place``, with twice as many digits until twenty stay; ``f`` itself for None."""

    def slope(*at):
        order, digits = tuple(int(i == place) for i in range(len(at))), DIGITS
        found: Any = None
        while digits <= MOST_DIGITS:
            with mpmath.workdps(digits):
                before, found = found, mp.diff(f, at, order)
            if before is not None and abs(found - before) <= abs(found) * mp.mpf(10) ** -20:
                break
            digits *= 2
        return found

    return f if place is None else slope


def measure_family(family, points):
    """The rows of the second table: the value and the derivatives, each the worst of all numbers."""
    rows = []
    for place in (None, *range(len(family.by))):
        by = "" if place is None else "'" if family.by[place] == "x" else f"' by {family.by[place]}"
        found = [[_worst(family, numbers, place, dtype, points) for numbers in family.numbers] for dtype in FORMATS]
        plain, conditioned = ([max(pair[k] for pair in some) for some in found] for k in (0, 1))
        rows.append(FamilyRow(family.name + by, DERIVATIVE_TARGET if by else VALUE_TARGET, plain, conditioned))
    return rows


def _worst(family, numbers, place, dtype, points):
    """The largest error in ulp, and the largest beside half an ulp of every argument."""
    given = [dtype(number) for number in numbers]
    x = grid(dtype, points, family.low, family.high, family.zeros(*map(float, given)))
    f = family.f if place is None else jax.grad(family.f, place)
    values = jax.jit(jax.vmap(f, (0, *[None] * len(given))))(x, *given)
    exact, info, worst = derivative(family.exact, place), np.finfo(dtype), (0.0, 0.0)
    for value, point in zip(np.asarray(values, float), x, strict=True):
        at = [mp.mpf(float(a)) for a in (point, *given)]
        true = exact(*at)
        if float(info.tiny) <= abs(true) <= float(info.max):
            error = abs(mp.mpf(value) - true) / ulp(true, dtype) if np.isfinite(value) else mp.inf
            hard = error > VALUE_TARGET and np.isfinite(value)
            moved = _moved(exact, at, dtype) / ulp(true, dtype) if hard else 0
            worst = max(worst[0], float(error)), max(worst[1], float(error / (1 + moved)))
    return worst


def _moved(exact, at, dtype):
    """By how much the result changes where every argument does by half an ulp."""
    total = mp.mpf(0)
    for i, a in enumerate(at):
        step = ulp(a, dtype) / 2 if a else 0
        ends = [exact(*at[:i], a + sign * step, *at[i + 1 :]) for sign in (-1, 1)] if step else (0, 0)
        total += abs(ends[1] - ends[0]) / 2
    return total


def value_and_slope(library, f):
    """Functions from a NumPy array to values and derivatives."""
    if library == "scipy":
        return f, None
    if library == "torch":
        return lambda x: _torch(f, x)[0], lambda x: _torch(f, x)[1]
    return jax.jit(f), jax.jit(jax.vmap(jax.grad(f)))


def _torch(f, x):
    torch = importlib.import_module("torch")
    argument = torch.tensor(x, requires_grad=True)
    value = f(argument)
    value.sum().backward()
    return value.detach().numpy(), argument.grad.numpy()


def measure(case, points):
    """The rows of the table for the value and the derivative."""
    libraries = {"dlcore": case.f, **case.peers}
    errors = {(library, order): [] for library in libraries for order in (0, 1)}
    for dtype in FORMATS:
        x = grid(dtype, points, case.low, case.high)
        exact_at = [mp.mpf(float(point)) for point in x]
        truths = [[f(point) for point in exact_at] for f in (case.exact, case.slope)]
        for library, f in libraries.items():
            for order, g in enumerate(value_and_slope(library, f)):
                if g is not None:
                    errors[library, order].append(largest_error(g(x), truths[order], dtype))
    return [row for order in (0, 1) for row in _rows(case, errors, order)]


def _rows(case, errors, order):
    f = value_and_slope("dlcore", case.f)[order]
    assert f is not None
    ends = np.asarray(f(np.asarray([-np.inf, np.inf]))) if case.low == -np.inf and case.high == np.inf else np.zeros(2)
    met = bool(not np.isnan(ends).any()), bool(np.isnan(f(np.asarray([np.nan]))).all())
    peers = [peer for peer in case.peers if errors[peer, order]] or [""]
    name = case.name + "'" * order
    return [Row(name, peer, errors["dlcore", order], errors.get((peer, order), []), *met) for peer in peers]


def shown(error):
    return f"{error:.2f}" if error < 1000 else f"{error:.0e}" if error < np.inf else "inf"


def table(rows):
    lines = [
        "| function | dlcore f32 | dlcore f64 | peer | peer f32 | peer f64 | ±inf | NaN |",
        "|---|--:|--:|---|--:|--:|---|---|",
    ]
    for row in rows:
        theirs = [shown(e) for e in row.theirs] or ["", ""]
        cells = [
            row.name,
            *map(shown, row.ours),
            row.peer,
            *theirs,
            "ok" if row.infinite else "NaN",
            "ok" if row.nan else "lost",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def family_table(rows):
    head = ["function", "f32", "f64", "f32, of half an ulp", "f64, of half an ulp"]
    lines = [f"| {' | '.join(head)} |", "|---|--:|--:|--:|--:|"]
    cells = ([row.name, *map(shown, row.plain), *map(shown, row.conditioned)] for row in rows)
    return "\n".join([*lines, *(f"| {' | '.join(some)} |" for some in cells)])


def over_target(rows):
    limits = {row.name: DERIVATIVE_TARGET if row.name.endswith("'") else VALUE_TARGET for row in rows}
    return sorted({row.name for row in rows if max(row.ours) > limits[row.name]})


def kept(rows):
    """How many rows hold the target, how many next to zeros only by the second measure, and which do not."""
    plain = [row for row in rows if max(row.plain) <= row.limit]
    missed = sorted(row.name for row in rows if max(row.conditioned) > row.limit)
    by_condition = len(rows) - len(plain) - len(missed)
    return (
        f"{len(plain)} of {len(rows)} rows hold {VALUE_TARGET} ulp for values and {DERIVATIVE_TARGET} for derivatives, "
        f"{by_condition} more beside half an ulp of the arguments"
        + (f"; not so {', '.join(missed)}." if missed else ".")
    )


def report(rows, families, points):
    command = "python -m experiments.accuracy " + shlex.join(sys.argv[1:])
    machine = f"{platform.machine()} {jax.devices()[0].device_kind}, jax {jax.__version__}, optax {optax.__version__}"
    missed = over_target(rows)
    return "\n\n".join(
        [
            "# Accuracy",
            f"Largest error in ulp against {DIGITS} digits, over about {4 * points} points of the whole float32 range, "
            "where the exact result is a normal number; inf: not finite there. A name with ' is the derivative by "
            "automatic differentiation. XLA on CPU flushes subnormal numbers, results and arguments alike.",
            f"Made by `{command.strip()}` on {machine}.",
            table(rows),
            f"Targets: {VALUE_TARGET} ulp for values, {DERIVATIVE_TARGET} for derivatives. "
            + (f"Missed by: {', '.join(missed)}." if missed else "All met."),
            "## With numbers of their own",
            "The worst of several labels, exponents, scales and rows of logits, of which `experiments/"
            "accuracy_families.py` has the list, with the derivatives by them. Next to a zero a result is the "
            "difference of two that are almost alike. The last two columns divide its error by one ulp and by what it "
            "moves where every argument moves by half an ulp.",
            family_table(families),
            kept(families),
            NOTES.replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n"),
        ]
    )


def main():
    only = {"default": "", "help": "measure the functions whose name contains this"}
    out = {"type": pathlib.Path, "help": "write the table here too"}
    given = options(__doc__, points={"type": int, "default": POINTS}, only=only, out=out)
    jax.config.update("jax_enable_x64", True)
    cases = [with_torch(case) for case in ACTIVATIONS + SIMPLEX + ELEMENTARY + LOSSES + densities()]
    with mpmath.workdps(DIGITS):
        chosen = [case for case in cases if given.only in case.name]
        rows = [row for case in counted("Functions", chosen, "function") for row in measure(case, given.points)]
        some = [f for f in families() if given.only in f.name]
        others = [
            row for family in counted("Families", some, "family") for row in measure_family(family, given.points // 20)
        ]
        text = report(rows, others, given.points)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
