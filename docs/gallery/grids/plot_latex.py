"""
A table for a paper, in LaTeX
=============================

Every table of the package is also CSV, JSON, Markdown, Parquet and LaTeX, with the caption, label and digits asked for.
"""

import subprocess
import sys

import sympy

import optima

# %%
# The command writes the rows; the columns are chosen by name.

command = "optima table --classes 4,6,10 --depths 1:3 --regs 1e-3 --format latex --digits 4 --label tab:winners"
options = [
    "--columns",
    "classes,depth,winner,rank,loss",
    "--caption",
    "Best named structures",
]
run = subprocess.run(
    [sys.executable, "-m", *command.split(), *options],
    capture_output=True,
    text=True,
    check=True,
)
print(run.stdout)

# %%
# The exact loss of a structure as a formula:

print(sympy.latex(optima.named("pairs", 10).formula()))

# %%
# From the command line: ``optima formula pairs --classes 10 --latex``.
