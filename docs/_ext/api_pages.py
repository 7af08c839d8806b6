"""Lists of the public names, from which autosummary makes a page each."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import optima

# The public names by what they are for.
GROUPS = {
    "The model": "DeepUFM Reduction",
    "Structures": "catalogue named recognise structure_losses best_scales stationary_scales boundary boundary_depth"
    " collapse_threshold LossTable",
    "The best minimum": "solve sweep Solution max_margin softmax_code SoftmaxCode",
    "Proofs": "certify certify_invariant zero_threshold ZeroThreshold",
    "Your own network": "measure Measures Recorder compare Comparison forecast",
    "Spectra": "spectrum",
    "Training": "train flow Flow basin Basin heading Heading",
}
# A role of Sphinx that names something of the package.
ROLE = re.compile(r":(?:func|class|meth|attr|mod|data):`~?(optima\.[\w.]+)`")


def pages() -> dict[str, str]:
    """The list of names of ``optima``, and those of its packages."""
    return {"api.md": _front(), "api-packages.md": _packages()}


def _front() -> str:
    parts = ["# Public names", "`import optima`: every name is loaded when it is first used."]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n\n" + _summary([f"optima.{name}" for name in names.split()]))
    return "\n\n".join(parts) + "\n"


def _packages() -> str:
    """The packages beside the public names, without what these already are, and what docstrings send readers to."""
    listed = set(optima.__all__)
    parts = ["# Packages", "Of use beside the [public names](api.md)."]
    found: set[str] = set()
    for room in optima.ROOMS:
        package = import_module(f"optima.{room}")
        names = [f"optima.{room}.{name}" for name in _documented(package) if name not in listed]
        first = " ".join(package.__doc__.partition("\n\n")[0].split())
        # What a room offers may all be public.
        if names:
            parts.append(f"## optima.{room}\n\n{first}\n\n" + _summary(names))
        found.update(names)
    # Other names of a thing lead to its page, too (other_names).
    known = {home(name) for name in found.union(f"optima.{name}" for name in listed)}
    named = {home(name) or name: name for name in sorted(_named_in_docstrings() - found, key=len, reverse=True)}
    named = sorted(name for place, name in named.items() if place not in known)
    parts.append("## Named in docstrings\n\nWhat the descriptions above refer to.\n\n" + _summary(named))
    return "\n\n".join(parts) + "\n"


def _documented(package: ModuleType) -> list[str]:
    """What a package offers that has a docstring of its own: classes and functions."""
    homes = {name: getattr(getattr(package, name), "__module__", None) or "" for name in package.__all__}
    return [name for name, home in homes.items() if home.startswith("optima.")]


def _named_in_docstrings() -> set[str]:
    """Functions, classes and modules that the package's docstrings refer to; of a method its class."""
    names: set[str] = set()
    for path in Path(optima.__path__[0]).rglob("*.py"):
        names.update(ROLE.findall(path.read_text(encoding="utf-8")))
    return {_owner(name) for name in names}


@cache
def home(name: str) -> str | None:
    """Where the class or function of a name is defined; None for modules, values and what there is not."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        module, inner = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
        return f"{module}.{inner}" if module and inner else None
    return None


def _owner(name: str) -> str:
    """The class of a method, otherwise the name itself."""
    before, _, _ = name.rpartition(".")
    return before if re.fullmatch(r".*\.[A-Z]\w*", before) else name


def _summary(names: list[str]) -> str:
    lines = "\n".join(f"   {name}" for name in names)
    return f"```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n   :nosignatures:\n\n{lines}\n```"
