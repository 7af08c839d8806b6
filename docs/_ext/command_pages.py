"""The command line, told by its own parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer

from optima.cli.main import app
from optima.cli.spelling import spellings

# Commands shown on a page.
EXAMPLES = 4
Entry = tuple[str, Any, Any]


def pages(root: Path) -> dict[str, str]:
    """A page for each command and subcommand, and their list by panels."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("optima", [], resilient_parsing=True)
    entries = list(_entries(group, context))
    docs = root / "docs"
    files = [*sorted(docs.glob("*.md")), *sorted(docs.glob("guides/*.md"))]
    guides = {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in files}
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in sorted(docs.glob("gallery/*/*.py")))
    texts = {f"commands/{_slug(name)}.md": _page(name, found, ctx, guides, scripts) for name, found, ctx in entries}
    return {"commands/index.md": _index(group, entries), **texts}


def _entries(group: Any, context: Any) -> Iterator[Entry]:
    """Every command below a group, with its full name and its context."""
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found.hidden:
            continue
        inner = found.make_context(name, [], parent=context, resilient_parsing=True)
        yield inner.command_path, found, inner
        if hasattr(found, "list_commands"):
            yield from _entries(found, inner)


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _index(group: Any, entries: list[Entry]) -> str:
    names = "\n".join(_slug(name) for name, _, _ in entries)
    parts = ["# Command line", *map(_safe, cleandoc(group.callback.__doc__).split("\n\n"))]
    panel = None
    for name, found, _ in entries:
        if found.rich_help_panel and found.rich_help_panel != panel:
            panel = found.rich_help_panel
            parts.append(f"## {panel}")
        line = _safe(found.get_short_help_str(limit=1000))
        parts.append(f"[`{name}`]({_slug(name)}.md): {line}")
    parts += ["## How values are typed", *_epilog(group.epilog), f"```{{toctree}}\n:hidden:\n\n{names}\n```"]
    return "\n\n".join(parts) + "\n"


def _page(name: str, command: Any, context: Any, guides: dict[str, str], scripts: str) -> str:
    usage = " ".join(command.collect_usage_pieces(context)).translate(str.maketrans("", "", "<>{}"))
    parts = [f"# {name}", f"```text\n{name} {usage}\n```"]
    parts += [_safe(" ".join(each.split())) for each in cleandoc(command.help or "").split("\n\n")]
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            argument = parameter.param_type_name == "argument"
            panel = getattr(parameter, "rich_help_panel", None) or ("Arguments" if argument else "Options")
            panels.setdefault(panel, []).append(_option(parameter, record, context))
    for panel, rows in panels.items():
        parts += [f"## {panel}", "\n\n".join(rows)]
    if command.epilog:
        parts += ["## Examples", *_epilog(re.sub(r"^\s*Examples\s*\n", "", command.epilog))]
    elif not hasattr(command, "list_commands") and (shown := _examples(name, guides, scripts)):
        parts += ["## Examples", "```text\n" + "\n".join(shown) + "\n```"]
    used = [path for path, text in guides.items() if re.search(rf"\b{re.escape(name)}\b", text)]
    if used:
        parts += ["## Read about it", "\n".join(f"* [](../../{path})" for path in used)]
    return "\n\n".join(parts) + "\n"


def _examples(name: str, guides: dict[str, str], scripts: str) -> list[str]:
    """The shortest commands of that name in texts, which the tests parse, and in the scripts of the gallery."""
    lines = re.findall(rf"^ {{4}}({re.escape(name)}(?: .*)?)$", "\n".join(guides.values()), re.MULTILINE)
    lines += re.findall(rf"``({re.escape(name)}(?: [^`]*)?)``", scripts)
    whole = {re.sub(r"\s+#.*", "", line) for line in lines if "\n" not in line}
    return sorted(whole, key=lambda line: (len(line), line))[:EXAMPLES]


def _option(parameter: Any, record: tuple[str, str], context: Any) -> str:
    """An entry of a definition list: how an option is typed, and what it is for."""
    typed, words = record
    if parameter.param_type_name == "argument":
        typed = " ".join(parameter.get_usage_pieces(context))
    typed = typed.translate(str.maketrans("", "", "<>{}"))
    long = next((each.lstrip("-") for each in parameter.opts if each.startswith("--")), "")
    others = [each for each in spellings(long) if each != long and f"-{each}" not in typed and len(each) > 0]
    also = ", ".join(f"`{'-' if len(each) == 1 else '--'}{each}`" for each in others)
    also = f" Also {also}." if also else ""
    return f"`{' '.join(typed.split())}`\n: {_safe(_words(words))}{also}"


def _words(help: str) -> str:
    return " ".join(help.replace(r"\[", "[").split())


def _epilog(epilog: str) -> list[str]:
    """The last words of the help: indented lines are commands."""
    parts = []
    for paragraph in cleandoc(epilog).split("\n\n"):
        if paragraph.startswith(" "):
            parts.append(f"```text\n{cleandoc(paragraph)}\n```")
        else:
            parts.append(_safe(" ".join(paragraph.split())))
    return parts


def _safe(words: str) -> str:
    """Words in which no sign means markup."""
    return re.sub(r"([*_<>\[\]`|$\\])", r"\\\1", words)
