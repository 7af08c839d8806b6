"""Spellings of options: singular, plural, and the letter or word of the papers, in every command alike."""

from __future__ import annotations

import copy
from typing import Any

# Options with a singular and a plural.
COUNTED = "seed structure rank lr step scale row column digit imbalance worker thread minute counterexample"
# Each line is one option; a command declares the spelling that its help shows and understands the others too.
SPELLINGS = (
    ["--classes", "--class", "-K"],
    ["--depth", "--depths", "-L"],
    ["--reg", "--regs", "--lambda", "--lambdas"],
    ["--reg-per-factor", "--regs-per-factor", "--lambda-per-factor", "--lambdas-per-factor"],
    ["--samples", "--sample", "-n"],
    ["--width", "--widths", "-d"],
    ["--loss", "--losses"],
    ["--boxes", "--box"],
    ["--colour", "--color", "--colours", "--colors"],
    *([f"--{name}", f"--{name}s"] for name in COUNTED.split()),
)


def spellings(name: str) -> list[str]:
    """The spellings of the option of that name, without dashes."""
    return [spelling.lstrip("-") for line in SPELLINGS if f"--{name}" in line for spelling in line]


def other_spellings(parameters: list[Any]) -> list[Any]:
    """The options under their other spellings, but for those that the command declares as options of their own."""
    taken = {name for parameter in parameters for name in parameter.opts}
    spelt = []
    for parameter in parameters:
        names = {name for line in SPELLINGS if set(line) & set(parameter.opts) for name in line} - taken
        if parameter.param_type_name == "option" and names:
            other = copy.copy(parameter)
            other.opts = sorted(names)
            spelt.append(other)
    return spelt
