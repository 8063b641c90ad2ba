"""Commands about the book: what it should hold, and sending its orders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import HOME, From, HomeOption, Printed, Source, To, Wait, flag

PANEL = "Trading"


def optimize(
    *,
    input_: Annotated[Path, typer.Option("--input", metavar="FILE", help="The problem, a JSON object.")],
    format_: Printed = "table",
) -> None:
    """Solve one portfolio problem from a file: weights and the certificate that proves them.

    The file holds `mean` and `covariance` (or `loadings` and `specific`), one row a name, and what is wanted besides: `names`,
    `objective`, `upper`, `lower`, `groups` with `group_cap`, `correlation` or `links` with `pair_cap`, `previous` with `turnover`,
    `liquidity`, `gross`, `net_low`, `net_high`, `beta`, `box`, `ellipsoid`, `linear_cost`, `impact_cost`. Without limits: long only, invested.
    Example: {"mean": [0.001, 0.0005], "covariance": [[4e-4, 1e-4], [1e-4, 2e-4]], "upper": 0.7}
    """
    from pipelines.cli import optimize as command

    command.solve_file(input_, format_)


def trade(
    *,
    session: Annotated[
        str | None, typer.Option(metavar="DATE", help="Whose orders; of the last session made if absent.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose orders; only the main one's are ever sent.")
    ] = None,
    follow: Annotated[
        bool, flag("--follow", help="Then stay and record what becomes of them, until a halt or Ctrl-C.")
    ] = False,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Send a session's orders to the broker (setting broker.name), each once however often it is called."""
    from pipelines.cli import follow as following
    from pipelines.cli import trade as command

    if follow:
        following.check_followable(home)
    command.trade(home, session, format_, wait=wait, strategy=strategy)
    if follow:
        following.follow(home, session)


def halt(
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "a person said so",
    home: HomeOption = HOME,
) -> None:
    """Stop trading at once: nothing is sent any more, and what works at the broker is cancelled."""
    from pipelines.cli import trade as command

    command.halt(home, reason)


def resume(*, home: HomeOption = HOME) -> None:
    """Let trading go on after a halt."""
    from pipelines.cli import trade as command

    command.resume(home)


def ablate(
    *,
    source: Annotated[Source | None, typer.Option(help="Where bars come from; the home's if absent.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of files with bars.")] = None,
    first: From = None,
    last: To = None,
    models: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Models of the line; the home's if absent.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="Only these variants or components.")
    ] = None,
    comparisons: Annotated[
        bool, flag("--comparisons", help="Answer the roadmap's comparisons one by one instead.")
    ] = False,
    by: Annotated[
        Literal["all", "year", "regime"], typer.Option(help="Which slices the text shows.")
    ] = "all",
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results are kept; in the home if absent.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Variants that are made at the same time.")] = 1,
    format_: Annotated[
        Literal["text", "json", "csv"], typer.Option("--format", help="How to write it.")
    ] = "text",
    home: HomeOption = HOME,
) -> None:
    """Turn each component of the line off in turn and say what that changes, in memory on one market."""
    from pipelines.cli import ablate as command

    asked = command.Asked(
        home,
        source=source,
        data=data,
        first=first,
        last=last,
        models=models,
        only=only,
        folder=folder,
        jobs=jobs,
        by=by,
        comparisons=comparisons,
    )
    command.ablate(asked, format_)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("optimize", rich_help_panel=PANEL)(optimize)
    app.command("ablate", rich_help_panel=PANEL)(ablate)
    app.command("trade", rich_help_panel=PANEL)(trade)
    app.command("halt", rich_help_panel=PANEL)(halt)
    app.command("resume", rich_help_panel=PANEL)(resume)
