"""``optima train``: gradient descent on all parameters, held against the predicted minima."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options, parse
from optima.cli import training_options as training_
from optima.cli.declared import choice, file, integer, integers, number, numbers, typed, word
from optima.cli.terminal import bar, from_checkpoint, resumable, say, show
from optima.limits import check_cells
from optima.model import DeepUFM
from optima.report.fit_width import columns_of
from optima.report.words import problem_words

if TYPE_CHECKING:
    from optima.training import Comparison, Run, Share


# Words for predictions that are not of a structure.
SHOWN = {"global": "best minimum known", "dnc": "bound on deep neural collapse"}
SPECTRA = ("hessian_eigenvalues", "gradient_in_outliers", "gradient_eigenvector")
SPECTRA_COLUMNS = columns_of("seed layer <largest <predicted next:3 in_outliers:1 eigenvector:2")
COLUMNS = columns_of("seed loss rank:2 <structure distance:5 gradient:4 steps:4 <ended:3 <heading_for:1")
# Those of runs without regularisation.
FREE_COLUMNS = columns_of("seed loss margin rank:2 effective_rank:1 <structure distance:5 spread:4 steps:4 <ended:3")


@dataclass(frozen=True)
class Runs(training_.Training):
    """How runs are trained, at several learning rates."""

    lr: Annotated[Any, numbers("Learning rate: numbers and ranges lo:hi:count.")] = 0.5
    margin: Annotated[float | None, number("End a run at this margin of its worst sample; default never.")] = None


def _regs(text: str, name: str) -> list[float]:
    return parse.reals(text, name, zero=True)


def train(
    classes: options.Classes,
    depth: options.Depth,
    width: Annotated[
        list[int] | None, integers("Hidden width d: integers and ranges a:b[:step]; default the number of classes.")
    ] = None,
    reg: Annotated[
        list[float] | None,
        typed("NUMBERS", _regs, "Regularisation lambda of every factor: numbers, lo:hi:count; 0 is none."),
    ] = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: options.ClassSizes = 1,
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    effort: options.Effort = "quick",
    record: Annotated[
        str | None, choice("Follow the Hessian of every layer: spectrum.", "spectrum", metavar="NAME")
    ] = None,
    backend: Annotated[str, word("Array library: numpy, torch, cupy or jax.")] = "numpy",
    device: Annotated[str | None, word("Its device, such as cuda.")] = None,
    threads: Annotated[int | None, integer("Threads of numpy; default one for each core.")] = None,
    checkpoint: Annotated[Path | None, file("Store the state here; the same command goes on from it.")] = None,
    plot: Annotated[Path | None, file("Draw loss curves and mean logits to this file.")] = None,
    as_json: options.AsJson = False,
    force: options.Force = False,
    *,
    runs: Runs,
) -> None:
    """Full-batch gradient descent from many seeds: where it ends, against every predicted loss."""
    from optima.training import Rule
    from optima.training import train as descend

    width = width or [classes]
    given: Sequence[float | None] = reg or [None]
    regs = [options.regularisation(value, reg_per_factor) for value in given]
    cells = len(regs) * len(width) * len(runs.lr)
    check_cells(cells)
    problems = [DeepUFM(classes, depth, value, samples, loss=loss, activation=activation) for value in regs]
    pictures = _pictures(plot, cells, force)
    way_on = from_checkpoint(checkpoint)
    with resumable(way_on), bar("training") as tell:
        training = descend(
            problems,
            width,
            runs.lr,
            runs.steps,
            runs.seeds,
            init=runs.init,
            scale=runs.scale,
            rule=Rule(runs.momentum, runs.nesterov, runs.decay),
            tolerance=runs.tolerance,
            margin=runs.margin,
            record=record or False,
            backend=backend,
            device=device,
            threads=threads,
            checkpoint=checkpoint,
            progress=tell,
        )
    if runs.polish:
        with resumable(way_on), bar("polishing") as tell:
            training = training.polished(tell)
    compared = training.compare(effort)
    if pictures:
        for cell, picture in zip(compared, pictures, strict=True):
            cell.plot(picture)
    if as_json:
        found = [_as_dict(cell, record) for cell in compared]
        print(json.dumps(found[0] if len(found) == 1 else {"cells": found}, allow_nan=False))
    else:
        for cell in compared:
            _print(cell)
            if record:
                _print_spectra(cell)


def _pictures(plot: Path | None, count: int, force: bool) -> list[Path]:
    """One file for each cell, numbered when there are several; all can be written, or ValueError."""
    if plot is None:
        return []
    from optima.plot.picture import check_pictures

    check_pictures([plot])
    files = [plot] if count == 1 else [plot.with_stem(f"{plot.stem}-{number}") for number in range(count)]
    for each in files:
        options.check_output(each, force)
    return files


def _as_dict(cell: Comparison, record: str | None) -> dict[str, Any]:
    from optima.model.key import problem_dict

    found = {"problem": problem_dict(cell.problem), "lr": cell.lr, **cell.as_dict()}
    if record:
        from optima.training.layer_spectra import recorded_spectra

        found["spectra"] = [None if run.diverged else recorded_spectra(run) for run in cell.runs]
    return found


def _print_spectra(cell: Comparison) -> None:
    """For each run and layer the outliers at the end, against those predicted where it ended."""
    from optima.spectra.eigenvalues import repeated
    from optima.spectra.result import outlier_count
    from optima.training.layer_spectra import ended_at, predicted_layers

    count, rows = outlier_count(cell.problem), []
    for run in cell.runs:
        predicted = [] if run.diverged else predicted_layers(run.problem, ended_at(run))
        for layer in range(0 if run.diverged else cell.problem.depth):
            last = {name: run.history[name][-1, layer] for name in SPECTRA}
            values = last["hessian_eigenvalues"]
            wanted = repeated(predicted[layer])[:count] if predicted else None
            span = "" if wanted is None else f"{wanted[0]:.6g} to {wanted[-1]:.6g}"
            shares = [f"{last[name]:.6f}" for name in SPECTRA[1:]]
            found = [f"{values[0]:.6g} to {values[count - 1]:.6g}", span, f"{values[count]:.2g}"]
            rows.append([str(run.seed), str(layer + 1), *found, *shares])
    say("")
    show(SPECTRA_COLUMNS, rows, f"Hessian of each layer at the end: its {count} largest eigenvalues, and the gradient")
    say(
        "predicted: at the structure where the run ended; next: the largest eigenvalue after these; in outliers: share "
        "of the squared gradient in their space; eigenvector: squared cosine of the gradient with its image"
    )


def _print_free(cell: Comparison) -> None:
    """Runs without regularisation, which no loss is predicted for."""
    title = f"{problem_words(cell.problem)}, {cell.problem.activation}, learning rate {cell.lr:g}"
    show(FREE_COLUMNS, [_free_row(run) for run in cell.runs], title)
    say("without regularisation no loss is the least; spread: of the K - 1 singular values, relative to their mean", 2)
    say("ended at: " + _counted(cell.shares), 2)


def _free_row(run: Run) -> list[str]:
    if run.diverged:
        return [str(run.seed), *[""] * 7, str(run.steps), "diverged"]
    distance = run.recognition.distance
    row = [str(run.seed), f"{run.loss:.10g}", f"{run.history['margin'][-1]:.6g}", str(run.rank)]
    row += [f"{run.effective_ranks[-1]:.4f}", run.structure, "" if distance is None else f"{distance:.1e}"]
    return [*row, f"{run.repulsion[0][-1]:.4g}", str(run.steps), run.ending]


def _print(cell: Comparison) -> None:
    if not any(cell.problem.regs):
        _print_free(cell)
        return
    polished = any(run.polished for run in cell.runs)
    columns = [column for column in COLUMNS if polished or column.head != "heading for"]
    title = f"{problem_words(cell.problem)}, {cell.problem.activation}, learning rate {cell.lr:g}"
    show(columns, [_row(run, polished) for run in cell.runs], title)
    if cell.predicted:
        say(
            "predicted: " + ", ".join(f"{SHOWN.get(name, name)} {loss:.10g}" for name, loss in _nearby(cell).items()), 2
        )
    for kind in {run.kind for run in cell.runs if run.kind}:
        say(f"known by: {kind}", 2)
    say("ended at: " + _counted(cell.shares), 2)
    if polished:
        for line in _headings(cell) if cell.problem.nonlinear else [_counted(cell.polished_shares)]:
            say(f"heading for: {line}", 2)


def _headings(cell: Comparison) -> list[str]:
    """For each relu network how many runs were heading for it, the loss there, and where gradient descent is."""
    lines = []
    for name, share in cell.polished_shares.items():
        met = [(run, run.polished) for run in cell.runs if run.polished and run.polished.structure == name]
        line = _counted({name: share})
        if met:
            above = [100 * (run.loss / end.loss - 1) if end.loss else 0.0 for run, end in met]
            line += f", loss {_spread([end.loss for _, end in met], '.10g')}, gradient descent is at "
            line += f"{_spread([run.loss for run, _ in met], '.10g')}, {_spread(above, '.2g')} % above"
        lines.append(line)
    return lines


def _spread(values: Sequence[float], form: str) -> str:
    """The values, or the least and the largest."""
    return " to ".join(dict.fromkeys(f"{value:{form}}" for value in (min(values), max(values))))


def _row(run: Run, polished: bool) -> list[str]:
    if run.diverged:
        return [str(run.seed), "", "", "", "", "", str(run.steps), "diverged", *([""] if polished else [])]
    distance = run.recognition.distance
    row = [str(run.seed), f"{run.loss:.10g}", str(run.rank), run.structure]
    row += ["" if distance is None else f"{distance:.1e}", f"{run.relative_gradient:.1e}", str(run.steps), run.ending]
    if polished and run.polished is not None:
        row.append(f"{run.polished.structure} {run.polished.loss:.10g} ({run.polished.verdict})")
    return row


def _nearby(cell: Comparison) -> dict[str, float]:
    """The global minimum, the bound, and the structures that were met or are best known, best first."""
    met = {*cell.shares, *cell.polished_shares, "global", "dnc", "simplex", "pairs", "frame", "collapse"}
    met.add(min(cell.predicted, key=lambda name: cell.predicted[name] if name != "dnc" else math.inf))
    chosen = {name: loss for name, loss in cell.predicted.items() if name in met}
    return dict(sorted(chosen.items(), key=lambda item: item[1]))


def _counted(shares: dict[str, Share]) -> str:
    parts = []
    for name, share in shares.items():
        low, high = share.interval
        parts.append(f"{name} {share.count} of {share.total} (95 %: {low:.2f} to {high:.2f})")
    return ", ".join(parts)
