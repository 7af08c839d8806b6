"""The application and how its errors reach the user."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TextIO

import typer

from optima.cli import (
    atlas,
    basin,
    certify,
    check,
    compare,
    flow,
    forecast,
    formula,
    loss,
    max_margin,
    phase,
    recognise,
    reproduce,
    solve,
    spectrum,
    structures,
    table,
    thresholds,
    train,
    watch,
)
from optima.cli.menu import App, Command
from optima.version import VERSION

# The commands by panel of the help: a function or an application, and what it is for in one line.
COMMANDS: dict[str, dict[str, tuple[Any, str]]] = {
    "Start": {
        "solve": (solve.solve, "The best minimum known of one problem: which structure it is."),
        "table": (table.table, "Which structure wins, over a grid of K, L and lambda."),
        "loss": (loss.loss, "The loss of every named structure in one problem."),
        "structures": (structures.structures, "The structures: names, words of the papers, formulas."),
        "formula": (formula.formula, "The exact loss of one structure, as text or LaTeX."),
        "thresholds": (thresholds.thresholds, "From how many classes on collapse loses with relu."),
        "max-margin": (max_margin.max_margin, "The limit of vanishing lambda: the code of margin one."),
    },
    "Spectra": {
        "spectrum": (spectrum.spectrum, "Outliers and bulk of Hessians, gradients, weights and features."),
    },
    "Your network": {
        "compare": (compare.compare, "Where your logits stand among the predicted minima."),
        "forecast": (forecast.forecast, "Singular values and losses of a head before it is trained."),
        "watch": (watch.watch, "Measures of a network while it is trained."),
        "recognise": (recognise.recognise, "Which structure your logits are nearest to."),
    },
    "Proofs": {
        "certify": (certify.certify, "How far below the best minimum known the global one can be."),
    },
    "Training": {
        "train": (train.train, "Gradient descent from many seeds: at which minimum it ends."),
        "flow": (flow.flow, "Without weight decay: the exact flow to any time or margin."),
        "basin": (basin.basin, "Without weight decay: which starts end at neural collapse."),
    },
    "Papers": {
        "reproduce": (reproduce.reproduce, "A published figure and its data, made again."),
        "check": (check.check, "Published theorems, or your own, as checks that can fail."),
    },
    "Large grids": {
        "phase": (phase.phase, "Phase diagram: which structure is optimal where."),
        "atlas": (atlas.app, "The best minima of many cells in one file, with a page."),
    },
}
EXAMPLES = """
Examples

  optima solve --classes 12 --depth 3 --lambda 1e-3
  optima table --classes 2:12 --depths 1:6 --lambdas 1e-4:1e-2:3
  optima reproduce garrod2025.fig1 --quick

INTEGERS are 10 or 4,10 or 2:20 or 2:20:2 (in steps of 2), NUMBERS are 1e-3 or 2^-10
or 1e-6:1e-1:11 (11 values, evenly spaced in the logarithm), both also with commas.
Options may be singular or plural, --lambda is --reg, and -K, -L, -n, -d are --classes,
--depth, --samples, --width. optima COMMAND -h lists the options of a command.
"""

app = App(
    name="optima",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for _panel, _commands in COMMANDS.items():
    for _name, (_what, _line) in _commands.items():
        if isinstance(_what, App):
            app.add_typer(_what, name=_name, short_help=_line, rich_help_panel=_panel)
        else:
            kind = table.Command if _what is table.table else Command
            app.command(_name, cls=kind, short_help=_line, rich_help_panel=_panel)(_what)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"optima {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Which structure minimises the loss of a deep network whose features are free, and how sure that is.

    The model has K classes, n samples of each, L weight matrices, and weight decay lambda on all factors.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake gives one sentence on standard error and exit code 2."""
    with contextlib.redirect_stderr(_messages(sys.stderr)):
        if sys.stdout is None:
            return _refuse("standard output is closed; leave it open, or send it to a file")
        return _answered(list(sys.argv[1:] if arguments is None else arguments))


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
        what = f" ({error})" if str(error) else ""
        return _refuse(f"there is not enough memory{what}; pass fewer classes, samples, layers, seeds or workers")
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
    command = _command()
    try:
        if "_OPTIMA_COMPLETE" in os.environ:
            # The shell asks for completions, which only that ``main`` gives.
            command.main(arguments, prog_name="optima")
        with command.make_context("optima", arguments) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:
        # Completions and their installation end so.
        return int(stop.code or 0)
    return 0


@cache
def _command() -> Any:
    """All commands; they take longer to be made than most mistakes to be found, and are made once a process."""
    return typer.main.get_command(app)


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
