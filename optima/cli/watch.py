"""``optima watch``: the measures of a run while it is trained."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import file, integer
from optima.cli.terminal import console
from optima.cli.terminal import width as screen_width

Run = Annotated[Path, typer.Argument(metavar="FILE", help="A file of optima.Recorder.", show_default=False)]


def watch(
    run: Run,
    page: Annotated[Path | None, file("Also write an HTML page, again with every record.", "--page")] = None,
    every: Annotated[int, integer("Seconds between two looks at the file.")] = 2,
    once: Annotated[bool, typer.Option("--once", help="Show what there is and end.")] = False,
    force: options.Force = False,
) -> None:
    """Collapse, rank and nearest structure of a network while it is trained, live until interrupted.

    Where the output is no terminal it is shown once.
    """
    from optima.measures.recorder import read_run
    from optima.report.run import run_text

    options.check_output(page, force)
    once = once or not sys.stdout.isatty()
    if not run.exists():
        raise ValueError(f"{run} does not exist; pass a file that optima.Recorder has begun")
    records = read_run(run)
    _write(page, records, None if once else every)
    if once:
        print(run_text(records, screen_width()))
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(run_text(records, screen_width())), console=console(), auto_refresh=False) as live:
        while True:
            time.sleep(every)
            new = read_run(run)
            if new != records:
                records = new
                _write(page, records, every)
            live.update(Text(run_text(records, screen_width())), refresh=True)


def _write(page: Path | None, records: list[dict[str, Any]], refresh: int | None) -> None:
    if page is not None:
        from optima.files import write
        from optima.report.run import run_page

        write(page, run_page(records, refresh).encode())
