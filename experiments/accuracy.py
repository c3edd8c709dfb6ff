"""To how many bits is each function right? The largest error in ulp against 50 digits, beside the field's libraries.

    python -m experiments.accuracy [--points 1000] [--only gelu] [--out docs/accuracy.md]

Points: a logarithmic grid of both signs over the whole float32 range, closer between 1e-4 and 750 and around the zeros
of derivatives. Counted is where the exact result is a normal number; not a number there is an infinite error. A name
with ' is the derivative, by automatic differentiation, wherever it stands. The last two columns say whether infinite
arguments give a number or an infinity, and NaN a NaN.
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
from experiments.common import options

POINTS, DIGITS, VALUE_TARGET, DERIVATIVE_TARGET = 1000, 50, 4, 8
ZEROS = (0.75179, 1.27846)  # of the derivatives of gelu and silu, at negative arguments
FORMATS = (np.float32, np.float64)
NOTES = """\
softmax' and log_softmax' subtract the mean of the incoming gradient weighted by the shares, which all but equals that
of a class whose share is near 1; the cross entropies, which know the gradient, keep the digits. Logits beside 0 here:
the difference of two others is rounded before its exponential, which costs softmax, log_softmax and the cross entropy
with distributions up to half its size in ulp more; not the one with indices.

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


def grid(dtype, points, low, high):
    info = np.finfo(np.float32)
    size = np.concatenate([np.geomspace(info.tiny, info.max, points), np.geomspace(1e-4, 750, points)])
    around = np.geomspace(1e-7, 0.2, max(points // 20, 2))
    zeros = np.concatenate([-z + sign * around for z in ZEROS for sign in (-1, 1)])
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
        unit = mp.ldexp(1, int(mp.floor(mp.log(abs(exact), 2))) - info.nmant)
        error = float(abs(mp.mpf(value) - exact) / unit) if np.isfinite(value) else np.inf
        worst = max(worst, error)
    return worst


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


def over_target(rows):
    limits = {row.name: DERIVATIVE_TARGET if row.name.endswith("'") else VALUE_TARGET for row in rows}
    return sorted({row.name for row in rows if max(row.ours) > limits[row.name]})


def report(rows, points):
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
        rows = [row for case in cases if given.only in case.name for row in measure(case, given.points)]
        text = report(rows, given.points)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
