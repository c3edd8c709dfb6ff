"""The ``dlcore`` command."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import jax

from dlcore import recipe as cooking
from dlcore import report as reports

DEFAULT = cooking.Recipe()


def main() -> None:
    """Run the command line: a wrong input is one line on stderr and exit code 2, Ctrl-C exit code 130."""
    import tyro

    # one CPU device per core: the trainings of a sweep are spread over them; too late where JAX has started
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    commands = {"recipe": _recipe(), "report": _report()}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="dlcore", description="Deep learning's working core.")
    except ValueError as error:
        print(f"dlcore: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("dlcore: interrupted", file=sys.stderr)
        sys.exit(130)


def _recipe():
    from tyro.conf import OmitArgPrefixes, Positional

    def recipe(
        name: Positional[str],
        /,
        options: Annotated[cooking.Recipe, OmitArgPrefixes] = DEFAULT,
        out: Path | None = None,
    ) -> None:
        """Check the data, check the network, tune, train, diagnose, open the test set once, report.

        Args:
            name: A data set by name (digits, iris, wine, breast_cancer, diabetes, mnist, ...) or a .csv or .npz file.
            options: What is tried.
            out: The new folder of the run; default runs/NAME-DATE-TIME.
        """
        folder = out or Path("runs") / f"{Path(name).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
        if out is None:
            folder.parent.mkdir(exist_ok=True)
        cooking.run(options, name, folder)
        print(reports.summary(folder))

    return recipe


def _report():
    from tyro.conf import Positional

    def report(folder: Positional[Path], /) -> None:
        """Draw the figures and the report of a run anew from its saved arrays, without training.

        Args:
            folder: The folder of the run.
        """
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder}: needed the folder of a run, with its config.json; try one below runs/")
        print(reports.build(folder))

    return report
