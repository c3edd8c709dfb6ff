"""The ``dlcore`` command. Nothing heavy is imported before signals are noted: Ctrl-C is never a traceback."""

import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import dlcore
from dlcore.console import interrupts
from dlcore.numerics.errors import needed

REFUSED, FAILED, CLOSED = 2, 1, 141  # exit codes: a wrong input; what broke on the way; nobody reads any more, SIGPIPE
_NEEDED = ("jinja2", "matplotlib", "orbax", "pandas", "safetensors", "sklearn", "tensorboardX", "tqdm", "tyro")


def main() -> None:
    """Run the command line: a wrong input is one line and exit code 2, a failure 1, Ctrl-C and SIGTERM 130."""
    with interrupts.deferred(last=True):
        code = run(sys.argv[1:])
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
        except BrokenPipeError:  # who reads has enough, as ``head`` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return CLOSED
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
    commands = _commands()
    if words and words[0] not in commands and not words[0].startswith("-"):
        from dlcore.tree.names import nearest_first

        raise ValueError(f"no command {words[0]!r}; {nearest_first(words[0], commands)}")
    return _parsed(commands, words)


def _commands() -> dict[str, Callable[..., Any]]:
    from dlcore.cli import filling, looking, using

    given = (filling.recipe, filling.fit, filling.sweep, filling.resume, using.predict, using.evaluate, using.export)
    return {
        f.__name__: f for f in (*given, looking.report, looking.compare, looking.new, looking.paths, looking.doctor)
    }


def _parsed(commands: dict[str, Any], words: Sequence[str]) -> Callable[[], str]:
    """tyro's answer; what it says of wrong options, in a box of several lines, becomes a ValueError of one."""
    from tyro.extras import subcommand_cli_from_dict

    box, about = io.StringIO(), "Deep learning's working core."
    _once(words)
    try:
        with contextlib.redirect_stderr(box):
            return subcommand_cli_from_dict(commands, prog="dlcore", description=about, args=list(words))
    except SystemExit as end:
        if not end.code:
            raise
        raise ValueError(_unboxed(box.getvalue())) from end


def _unboxed(box: str) -> str:
    """The words in a box, without its rules and what it says of help.

    Where the terminal knows ASCII alone the rules are hyphens, and the title is a line of its own.
    """
    lines = [line.strip("│ ") for line in box.splitlines()]
    said = [line for line in lines if line.strip("-") and line[0] not in "╭╰─"]
    said = said if box.startswith("╭") else said[1:]
    return " ".join(line for line in said if "full helptext" not in line and not line.endswith("--help"))


def _once(words: Sequence[str]) -> None:
    """Raise ValueError for an option that stands twice: what the first one said would be lost without a word."""
    options = [word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")]
    if twice := next((option for option in options if options.count(option) > 1), None):
        raise ValueError(needed(twice, "it once, with all its values behind it", "it twice", f"{twice} ONE TWO"))
