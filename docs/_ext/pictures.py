"""The gallery: its order, and the figures of results, which the last line of a cell shows as it does in a notebook."""

from __future__ import annotations

from typing import Any

from sphinx_gallery.scrapers import figure_rst

from optima.plot.figure import Figure

# Scripts without ``plot_``, in the order of their pages within each section.
ORDER = """
who_wins depth ladder codes phase boundary own_structure unequal_classes max_margin
certificate invariant theorem1 conjecture
layers map thresholds relu_training
descent collapse_probability flow basins limits width
hessian relu_hessian training flatness
compare measure watch forecast real_networks
sweep cluster atlas latex
"""
# Dots per inch: a figure of six inches is as wide as the text, and its words are as large.
DPI = 110


class InOrder:
    """Sorts the scripts of a section."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, name: str) -> int:
        """The place of a script, from the name of its file."""
        return ORDER.split().index(name.removeprefix("plot_").removesuffix(".py"))


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """The figure that the cell ends with, in a file, as reStructuredText; empty where it ends with something else."""
    figure = block_vars["example_globals"].get("___")
    # The value of an earlier cell stays until another one ends with a value.
    if not isinstance(figure, Figure) or block_vars.get("shown") is figure:
        return ""
    block_vars["shown"] = figure
    path = next(block_vars["image_path_iterator"])
    figure.savefig(path, dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return figure_rst([path], gallery_conf["src_dir"], _title(figure))


def _title(figure: Figure) -> str:
    """What the picture is called, for readers who do not see it."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return " ".join(next(filter(None, titles), "figure").replace("$", "").replace("\\", "").split())
