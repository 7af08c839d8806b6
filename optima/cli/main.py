"""The application and how its errors reach the user."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import typer

from optima import __version__
from optima.cli import (
    atlas,
    certify,
    check,
    compare,
    loss,
    max_margin,
    phase,
    recognise,
    reproduce,
    solve,
    table,
    train,
)

# Headings of the list of commands.
NETWORK = "Your network"

app = typer.Typer(
    name="optima",
    help="Global minima of deep unconstrained feature models.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("table")(table.table)
app.command("loss")(loss.loss)
app.command("solve")(solve.solve)
app.command("certify")(certify.certify)
app.command("compare", rich_help_panel=NETWORK)(compare.compare)
app.command("recognise", rich_help_panel=NETWORK)(recognise.recognise)
app.command("max-margin")(max_margin.max_margin)
app.command("train")(train.train)
app.command("reproduce")(reproduce.reproduce)
app.command("check")(check.check)
app.command("phase")(phase.phase)
app.add_typer(atlas.app, name="atlas")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"optima {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Global minima of deep unconstrained feature models."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake gives one sentence on standard error and exit code 2."""
    with contextlib.redirect_stderr(_messages(sys.stderr)):
        if sys.stdout is None:
            return _refuse("standard output is closed; leave it open, or send it to a file")
        return _answered(list(sys.argv[1:] if arguments is None else arguments) or ["--help"])


def _answered(given: list[str]) -> int:
    """The exit code of a command, whose errors have been put into a sentence."""
    try:
        code = _run(given)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort) as stop:
        print("; ".join(["optima: interrupted", *getattr(stop, "__notes__", [])]), file=sys.stderr)
        return 130
    except BrokenPipeError:
        _give_up_stdout()
        return _refuse("standard output was closed before the end; pass --out FILE to keep every row")
    except ConnectionError as error:
        return _refuse(str(error))
    except OSError as error:
        _give_up_stdout()
        if error.filename:
            return _refuse(f"writing {error.filename} failed ({error.strerror}); make room and repeat the command")
        return _refuse(f"writing failed ({error.strerror}); pass an output with more room")
    except MemoryError as error:
        return _refuse(f"there is not enough memory ({error}); pass fewer classes, samples, seeds or workers")
    except (ValueError, TypeError) as error:
        return _refuse(str(error))
    except Exception as error:
        # Usage errors of the command line have a common base only inside the libraries.
        if not hasattr(error, "format_message"):
            raise
        return _refuse(error.format_message())
    return code


def _run(arguments: list[str]) -> int:
    """Invoke a command; its own ``main`` would turn interrupts and broken pipes into silent exits."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("optima", arguments) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


def _give_up_stdout() -> None:
    """Nothing more can be said on standard output, not even by the interpreter's last flush."""
    _give_up(sys.stdout)


def _give_up(stream: TextIO) -> None:
    """What is still written to a stream goes nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        # Without a file descriptor there is no such flush.
        return


def _messages(stream: TextIO | None) -> Any:
    """Standard error for messages that nobody may be there to read."""
    if stream is not None:
        return _Messages(stream)
    # The descriptor is taken, so that no file that is opened later gets what libraries write to it.
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) < 2:
            os.set_inheritable(descriptor, True)
        if descriptor == 2:
            os.set_inheritable(descriptor, True)
        else:
            os.close(descriptor)
    return open(os.devnull, "w", encoding="utf-8")


class _Messages:
    """Standard error whose reader may be gone, or its disk full: the work goes on without its messages."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As far as it can be written."""
        with self._unheard():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As far as it can be flushed."""
        with self._unheard():
            self._stream.flush()

    @contextlib.contextmanager
    def _unheard(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _give_up(self._stream)


def _refuse(sentence: str) -> int:
    print(f"optima: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
