"""Measures of a network in words and tables."""

from __future__ import annotations

import html as entities
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optima import html
from optima.report.fit_width import columns_of, hidden_words, labelled, layout, paragraph, table_text

if TYPE_CHECKING:
    from optima.measures.layer import LayerMeasures
    from optima.measures.result import Measures

COLLAPSE = columns_of("<layer <W:2 NC1_trace NC1_pinv:1 NC2:1 NC3:2 equinorm:5 equiangular:4 TCV:3 CDNV:6")
RANKS = columns_of("<layer rank_X:1 rank_W:1 r from_rank_r within:3 product:4 crude:5 excess:2 alignment:3")

STYLE = """
:root { color-scheme: light dark; --page: light-dark(#fff, #14161a); --ink: light-dark(#1c1e21, #e6e7ea);
  --soft: light-dark(#5a5f66, #a0a6ae); --line: light-dark(#d5d8dc, #3a3f46);
  --first: light-dark(#1f5fa8, #8ab8f0); --second: light-dark(#b36b00, #e0a84e);
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; } p { margin: .4rem 0; }
table { border-collapse: collapse; margin: .8rem 0; display: block; overflow-x: auto; font-size: .9rem; }
td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); white-space: nowrap;
  font-variant-numeric: tabular-nums; } th { font-weight: 400; color: var(--soft); }
@media (max-width: 40rem) { table { font-size: .82rem; }
  td, th { padding-right: .4rem; white-space: normal; overflow-wrap: normal; } }
figure { margin: 1rem 0; max-width: 44rem; } figcaption { color: var(--soft); font-size: .87rem; }
"""
# Relative distance from which on a nearest structure says little.
FAR = 0.5


def measures_text(found: Measures, limit: int | None = None) -> str:
    """What measures print, in lines of at most ``limit`` characters where words allow it."""
    lines = [*(paragraph(line, limit) for line in headline(found)), "", *labelled(_facts(found), limit)]
    for title, columns, rows in measure_tables(found):
        drawn = table_text(columns, rows, limit)
        _, hidden = layout(columns, rows, limit)
        lines += ["", paragraph(title, limit), drawn]
        lines += [paragraph(hidden_words(hidden, "--json, or as_dict()"), limit)] if hidden else []
    near = [] if found.recognition is None else found.recognition.nearest
    if near:
        lines += ["", paragraph("distance of the mean logits from (relative, all relabellings and scales)", limit)]
        lines += [f"  {each.distance:<10.3g} {each.name}" for each in near]
    lines += [paragraph(note, limit) for note in found.notes]
    return "\n".join(lines)


def headline(found: Measures) -> list[str]:
    """How collapsed the network is, in a sentence or two."""
    nc1 = found.last.measures["nc1_trace"]
    assert nc1 is not None
    size = "hardly vary" if nc1 < 0.01 else "vary little" if nc1 < 0.1 else "vary much"
    lines = [
        f"The last features {size} within a class: their variance is {nc1:.3g} of that between class means (NC1, trace "
        "form)."
    ]
    if found.recognition is not None:
        near = found.recognition.nearest[0]
        far = "far from every structure, " if near.distance > FAR else ""
        lines.append(f"The mean logits are {far}nearest to {near.name}, distance {near.distance:.2g}.")
    return lines


def _facts(found: Measures) -> list[tuple[str, str]]:
    low, high = min(found.sizes), max(found.sizes)
    sizes = str(low) if low == high else f"{low} to {high}"
    facts = [("data", f"{found.classes} classes, {sizes} samples of each, {sum(found.sizes)} in all")]
    if found.data_loss is not None and found.accuracy is not None:
        facts.append(("loss", f"{found.data_loss:.6g}, {100 * found.accuracy:.4g} % classified right"))
    if found.nc4 is not None:
        facts.append(("NC4", f"{100 * found.nc4:.4g} % of the samples are classified as by the nearest class mean"))
    return facts


def measure_tables(found: Measures) -> list[tuple[str, Sequence, list[list[str]]]]:
    """Collapse of the features of each layer, and its ranks, with titles and columns."""
    collapse = [_collapse_row(layer) for layer in found.layers]
    ranks = [_rank_row(found, layer) for layer in found.layers]
    return [
        ("collapse of the features that enter each layer (0 at deep neural collapse)", COLLAPSE, collapse),
        (
            "effective ranks, distance of W from rank r, which is K, or K - 1 where a bias or centring makes it so, "
            "and what bounds it (excess: what training left of the gradient, in every bound; alignment: cosine of W "
            "and its gradient's negative)",
            RANKS,
            ranks,
        ),
    ]


def _collapse_row(layer: LayerMeasures) -> list[str]:
    shape = " x ".join("?" if each is None else str(each) for each in layer.shape)
    names = ("nc1_trace", "nc1_pinv", "nc2", "nc3", "equinorm", "equiangular", "tcv", "cdnv")
    return [layer.name, shape, *(_number(layer.measures.get(name)) for name in names)]


def _rank_row(found: Measures, layer: LayerMeasures) -> list[str]:
    bound = layer.bound
    bounds = [None] * 4 if bound is None else [*bound.chain[1:], bound.excess]
    rank, distance = (found.classes, layer.distance) if bound is None else (bound.rank, bound.distance)
    ranks = [*map(_number, (layer.feature_rank, layer.weight_rank)), "" if distance is None else str(rank)]
    return [layer.name, *ranks, *map(_number, (distance, *bounds, layer.gradient_alignment))]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def measures_html(found: Measures) -> str:
    """What a notebook shows."""
    heads = lambda columns: [column.head for column in columns]
    parts = [html.note(line) for line in headline(found)[1:]]
    parts.append(html.facts(_facts(found)))
    for title, columns, rows in measure_tables(found):
        parts += [html.note(title), html.table(heads(columns), rows)]
    if found.recognition is not None:
        near = [[f"{each.distance:.3g}", each.name] for each in found.recognition.nearest]
        parts.append(html.table(["distance", "of the mean logits from"], near))
    return html.section(headline(found)[0], *parts, *map(html.note, found.notes))


def measures_page(found: Measures, title: str = "Measures of a network") -> str:
    """A whole page."""
    return document(title, measures_html(found))


def document(title: str, body: str, refresh: int | None = None) -> str:
    """A page around parts that are HTML already; with ``refresh`` it is loaded again after so many seconds."""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    fit = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{fit}{again}<title>{entities.escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
