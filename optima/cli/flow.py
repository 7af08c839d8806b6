"""``optima flow``: training without regularisation by infinitely small steps."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli.declared import choice, file, number, typed
from optima.cli.terminal import width as screen_width

# Where a flow stops that is not told where to.
UNTIL = {"margin": 50.0}


def _values(text: str, name: str) -> list[float]:
    """Numbers from 0 on, in which repeats count."""
    return [parse.positive_real(part, name, zero=True) for part in text.split(",")]


def _stops(text: str, name: str) -> dict[str, float]:
    """``margin=500``, ``loss=1e-6``, both, or a number, which is a margin."""
    found = {}
    for part in text.split(","):
        what, equals, value = part.rpartition("=")
        found[what.strip() if equals else "margin"] = parse.positive_real(value, name)
    return found


def flow(
    classes: options.Classes,
    depth: options.Depth,
    start: Annotated[
        list[float] | None,
        typed("NUMBERS", _values, "Singular values in characters: one for all, or one a block; else Gaussian logits."),
    ] = None,
    group: Annotated[
        tuple[int, ...] | None,
        typed("GROUP", options.group_orders, "Their group: cyclic, such as 8, or a product, such as 2x4."),
    ] = None,
    spread: Annotated[
        float, typed("NUMBER", partial(parse.positive_real, zero=True), "Start values times exp(spread N(0, 1)).")
    ] = 0.0,
    gaussian: Annotated[
        str, choice("Without --start: balanced logits, or all factors.", "logits", "factors")
    ] = "logits",
    scale: Annotated[float | None, number("Of Gaussian starts; default 0.01, factors 1 (over the root of d).")] = None,
    seed: options.Seed = 0,
    time: Annotated[float | None, number("The time t at which to stop, up to 1e300.")] = None,
    until: Annotated[
        dict[str, float] | None, typed("margin=NUMBER|loss=NUMBER", _stops, "Where to stop; default margin=50.")
    ] = None,
    samples: options.ClassSizes = 1,
    width: options.Width = None,
    loss: options.Loss = "ce",
    tolerance: Annotated[float, number("Relative error of one step.")] = 1e-12,
    heading: Annotated[bool, typer.Option("--heading", help="Also which code the logits are heading for.")] = False,
    plot: Annotated[Path | None, file("Draw singular values, margin and effective rank.")] = None,
    as_json: options.AsJson = False,
    force: options.Force = False,
) -> None:
    """Training without weight decay as an exact flow: singular values, margin and rank, to any time or margin.

    Three forms: values in characters (--start), class-mean logits of balanced factors (a Gaussian start), all factors
    (--gaussian factors).
    """
    from optima.dynamics.flow import flow as compute
    from optima.model import DeepUFM
    from optima.report.flow import flow_text
    from optima.report.heading import heading_text
    from optima.search.heading import heading as heading_of

    options.check_picture(plot, force)
    problem = DeepUFM(classes, depth, 0.0, samples, width, loss)
    begin, orders = _start(problem, start, group, spread, gaussian, scale, seed)
    stops = UNTIL if time is None and until is None else until
    run = compute(problem, begin, time, stops, group=orders, tolerance=tolerance)
    aim = heading_of(run) if heading else None
    if plot is not None:
        run.plot(plot)
    if as_json:
        print(json.dumps(run.as_dict() | ({"heading": aim.as_dict()} if aim else {}), allow_nan=False))
        return
    print(flow_text(run, screen_width()))
    if aim is not None:
        print("\n" + heading_text(aim, screen_width()))


def _start(
    problem: Any,
    start: list[float] | None,
    group: tuple[int, ...] | None,
    spread: float,
    gaussian: str,
    scale: float | None,
    seed: int,
) -> tuple[Any, tuple[int, ...] | None]:
    """The start and the group of its characters. Raises ValueError where options do not go together."""
    from optima.dynamics.starts import character_start, gaussian_logits
    from optima.limits import check_flow
    from optima.training.initial import Initialisation

    if start is not None:
        if scale is not None or gaussian != "logits":
            raise ValueError("--start is given, and --gaussian or --scale; pass one kind of start")
        return character_start(problem, start, group, spread, seed)
    if group is not None or spread:
        raise ValueError("--group and --spread are of values in characters; pass --start too")
    if gaussian == "factors":
        check_flow(problem, gaussian)
        return Initialisation(problem, scale=scale).factors(seed), None
    return gaussian_logits(problem, 0.01 if scale is None else scale, seed), None
