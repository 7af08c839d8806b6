"""A solution in words: first what it is and what is proved, then the details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optima import html
from optima.model import DeepUFM
from optima.report.fit_width import columns_of, labelled, paragraph, table_text
from optima.report.words import ROUNDING, per_cent, problem_words, spans
from optima.scales.collapse_loss import collapse_loss, collapse_name
from optima.solution.knowledge import PROVED, Knowledge
from optima.structures.recognition.result import grouped

if TYPE_CHECKING:
    from optima.solution import Rung, Solution

LADDER = columns_of("rank best_loss minima:2 starts:1 <structure")
VERDICTS = {
    "unverified": "descents came to rest there, and whether it is a minimum was not tested",
    "saddle": "the gradient vanishes there, and in some direction the loss falls",
    "not converged": "the descent had not come to rest there",
}


def solution_text(solution: Solution, limit: int | None = None) -> str:
    """What a solution prints, in lines of at most ``limit`` characters where words allow it."""
    lines = [paragraph(line, limit) for line in headline(solution)]
    lines += ["", *labelled(_details(solution), limit)]
    rungs = [rung for rung in solution.ladder if rung.minima]
    if rungs:
        title = f"The ladder, the best of each {'rank' if solution.network is None else 'middle rank'}:"
        lines += ["", title, table_text(LADDER, [_rung(rung) for rung in rungs], limit)]
    notes = _notes(solution, rungs)
    return "\n".join([*lines, *([""] if notes else []), *(paragraph(note, limit, 2) for note in notes)])


def headline(solution: Solution) -> list[str]:
    """The best structure known with its loss, that against deep neural collapse, and what is proved."""
    network = solution.network
    rank = f"rank {solution.rank}" if network is None else f"middle rank {network.middle_rank}"
    what = "minimum" if network is None else "network"
    found = f"best {what} known: {_name(solution)}, {rank}, loss {solution.loss:.12g}"
    return [found, _against_collapse(solution), _proved(solution)]


def _name(solution: Solution) -> str:
    if not solution.recognition.named:
        return f"a {'structure' if solution.network is None else 'network'} without a name"
    name = solution.structure
    return f"{name} (deep neural collapse)" if name == _collapse_name(solution.problem) else name


def _collapse_name(problem: DeepUFM) -> str:
    return collapse_name(problem.loss, problem.activation if problem.nonlinear else "linear")


def _against_collapse(solution: Solution) -> str:
    problem = solution.problem
    name = _collapse_name(problem)
    collapse = collapse_loss(problem)
    if collapse is None:
        return f"not compared with deep neural collapse: width {problem.width} has no room for its rank (the {name})"
    below = 1 - solution.loss / collapse if collapse else 0.0
    what = f"deep neural collapse (the {name} at its best scale, loss {collapse:.12g})"
    if abs(below) <= ROUNDING:
        return (
            "nothing known is below deep neural collapse" if solution.structure == name else f"the same loss as {what}"
        )
    return f"{per_cent(abs(below))} {'below' if below > 0 else 'above'} {what}"


def _proved(solution: Solution) -> str:
    if solution.proof is None:
        return "not proved: no lower bound was worked for"
    bound, gap = solution.lower_bound, solution.gap
    if gap <= ROUNDING:
        return "proved: no loss is lower, up to rounding"
    if gap <= PROVED:
        return f"proved up to {per_cent(gap)}: a loss below {bound:.12g} is excluded"
    if bound <= 0:
        return "not proved: no lower bound above 0 is known"
    return f"not proved: a loss down to {bound:.12g} is not excluded"


def _details(solution: Solution) -> list[tuple[str, str]]:
    spectrum = ", ".join(f"{value:.6g} x{count}" for value, count in grouped(solution.singular_values))
    return [
        ("problem", problem_words(solution.problem)),
        ("loss", f"{solution.loss:.12g}  (fit {solution.fit:.6g} + penalty {solution.penalty:.6g})"),
        ("structure", solution.recognition.description),
        ("rank", f"{solution.rank}, singular values of Z: {spectrum or 'none'}"),
        *_layers(solution),
        ("margin", f"{solution.margin:.6g}, the least lead of a class over another in the logits"),
        ("known by", f"{solution.kind}; {solution.known_by}"),
        ("bound", _bound(solution)),
        ("time", f"{_seconds(solution)} (seed {solution.seed}, effort {solution.effort})"),
    ]


def _seconds(solution: Solution) -> str:
    """What the search took, and the proof."""
    search = f"{solution.seconds:.2f} s"
    return search if solution.proof is None else f"search {search}, proof {solution.proof.seconds:.2f} s"


def _layers(solution: Solution) -> list[tuple[str, str]]:
    """Neurons and ranks of the hidden layers of a network."""
    if solution.network is None:
        return []
    hidden = solution.network.layers[:-1]
    layers = [
        f"M_{number + 2} {len(layer)} x {layer.shape[1]} of rank {rank}"
        for number, (layer, rank) in enumerate(zip(hidden, solution.network.ranks, strict=False))
    ]
    return [
        ("layers", "; ".join(layers) + "; before the activation, a row for each neuron and a column for each class")
    ]


def _bound(solution: Solution) -> str:
    proof = solution.proof
    if proof is None:
        return "none was worked for; optima.certify works for one"
    ended = f"; {proof.ended}" if proof.ended else ""
    return (
        f"no loss is below {proof.lower:.12g} (gap {solution.gap:.2g} = 1 - bound / loss): {proof.method}, "
        f"{proof.rigour}{ended}"
    )


def _rung(rung: Rung) -> list[str]:
    best = rung.minima[0]
    note = "" if best.verdict == "minimum" else f" ({best.verdict})"
    return [str(rung.rank), f"{best.loss:.10g}", str(len(rung.minima)), str(rung.starts), best.structure + note]


def _notes(solution: Solution, rungs: list[Rung]) -> list[str]:
    """What the words mean that appear above, and why ranks do not."""
    notes = []
    met = {rung.minima[0].verdict for rung in rungs}
    notes += [f"{verdict}: {meaning}" for verdict, meaning in VERDICTS.items() if verdict in met]
    if solution.network is not None:
        return [*notes, *_network_notes(rungs)]
    if any(rung.minima[0].structure.startswith("unnamed") for rung in rungs):
        notes.append("unnamed: no formula of the catalogue gives these logits")
    if len(rungs) > 1 and any(not rung.starts for rung in rungs):
        notes.append("starts 0: only named structures, and minima of the ranks beside it, were tried there")
    if "chance" in solution.known_by:
        notes.append(
            "chance: how often, at most, ten times the work improved on searches that met their best minimum as often; "
            "measured, not a proof"
        )
    absent = _absent(solution, rungs)
    if absent:
        notes.append(
            f"not in the ladder: rank{'s' * (len(absent) > 1)} {spans(absent)}, where no minimum was found: either "
            "every start there ended at a lower rank or did not come to rest, or none was made, as the losses at the "
            "other ranks left no hope for a lower one"
        )
    return notes


def _network_notes(rungs: list[Rung]) -> list[str]:
    notes = ["middle rank: the least rank of a hidden layer before the activation; starts: descents that ended there"]
    if any(rung.minima[0].structure.startswith("unnamed") for rung in rungs):
        notes.append("unnamed: no network of the catalogue has these singular values in all of its layers")
    if any(not rung.starts for rung in rungs):
        notes.append("starts 0: the minimum next to a named network")
    return notes


def _absent(solution: Solution, rungs: list[Rung]) -> list[int]:
    """Ranks that the logits may have, and that the ladder of a search lacks."""
    if not any(rung.starts for rung in rungs) or Knowledge.stated(solution.known_by) is not Knowledge.BEST_OF_STARTS:
        return []
    most = min(solution.problem.max_rank, solution.problem.classes - 1)
    return sorted(set(range(1, most + 1)) - {rung.rank for rung in rungs})


def solution_html(solution: Solution) -> str:
    """What a notebook shows: the same facts."""
    rungs = [rung for rung in solution.ladder if rung.minima]
    heads = [column.head for column in LADDER]
    return html.section(
        f"{solution.recognition.label}, loss {solution.loss:.12g} ({solution.problem.summary})",
        html.facts(_details(solution)),
        html.table(heads, [_rung(rung) for rung in rungs[: html.ROWS]]) if rungs else "",
        html.more(len(rungs) - html.ROWS, "ranks", ".ladder"),
    )
