"""A network in plain words: how collapsed, nearest to what, how far from the optimum, and what would change that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from optima import html
from optima.report.chart import bars
from optima.report.fit_width import Column, columns_of, hidden_words, layout, paragraph, table_text
from optima.report.measures import FAR, document, headline, measure_tables
from optima.report.words import ROUNDING, per_cent, problem_words
from optima.structures.recognition.result import NOISY

if TYPE_CHECKING:
    from optima.forecasts import Prediction
    from optima.measures.beside import Change, NetworkReport

# Characters of a line where no limit is given, and singular values that are drawn.
LINE, LISTED = 100, 24
# Singular values below this part of the largest are not drawn.
SMALL = 1e-3
# Measures up to which something is said to be so.
CLOSE = 0.1
# Share of the loss up to which a network is said to be at the optimum.
AT = 1e-3
CHANGES = columns_of("<change <optimum rank:1 loss:2 collapse_above_it:3")
NEAR = columns_of("<distance <structure")
WHAT = {
    "simplex": "deep neural collapse: every class as far from every other",
    "frame": "deep neural collapse: an orthogonal frame",
    "collapse": "deep neural collapse: an orthogonal frame in every layer",
    "pairs": "classes in antipodal pairs",
    "polygon": "classes on a circle",
    "zero": "nothing is learned, the decay is too strong",
}
COUNTED = {-1: "one layer less", 1: "one layer more", 2: "two layers more"}


@dataclass(frozen=True)
class Section:
    """A heading, sentences, tables with their titles, and pictures as HTML."""

    heading: str
    sentences: Sequence[str]
    tables: Sequence[tuple[str, Sequence[Column], Sequence[Sequence[str]]]] = ()
    pictures: Sequence[str] = ()


def report_text(found: NetworkReport, limit: int | None = None) -> str:
    """What a report prints, in lines of at most ``limit`` characters where words allow it; tables alone without one."""
    tables, limit = limit, limit or LINE
    lines = [paragraph(verdict(found), limit)]
    for section in sections(found):
        lines += ["", paragraph(section.heading, limit)]
        lines += [paragraph(f"  {sentence}", limit, 2) for sentence in section.sentences]
        for title, columns, rows in section.tables:
            lines += ["", *([paragraph(title, limit)] if title else []), table_text(columns, rows, tables)]
            _, hidden = layout(columns, rows, tables)
            lines += [paragraph(hidden_words(hidden, "as_dict()"), limit)] if hidden else []
    return "\n".join(lines)


def report_html(found: NetworkReport) -> str:
    """What a notebook shows, and the body of a page."""
    parts = [html.title(verdict(found))]
    for section in sections(found):
        parts += [html.title(section.heading, 2), *map(html.note, section.sentences), *section.pictures]
        for title, columns, rows in section.tables:
            parts += [html.note(title), html.table([column.head for column in columns], rows)]
    return f"<div>{''.join(parts)}</div>"


def report_page(found: NetworkReport, title: str = "A network beside its optimum") -> str:
    """A whole page."""
    return document(title, report_html(found))


def sections(found: NetworkReport) -> list[Section]:
    """All that is said, in order."""
    return [_collapse(found), _structure(found), _optimum(found), _changes(found), _details(found), _granted(found)]


def verdict(found: NetworkReport) -> str:
    """In one sentence."""
    near = found.measures.recognition
    where = "" if near is None else f", its logits nearest to {near.nearest[0].name}"
    if near is not None and near.nearest[0].distance > NOISY:
        where = ", its logits near to no named structure"
    return f"This network is {_word(found)}{where}, and {_above(found)}."


def _word(found: NetworkReport) -> str:
    nc1 = found.measures.last.measures["nc1_trace"]
    assert nc1 is not None
    return "collapsed" if nc1 < 0.01 else "nearly collapsed" if nc1 < CLOSE else "not collapsed"


def _above(found: NetworkReport) -> str:
    what = "the optimum with free features" if found.searched else "the best named structure with free features"
    if abs(found.above) <= AT:
        return f"it is at {what}, {_name(found.best.structure)}"
    return f"its loss is {_difference(found.above, what)}, {_name(found.best.structure)}"


def _name(name: str) -> str:
    named = name.replace("unnamed", "an unnamed structure", 1) if name.startswith("unnamed") else name
    return f"{name} ({WHAT[name]})" if name in WHAT else named


def _collapse(found: NetworkReport) -> Section:
    measures = found.measures
    last = measures.last.measures
    sentences = [headline(measures)[0]]
    nc2, nc3 = last.get("nc2"), last.get("nc3")
    if nc2 is not None:
        form = "close to a simplex" if nc2 < CLOSE else "no simplex"
        sentences.append(f"Their class means are {form} (NC2 {nc2:.3g}; 0 at deep neural collapse).")
    if nc3 is not None:
        way = "points along" if nc3 < CLOSE else "does not point along"
        sentences.append(f"The classifier {way} the class means (NC3 {nc3:.3g}).")
    if measures.accuracy is not None and measures.nc4 is not None:
        sentences.append(
            f"{100 * measures.accuracy:.4g} % of the samples are classified right, and {100 * measures.nc4:.4g} % as "
            "by the nearest class mean (NC4)."
        )
    layers = [(layer.name, layer.measures["nc1_trace"]) for layer in measures.layers]
    rows = [(name, [value]) for name, value in layers if value is not None and np.isfinite(value)]
    picture = bars("Variation within classes over that between them (NC1), layer by layer", rows, log=True)
    return Section("How collapsed is it?", sentences, pictures=[picture] if len(rows) > 1 else [])


def _structure(found: NetworkReport) -> Section:
    near = found.measures.recognition
    heading = "Which structure is its head nearest to?"
    if near is None:
        return Section(heading, ["There are no logits of every class."])
    first = near.nearest[0]
    if first.name == "zero":
        return Section(heading, ["The mean logits of the classes are near to no named structure."])
    how = (
        "far from every structure" if first.distance > FAR else "near to none" if first.distance > NOISY else "near it"
    )
    sentences = [
        f"The mean logits of the classes are nearest to {_name(first.name)}: {per_cent(first.distance)} of their norm "
        f"away, {how}. Their rank is {near.rank}, without singular values under {per_cent(near.tolerance)} of the "
        "largest."
    ]
    rows = [[f"{each.distance:.3g}", each.name] for each in near.nearest]
    return Section(heading, sentences, [("", NEAR, rows)])


def _optimum(found: NetworkReport) -> Section:
    best, problem = found.best, found.problem
    matrices = "one matrix: layer" if problem.depth == 1 else f"{problem.depth} matrices: layers"
    kind = "" if problem.depth == 1 else ", relu between them" if problem.nonlinear else ", nothing between them"
    kinds = "network" if problem.nonlinear else "structure"
    known = "best minimum known" if found.searched else f"best named {kinds}"
    sentences = [
        f"With free features below the head ({matrices} {', '.join(found.head)}{kind}) the {known} is {_ranked(best)}, "
        f"loss {best.loss:.6g}.",
        f"The loss of your network in this model is {found.loss:.6g}, {_difference(found.above)}.",
    ]
    if found.near is not None:
        sentences.append(
            f"Downhill from its logits, with all else free, lies {_name(found.near.structure)}, loss "
            f"{found.near.loss:.6g}, {_difference(found.near.loss / best.loss - 1)}: that much is another minimum, the "
            "rest unfinished training or a body that cannot make these features."
        )
    own = found.own
    near = found.measures.recognition
    close = near is not None and near.nearest[0].distance <= NOISY
    if own is not None and close and own.structure != best.structure:
        sentences.append(
            f"{own.name} at its best scale has the loss {own.loss:.6g}, {_difference(own.loss / best.loss - 1)}."
        )
    if found.collapse is None:
        sentences.append("Deep neural collapse has no room in the width of this head.")
    else:
        excess = found.collapse / best.loss - 1
        sentences.append(
            f"Deep neural collapse is the {'optimum' if found.searched else f'best named {kinds}'}."
            if abs(excess) <= ROUNDING
            else f"Deep neural collapse would cost {found.collapse:.6g}, {_difference(excess)}."
        )
    if found.near is None:
        # With one matrix that is wide enough the model is convex in its logits.
        convex = problem.depth == 1 and not problem.nonlinear and problem.max_rank >= problem.classes - 1
        other = "" if convex else "another minimum, "
        sentences.append(
            f"What a network lies above the optimum may be {other}unfinished training, or a body that cannot make "
            "these features."
        )
    return Section("What would be optimal?", sentences, pictures=_spectra(found))


def _ranked(of: Prediction) -> str:
    name = _name(of.structure)
    return name if "rank" in of.structure else f"{name}, rank {of.rank}"


def _difference(share: float, what: str = "that") -> str:
    if abs(share) <= ROUNDING:
        return f"the same as {what}"
    if share >= 1:
        return f"{1 + share:.3g} times {what}"
    return f"{per_cent(abs(share))} {'above' if share > 0 else 'below'} {what}"


def _spectra(found: NetworkReport) -> list[str]:
    means = found.measures.mean_logits
    if means is None:
        return []
    centred = means if found.problem.loss == "mse" else means - means.mean(axis=0)
    s = np.linalg.svd(centred * np.sqrt(found.problem.class_sizes), compute_uv=False)
    pairs = [pair for pair in zip_longest(s, found.best.logits, fillvalue=0.0) if max(pair) > SMALL * s[0]]
    rows = [(str(index), [float(own), float(best)]) for index, (own, best) in enumerate(pairs[:LISTED], 1)]
    more = f"the first {LISTED} of {len(pairs)}" if len(pairs) > LISTED else f"{per_cent(SMALL)} of the first or more"
    return [bars(f"Singular values of the logits, {more}:", rows, ("your network", "optimum"))]


def _changes(found: NetworkReport) -> Section:
    rows = [_row(change_words(found, each), each) for each in found.changes]
    own = [["as it is", found.best.structure, str(found.best.rank), f"{found.best.loss:.6g}", _excess(found)]]
    return Section("Would more depth or decay change that?", list(_answers(found)), [("", CHANGES, own + rows)])


def _answers(found: NetworkReport) -> Iterator[str]:
    """Which of them have another optimum, in a sentence for depth and one for decay."""
    deeper = [each for each in found.changes if each.problem.depth > found.problem.depth]
    decays = [each for each in found.changes if each.problem.depth == found.problem.depth]
    for what, changes in (("More depth", deeper), ("Another decay", decays)):
        other = [f"{change_words(found, each)} {_name(each.best.structure)}" for each in changes if found.differs(each)]
        yield (
            f"{what} would change the structure of the optimum: with {'; with '.join(other)}."
            if other
            else f"{what} would not change the structure of the optimum, as far as the table goes."
        )


def change_words(found: NetworkReport, change: Change) -> str:
    """``one layer more``, ``ten times the decay``."""
    more = change.problem.depth - found.problem.depth
    if more:
        relu = change.problem.nonlinear and not found.problem.nonlinear
        return f"{COUNTED[more]}{' and relu' if relu else ''}"
    return "ten times the decay" if change.problem.regs[0] > found.problem.regs[0] else "a tenth of the decay"


def _row(words: str, change: Change) -> list[str]:
    best = change.best
    if change.no_room:
        return [words, "no named network fits the width", "", "", ""]
    return [words, best.structure, str(best.rank), f"{best.loss:.6g}", _excess(change)]


def _excess(of: NetworkReport | Change) -> str:
    return "no room" if of.collapse is None else per_cent(max(of.collapse / of.best.loss - 1, 0.0))


def _details(found: NetworkReport) -> Section:
    return Section("All measures", [], measure_tables(found.measures))


def _granted(found: NetworkReport) -> Section:
    problem = found.problem
    sentences = [f"The model: {problem_words(problem)}; no biases."]
    if found.read_off:
        sentences.append(
            f"The decay of the features, {problem.regs[-1]:.3g}, was read off: with it the first matrix of the head "
            "and the features carry the same penalty, as at every minimum. If features were penalised pass "
            "feature_reg=."
        )
    kinds = "networks" if problem.nonlinear else "structures"
    what = "optimum" if found.searched else f"best of the named {kinds}"
    sentences.append(f"The loss of the {what} is known by: {found.best.known_by}.")
    if not found.searched:
        sentences.append(f"Only named {kinds} were looked at; search=True looks for better ones.")
    return Section("What was taken for granted", [*sentences, *found.measures.notes])
