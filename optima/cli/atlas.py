"""``optima atlas``: build, query, export and verify a file of optimal losses."""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli import training_options as training_
from optima.cli.atlas_trained import Axes, export_trained, show_trained, shown_reg, shown_sizes
from optima.cli.declared import choice, file, integer, integers, numbers, typed, word
from optima.cli.menu import App
from optima.cli.terminal import bar, resumable, say
from optima.cli.terminal import show as show_table
from optima.files import check_apart, whole, write
from optima.progress import Part
from optima.report.fit_width import columns_of
from optima.tables.export import FORMATS, open_sink

if TYPE_CHECKING:
    from optima.atlas import Check, Hyperparameters, Record, Store
    from optima.model import DeepUFM
    from optima.workers.executors import Executors

app = App(help="Optimal losses over large grids, in one file that grows with every run.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The atlas file.")]


def _range(text: str, name: str) -> tuple[float, float]:
    ends = [parse.positive_real(part, name) for part in text.split(":")]
    if len(ends) > 2 or ends[0] > ends[-1]:
        raise ValueError(f"{name} is {text!r}; pass one number, or a range lo:hi")
    return ends[0], ends[-1]


@dataclass(frozen=True)
class Place:
    """Which cells or runs, by their place in the grid."""

    classes: Annotated[list[int] | None, integers("Only these K: integers and ranges a:b[:step].", least=2)] = None
    depths: Annotated[list[int] | None, integers("Only these L: integers and ranges.")] = None
    regs: Annotated[tuple[float, float] | None, typed("NUMBERS", _range, "Only this lambda, or this range lo:hi.")] = (
        None
    )

    @property
    def axes(self) -> Axes:
        """What is given, by axis."""
        return self.classes, self.depths, self.regs

    def records(self, atlas: Store) -> Iterator[Record]:
        """The cells."""
        return atlas.records(*self.axes)


@dataclass(frozen=True)
class Cells(Place):
    """Which cells, by their minima too."""

    structure: Annotated[str | None, word("Only this structure.")] = None
    rank: Annotated[int | None, integer("Only this rank of the logits, or middle rank of a relu network.", least=0)] = (
        None
    )

    def records(self, atlas: Store) -> Iterator[Record]:
        """The cells. Raises ValueError for a name that no cell has and that is not one of a structure either."""
        from optima.model.problem import ACTIVATIONS
        from optima.structures import HINTED, find, hint

        name, numbers = self.structure, range(2, HINTED + 1)
        # A name that no cell has may still be one of a structure.
        unmet = name is not None and next(atlas.records(structure=name), None) is None
        known = lambda name: any(find(name, K, activation) for K in numbers for activation in ACTIVATIONS)
        if name is not None and unmet and not known(name):
            raise ValueError(f"{atlas.path} has no cell of structure {name!r}; {hint(name, numbers)}")
        return atlas.records(*self.axes, name, self.rank)


NETCDF = "netcdf"
COLUMNS = columns_of(
    "K L reg n d:4 objective:6 activation:6 loss rank:1 <structure below_collapse:2 gap:3 below_catalogue:5"
)
# Columns that tell cells of one place apart: where they differ they stay longer.
APART = ("objective", "activation")


def _sizes(text: str, name: str) -> list[options.Sizes]:
    """Numbers of samples of all classes, or sizes of each; a comma separates classes, as in optima solve."""
    return [options.class_sizes(text)] if "," in text else [*parse.integers(text, name, 1)]


@app.command("build")
def build(
    context: typer.Context,
    classes: options.ClassGrid,
    depths: options.DepthGrid,
    regs: options.RegGrid,
    store: Annotated[Path, file("The atlas file; created or added to.")],
    samples: Annotated[
        list[list[options.Sizes]] | None,
        typed(
            "INTEGERS",
            _sizes,
            "n per class: a number, a range, or K sizes with commas; may be given several times.",
            several=True,
        ),
    ] = None,
    imbalance: Annotated[
        list[float] | None, numbers("Imbalance ratios, largest over smallest class: numbers and lo:hi:count.")
    ] = None,
    imbalance_type: Annotated[
        str,
        choice("Sizes n R^(-k/(K-1)), or n for half of the classes and n/R for the others.", "long-tailed", "step"),
    ] = "long-tailed",
    widths: Annotated[list[int] | None, integers("Hidden widths d: integers and ranges; default wide.")] = None,
    loss: Annotated[
        list[str] | None,
        choice("Cross-entropy (default) or squared error; may be given twice for both.", "ce", "mse", several=True),
    ] = None,
    activation: Annotated[
        list[str] | None,
        choice("Linear (default) or relu networks; may be given twice for both.", "linear", "relu", several=True),
    ] = None,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    certify: Annotated[bool, typer.Option("--certify", help="Prove a lower bound of each cell too.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Solve cells that are stored too; the better stays.")] = False,
    workers: options.Workers = None,
    scheduler: Annotated[
        str | None,
        word("Dask: tcp://HOST:PORT of a cluster, or local to start one here.", metavar="ADDRESS"),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train each cell too, by gradient descent from many seeds; needs --widths.")
    ] = False,
    *,
    training: training_.Training,
) -> None:
    """Solve the cells of a grid that the atlas lacks; repeat the command to go on after any interruption."""
    from optima.atlas import Store, dask, processes
    from optima.atlas.cells import grid
    from optima.atlas.training import checked

    if not train:
        training_.refuse(context, training_.NAMES, "but nothing is trained; add --train")
    elif widths is None:
        raise ValueError("training needs networks of some width; pass --widths, such as 50,100,200")
    if imbalance is None:
        training_.refuse(context, ("imbalance_type",), "without a ratio; add --imbalance")
    problems = grid(
        classes,
        depths,
        regs,
        [each for several in samples or [[1]] for each in several],
        widths or [None],
        loss or ["ce"],
        imbalance or [1.0],
        imbalance_type,
        activation or ["linear"],
    )
    settings = training.hyperparameters
    if train:
        checked(problems, settings)
    executors = processes(workers) if scheduler is None else dask(scheduler, workers)
    options.check_output(store, force=True)
    with Store(store, write=True) as atlas, resumable("repeat the command to go on"):
        _solve(atlas, problems, seed, effort, certify, again, executors)
        if train:
            _train(atlas, problems, settings, training.seeds, executors)


def _solve(
    atlas: Store, problems: list[DeepUFM], seed: int, effort: str, certify: bool, again: bool, executors: Executors
) -> None:
    from optima.atlas import build as fill

    with bar("atlas", otherwise=training_.say_line) as tell:
        done = fill(atlas, problems, seed, effort, certify, again, executors, progress=tell)
    print(f"{done.kept} cells solved or improved; {atlas.path} has {len(atlas)}")


def _train(atlas: Store, problems: list[DeepUFM], settings: Hyperparameters, seeds: int, executors: Executors) -> None:
    from optima.atlas import Runs
    from optima.atlas import train as descend

    with bar("training", otherwise=training_.say_line) as tell:
        done = descend(atlas, problems, settings, seeds, executors, tell)
    print(f"{done.done} runs trained; {atlas.path} has {len(Runs(atlas))}")


@app.command("show")
def show(
    store: File,
    cells: Cells,
    rows: Annotated[int, word("Rows shown before the rest is left out.", metavar="INTEGER")] = 60,
    history: Annotated[bool, typer.Option("--history", help="The minima that were replaced too.")] = False,
    trained: Annotated[bool, typer.Option("--trained", help="Where gradient descent ended, instead.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Cells of an atlas by number of classes, depth, lambda, structure and rank."""
    from optima.atlas import Store

    options.check_rows(rows)
    if trained:
        if cells.structure is not None or cells.rank is not None or history:
            raise ValueError("--trained has no --structure, --rank or --history; pass --classes, --depths or --regs")
        show_trained(store, cells.axes, rows, as_json)
        return
    with Store(store) as atlas:
        chosen = cells.records(atlas)
        if as_json:
            print(json.dumps({"cells": [_as_dict(atlas, record, history) for record in chosen]}, allow_nan=False))
            return
        found: Counter[str] = Counter()
        shown: list[list[str]] = []
        for record in chosen:
            found[record.structure] += 1
            if found.total() <= rows:
                shown.append(_cells(record))
                for past in atlas.history(record.problem) if history else []:
                    shown.append([*[""] * 7, f"was {past.loss:.10g}", str(past.rank), past.structure, *[""] * 3])
    met = [{row[i] for row in shown} - {""} for i in range(len(COLUMNS))]
    shown_columns = [
        replace(column, drop=2) if column.head in APART and len(met[i]) > 1 else column
        for i, column in enumerate(COLUMNS)
    ]
    show_table(shown_columns, shown, str(store), "--json")
    if any("relu" in each for each in met):
        say("rank: of relu networks the middle rank, the least rank of a hidden layer before the activation", 2)
    if found.total() > rows:
        say(f"... {found.total() - rows} more cells; pass --rows N to see more")
    say(f"{found.total()} cells: " + ", ".join(f"{name} {count}" for name, count in found.most_common()), 2)


@app.command("export")
def export(
    store: File,
    out: Annotated[Path | None, file("File to write; default standard output.")] = None,
    format: Annotated[
        str, choice("csv, json, markdown, latex, parquet or netcdf.", *FORMATS, NETCDF, metavar="FORMAT")
    ] = "csv",
    *,
    cells: Cells,
    trained: Annotated[bool, typer.Option("--trained", help="The runs of gradient descent, instead.")] = False,
    force: options.Force = False,
) -> None:
    """The cells of an atlas as a table, or as arrays over the grid (netcdf); without logits and networks."""
    from optima.atlas import Store
    from optima.atlas.export import CELLS, dataset

    check_apart(out, store)
    if trained:
        if cells.structure is not None or cells.rank is not None or format == NETCDF:
            raise ValueError("--trained has no --structure, --rank or netcdf; pass --classes, --depths or --regs")
        export_trained(store, cells.axes, out, format, force)
        return

    with Store(store) as atlas:
        chosen = cells.records(atlas)
        if format == NETCDF:
            if out is None:
                raise ValueError("netcdf cannot be written to standard output; pass --out FILE")
            options.check_output(out, force)
            _write_netcdf(dataset(chosen), out)
            return
        with open_sink(out, format, CELLS.schema, sys.stdout.buffer, force) as sink:
            for batch in CELLS.batches(chosen):
                sink.write(batch)
    print(f"{sink.count} cells written", file=sys.stderr)


def _write_netcdf(arrays: Any, out: Path) -> None:
    """The library writes to names only, and parts of the file more than once: first elsewhere, then as a whole."""
    from optima.extras import needed

    needed("netCDF4", "xarray")
    with closing(arrays), tempfile.TemporaryDirectory() as folder:
        arrays.to_netcdf(Path(folder) / "atlas.nc", engine="netcdf4")
        with open(Path(folder) / "atlas.nc", "rb") as ready, whole(out) as stream:
            shutil.copyfileobj(ready, stream)


@app.command("page")
def page(
    store: File,
    out: Annotated[Path, file("HTML file to write.")],
    place: Place,
    force: options.Force = False,
) -> None:
    """One HTML file to explore the atlas with, in a browser and without a network."""
    from optima.atlas import Store
    from optima.page import atlas_page as html

    options.check_output(out, force)
    check_apart(out, store)
    with Store(store) as atlas:
        text = html(place.records(atlas)).encode()
    write(out, text)
    print(f"{out}: {len(text) / 1e6:.2f} MB")


@app.command("verify")
def verify(store: File) -> None:
    """Compute every stored loss again through weights and features; exit code 1 when one differs.

    So it is when cells, bounds or runs are gone that the file says it holds.
    """
    from optima.atlas import Runs, Store, check, check_trained

    with Store(store) as atlas, bar("verifying") as tell:
        total, done, worst, wrong = len(atlas) + len(Runs(atlas)), 0, 0.0, []
        again = (each for run in Runs(atlas).all() if (each := check_trained(run)) is not None)
        results: Iterator[Check] = chain(map(check, atlas.records()), again)
        for result in results:
            done += 1
            worst = max(worst, result.error)
            if not result.holds:
                wrong.append(result)
            tell(Part(done, total))
        lost, listed = atlas.lost(), atlas.has_ledger
    for result in wrong:
        print(f"{result.problem}: stored {result.stored:.12g}, its weights have {result.objective:.12g}")
    print(f"{done - len(wrong)} of {done} losses hold; largest relative difference {worst:.1e}")
    for kind, (count, held) in lost.items():
        print(f"{store} has lost {count} of its {held} {kind}, or their entries in its ledger; pass an undamaged copy")
    if not listed:
        print(f"{store} is of an older version, which does not say what it holds; optima atlas build writes that down")
    if wrong or lost or not (listed or total):
        raise typer.Exit(1)


@app.command("add")
def add(
    store: File,
    solutions: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Solution files (.npz) from optima solve --save.")
    ],
) -> None:
    """Take others' finds into an atlas: the loss is computed again first, and the better minimum stays."""
    from optima.atlas import Store
    from optima.atlas.verify import verified
    from optima.solution import Solution

    # All are read and checked before the first is added, and all are added or none.
    given = []
    for path in solutions:
        try:
            given.append(verified(Solution.load(path)))
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist; pass a file written by optima solve --save") from None
        except (ValueError, TypeError) as error:
            raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    options.check_output(store, force=True)
    with Store(store, write=True) as atlas:
        better = {id(record) for record in atlas.put(given)}
    for path, record in zip(solutions, given, strict=True):
        kept = "added" if id(record) in better else "not better than what is stored"
        print(f"{path}: {record.description}, loss {record.loss:.12g}: {kept}")


def _as_dict(atlas: Store, record: Record, history: bool) -> dict[str, Any]:
    from optima.atlas.export import CELLS
    from optima.solution.stored import network_dict

    out = {**CELLS.row(record), "gap": None if math.isnan(record.gap) else record.gap, "logits": record.means.tolist()}
    if record.network is not None:
        out |= network_dict(record.network) | {"factors": [factor.tolist() for factor in record.network.factors]}
    before = atlas.history(record.problem) if history else []
    return out | ({"history": [vars(past) | {"structure": past.structure} for past in before]} if history else {})


def _cells(record: Record) -> list[str]:
    from optima.scales.collapse_loss import collapse_loss

    problem = record.problem
    reg = shown_reg(problem)
    samples = shown_sizes(problem)
    gap = "" if math.isnan(record.gap) else f"{record.gap:.1e}"
    collapse = collapse_loss(problem)
    below = [math.nan if collapse is None else 1 - record.loss / collapse, record.gain]
    collapse_gain, gain = (f"{100 * share:.2g} %" if share > 1e-9 else "" for share in below)
    kind = [str(problem.width or ""), problem.loss, problem.activation]
    head = [str(problem.classes), str(problem.depth), reg, samples, *kind]
    return [*head, f"{record.loss:.10g}", str(record.rank), record.structure, collapse_gain, gap, gain]
