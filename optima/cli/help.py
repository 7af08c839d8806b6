"""Help in panels of two columns, which fit a terminal of 80 columns without cutting a word."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

# What is explained, and the words.
Row = tuple[str, str]


def show_help(command: Any, context: Any) -> None:
    """Usage, what the command does, its arguments, options and subcommands by panel, and its last words."""
    screen = Console(highlight=False)
    screen.print(Padding(Text(_plain(command.get_usage(context)), style="bold"), (1, 1)))
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        screen.print(Padding(Text(" ".join(paragraph.split())), (0, 1, 1, 1)))
    for panels in (_commands(command, context), _parameters(command, context)):
        width = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
        for title, rows in panels.items():
            screen.print(_panel(title, rows, width))
    for paragraph in cleandoc(command.epilog).split("\n\n") if command.epilog else ():
        # Indented lines are commands, which stay as they are.
        words = paragraph if paragraph.startswith(" ") else " ".join(paragraph.split())
        screen.print(Padding(Text(words), (0, 1, 1, 1)))


def _commands(command: Any, context: Any) -> dict[str, list[Row]]:
    panels: dict[str, list[Row]] = {}
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found = command.get_command(context, name)
        if not found.hidden:
            rows = panels.setdefault(found.rich_help_panel or "Commands", [])
            rows.append((name, found.get_short_help_str(limit=1000)))
    return panels


def _parameters(command: Any, context: Any) -> dict[str, list[Row]]:
    panels: dict[str, list[Row]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        name, words = record
        kind = "Options"
        if parameter.param_type_name == "argument":
            kind, name = "Arguments", " ".join(parameter.get_usage_pieces(context))
        panel = getattr(parameter, "rich_help_panel", None) or kind
        panels.setdefault(panel, []).append((_plain(name), " ".join(words.replace(r"\[", "[").split())))
    return panels


def _plain(name: str) -> str:
    """Without the brackets that some versions of the library put around choices and required arguments."""
    return name.translate(str.maketrans("", "", "<>{}"))


def _panel(title: str, rows: Sequence[Row], width: int) -> Panel:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True, min_width=width, style="bold cyan")
    grid.add_column(ratio=1)
    for name, words in rows:
        grid.add_row(Text(name), Text(words))
    return Panel(grid, title=title, title_align="left", border_style="dim")
