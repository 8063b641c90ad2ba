"""The command `fabline`: how an answer or a failure reaches the person.

What can be asked is in `commands`, by theme, and only as options, so that `fabline --help` answers
at once; each command's work is in the module of its name and is imported when it is asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from pipelines.cli.commands import data, home, learning, line, look, trading
from pipelines.cli.options import DONE, FAILED, INTERRUPTED, WRONG_USE, flag
from trading.errors import FablineError, UsageError

__all__ = ["DONE", "FAILED", "INTERRUPTED", "WRONG_USE", "app", "main", "status_of"]

app = typer.Typer(
    name="fabline",
    help="A production line from market bars to fills for AI and semiconductor stocks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)
for theme in (line, look, trading, data, learning, home):  # in the order of the help
    theme.register(app)


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, flag("--version", help="Print the version and leave.")] = False,  # noqa: FBT002
) -> None:
    """A production line from market bars to fills for AI and semiconductor stocks."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"fabline {installed('fabline')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USE)


def status_of(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted.

    Every failure is one line on standard error; an unexpected one also names the file that holds
    its trace.
    """
    try:
        status = app(args=list(arguments), prog_name="fabline", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", INTERRUPTED)
    except TyperException as error:
        return _failed(f"{error.format_message()} (see fabline --help)", error.exit_code)
    except FablineError as error:
        return _failed(str(error), WRONG_USE if isinstance(error, UsageError) else FAILED)
    except Exception as error:  # noqa: BLE001 - a person gets one line, the trace goes to a file
        from pipelines.cli.traces import keep

        return _failed(
            f"{type(error).__name__}: {error}; the full trace is in {keep(error, arguments)}", FAILED
        )
    if status == INTERRUPTED:  # typer takes a Ctrl-C for an exit, and says nothing
        return _failed("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else DONE


def _failed(message: str, status: int) -> int:
    typer.echo("error: " + " ".join(message.split()), err=True)
    return status


def main() -> None:
    """Entry point of the console script."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries tell programmers is no answer to a person
    sys.exit(status_of(sys.argv[1:]))
