"""A spectrum in words: outliers and bulk, how each value is known, and what the gradient does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optima.report.fit_width import columns_of, labelled, paragraph, table_text
from optima.report.words import problem_words
from optima.spectra.eigenvalues import LANCZOS
from optima.spectra.result import HESSIANS

if TYPE_CHECKING:
    from optima.spectra.eigenvalues import Eigenvalue
    from optima.spectra.result import KnownSpectrum

COLUMNS = columns_of("eigenvalue times <what <known_by:1 error:2")
# Rows of the table; files have them all.
LISTED = 60
# Shares up to this are rounding.
NOTHING = 1e-14


def spectrum_text(found: KnownSpectrum, limit: int | None = None) -> str:
    """What a spectrum prints, in lines of at most ``limit`` characters where words allow it."""
    lines = [paragraph(line, limit) for line in (found.title, _outlier_words(found))]
    lines += ["", *labelled(_details(found), limit), ""]
    lines.append(table_text(COLUMNS, [_row(found, each) for each in found.eigenvalues[:LISTED]], limit))
    more = len(found.eigenvalues) - LISTED
    if more > 0:
        lines.append(paragraph(f"... {more} more values; pass --json for all of them, or --plot FILE", limit))
    return "\n".join(lines)


def _outlier_words(found: KnownSpectrum) -> str:
    if found.layer == "all" and found.of in HESSIANS:
        return f"{found.known} of {found.order} eigenvalues known, the largest {found.top:.12g}"
    bulk = f"{found.order - found.rank} at {found.bulk:.6g}"
    if found.known < found.order:
        return f"the {found.known} largest of {found.order} eigenvalues, from {found.top:.12g} on"
    return f"{found.rank} outliers, the largest {found.top:.12g}; the bulk is {bulk}"


def _details(found: KnownSpectrum) -> list[tuple[str, str]]:
    problem = found.problem
    facts = [("problem", problem_words(problem))]
    if found.scales:
        facts.append(("scale", ", ".join(f"{scale:.12g}" for scale in found.scales)))
    if problem.nonlinear:
        facts.append(("relu", f"its derivative at zero is taken to be {found.kink} (--kink)"))
    facts.append(("trace", f"{found.trace:.12g}" + ("" if found.known == found.order else " of the values known")))
    if found.of in HESSIANS and found.layer not in ("all", 0) and found.point.gradients[int(found.layer) - 1].any():
        facts += _gradient(found)
    if any(each.known == LANCZOS for each in found.eigenvalues):
        facts.append(("error", "norm of the residual: an eigenvalue is at most that far from the value"))
    return facts


def _gradient(found: KnownSpectrum) -> list[tuple[str, str]]:
    aligned, split = found.alignment(), found.split
    classes, cross, within = split.ranks
    return [
        (
            "gradient",
            f"share {_share(aligned.in_outliers)} of its square is in the space of the {aligned.outliers} largest "
            f"eigenvalues; squared cosine with its image under the matrix {_share(aligned.eigenvector)}",
        ),
        (
            "split",
            f"G_class of rank {classes} (share {_share(split.gradient_in_classes)} of the squared gradient in its "
            f"range), G_cross of rank {cross} (share {_share(split.gradient_in_cross)}), G_within of rank {within}",
        ),
    ]


def _share(share: float) -> str:
    # What rounding leaves is nothing.
    return f"{share:.6g}" if share > NOTHING else "0"


def _row(found: KnownSpectrum, each: Eigenvalue) -> list[str]:
    what = "outlier" if each in found.outliers else "bulk"
    # Of all parameters every direction has a curvature, and there is no bulk at one value.
    what = what if found.layer != "all" or found.of not in HESSIANS else ""
    error = f"{each.error:.1g}" if each.error else ""
    return [f"{each.value:.12g}", str(each.multiplicity), what, each.known, error]
