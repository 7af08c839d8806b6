"""What every command has in common: its spellings of options, its help, and a word on misspelt names."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from optima.cli.declared import as_command
from optima.cli.help import show_help
from optima.cli.spelling import other_spellings
from optima.model.inputs import did_you_mean, shown


class Command(TyperCommand):
    """A command whose options have several spellings, of which its help shows one."""

    def make_parser(self, ctx: Any) -> Any:
        """The parser, which takes the other spellings of an option for the option."""
        parser = super().make_parser(ctx)
        for option in other_spellings(self.get_params(ctx)):
            option.add_to_parser(parser, ctx)
        return parser

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help in panels."""
        show_help(self, ctx)


class Group(TyperGroup):
    """Commands under one name; that name alone shows the help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """No arguments are a wish for help."""
        return super().parse_args(ctx, args if args or ctx.resilient_parsing else ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is named. Raises ValueError with the nearest names for an unknown one."""
        name, known = args[0], self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        hint = did_you_mean(name, known, f"pass one of {', '.join(known)}")
        raise ValueError(f"{ctx.command_path} has no command {shown(name)}; {hint}")

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help in panels."""
        show_help(self, ctx)


class App(typer.Typer):
    """An application of such commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Any:
        """Register a function as a command, as in the base class; its options are those of ``declared``."""
        register = super().command(name, **{"cls": Command, **settings})
        return lambda function: register(as_command(function))
