"""``optima spectrum``: outliers and bulk of a matrix of the network at a minimum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import choice, file, integer, typed
from optima.cli.terminal import width as screen_width

OF = ("hessian", "gauss-newton", "gradient", "gradient-covariance", "weights", "features")
# Asks for the minimum that the search finds.
BEST = "best"


def _layer(text: str, name: str) -> int | str:
    from optima.cli import parse

    if text in ("all", "H"):
        return text
    try:
        return parse.integer(text, name, 1)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; pass one of 1 to L, H for the features, or all") from None


def spectrum(
    problem: options.AnyProblem,
    layer: Annotated[Any, typed("INTEGER|H|all", _layer, "1 to L, H for the features, or all parameters.")] = "all",
    structure: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A structure at its best scale, or best: what optima solve finds; default deep neural collapse.",
            autocompletion=options.structure_names,
        ),
    ] = None,
    of: Annotated[str, choice("Which matrix.", *OF, metavar="NAME")] = "hessian",
    regularised: Annotated[bool, typer.Option("--regularised", help="Add lambda to the Hessian.")] = False,
    kink: Annotated[int, integer("relu: its derivative at zero, 0 or 1.", least=0)] = 0,
    count: Annotated[int, integer("How many eigenvalues, where a matrix is too large for all.")] = 200,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    plot: Annotated[Path | None, file("Draw the eigenvalues.")] = None,
    as_json: options.AsJson = False,
    force: options.Force = False,
) -> None:
    """Eigenvalues of a matrix of the network at a minimum: outliers, bulk, and how each is known.

    Matrices: hessian, gauss-newton, gradient (second moment over the samples), gradient-covariance, weights (W^T W)
    and features (X X^T / N).
    """
    from optima.report.spectrum import spectrum_text
    from optima.spectra.ask import spectrum as ask

    options.check_picture(plot, force)
    model = problem.model
    options_of = {"layer": layer, "of": of, "regularised": regularised, "kink": kink, "count": count}
    if structure == BEST:
        from optima.certification import solve

        found = ask(solve(model, seed, effort), **options_of)
    else:
        found = ask(model, structure, **options_of)
    if plot is not None:
        found.plot(plot)
    print(json.dumps(found.as_dict(), allow_nan=False) if as_json else spectrum_text(found, screen_width()))
