"""The ``dlcore`` command. Nothing heavy is imported before signals are noted: Ctrl-C is never a traceback."""

import atexit
import contextlib
import importlib.util
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import dlcore
from dlcore.console import interrupts

REFUSED, FAILED = 2, 1  # exit codes: a wrong input; something that broke on the way
_NEEDED = ("jinja2", "matplotlib", "orbax", "pandas", "sklearn", "tensorboardX", "tqdm", "tyro")


def main() -> None:
    """Run the command line: a wrong input is one line and exit code 2, a failure 1, Ctrl-C and SIGTERM 130."""
    code = run(sys.argv[1:])
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # all is done: what comes now interrupts nothing
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run the command with these words after its name; the exit code."""
    from dlcore.console.progress import say

    def told(code: int, line: Any) -> int:
        say(f"dlcore: {' '.join(str(line).split())}", sys.stderr)
        return code

    with interrupts.deferred():
        try:
            say(_command(words)(), sys.stdout)
            interrupts.check()
        except KeyboardInterrupt:
            return told(interrupts.EXIT_CODE, "interrupted")
        except ValueError as error:
            return told(REFUSED, error)
        except SystemExit as end:  # after --help
            return int(end.code or 0)
        except Exception as error:
            return told(FAILED, str(error) or type(error).__name__)
    return 0


def _command(words: Sequence[str]) -> Callable[[], str]:
    """What to do, as a function that does it and returns what to print."""
    if list(words) == ["--version"]:
        return lambda: f"dlcore {dlcore.__version__}"
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        what = f"needed {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise RuntimeError(f"{what}; try pip install 'dlcore-jax[app]'")
    commands = {"recipe": _recipe(), "report": _report()}
    if words and words[0] not in commands and not words[0].startswith("-"):
        from dlcore.tree.names import nearest

        raise ValueError(f"no command {words[0]!r}; nearest first, there are: {', '.join(nearest(words[0], commands))}")
    return _parsed(commands, words)


def _parsed(commands: dict[str, Any], words: Sequence[str]) -> Callable[[], str]:
    """tyro's answer; what it says of wrong options, in a box of several lines, becomes a ValueError of one."""
    from tyro.extras import subcommand_cli_from_dict

    box, about = io.StringIO(), "Deep learning's working core."
    try:
        with contextlib.redirect_stderr(box):
            return subcommand_cli_from_dict(commands, prog="dlcore", description=about, args=list(words))
    except SystemExit as end:
        if not end.code:
            raise
        raise ValueError(_unboxed(box.getvalue())) from end


def _unboxed(box: str) -> str:
    """The words in a box, without its rules and what it says of help."""
    lines = [line.strip("│ ") for line in box.splitlines()]
    said = [line for line in lines if line and line[0] not in "╭╰─"]
    return " ".join(line for line in said if "full helptext" not in line and not line.endswith("--help"))


def _recipe() -> Callable[..., Any]:
    from tyro.conf import OmitArgPrefixes, Positional

    from dlcore.data import TableOptions
    from dlcore.recipe import Recipe

    default, guessed = Recipe(), TableOptions()

    def recipe(
        name: Positional[str],
        /,
        options: Annotated[Recipe, OmitArgPrefixes] = default,
        table: Annotated[TableOptions, OmitArgPrefixes] = guessed,
        out: Path | None = None,
    ) -> Callable[[], str]:
        """Check the data, check the network, tune, train, diagnose, open the test set once, report.

        Args:
            name: A data set by name (digits, iris, wine, breast_cancer, diabetes, mnist, ...) or a table or .npz file.
            options: What is tried.
            table: How a table is read; what is not said is guessed.
            out: The new folder of the run; default runs/NAME-DATE-TIME.
        """
        return lambda: _cook(name, options, table, out)

    return recipe


def _cook(name: str, options: Any, table: Any, out: Path | None) -> str:
    import jax

    from dlcore import data, recipe, report

    # one CPU device per core: the trainings of a sweep are spread over them; too late where JAX has started
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    folder = out or Path("runs") / f"{Path(name).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    recipe.run(options, name, folder, lambda source: data.load(source, **vars(table)))
    return report.summary(folder)


def _report() -> Callable[..., Any]:
    from tyro.conf import Positional

    def report(folder: Positional[Path], /) -> Callable[[], str]:
        """Draw the figures and the report of a run anew from its saved records, without training.

        Args:
            folder: The folder of the run.
        """
        return lambda: _draw(folder)

    return report


def _draw(folder: Path) -> str:
    from dlcore import report

    return str(report.finish(folder))
