"""
An atlas: the minima of a grid in one file
==========================================

An atlas keeps the best minimum known of every cell with its logits, what found it and a lower bound. It survives kills,
grows with every run and verifies itself.
"""

import tempfile
from pathlib import Path

import pandas as pd

import optima
from optima import atlas

# %%
# Build a small one; the same call would go on after an interruption. ``here`` keeps the jobs in this process.

folder = tempfile.TemporaryDirectory()
problems = [optima.DeepUFM(classes, depth, reg) for classes in (3, 4) for depth in (1, 2, 3) for reg in (1e-2, 1e-3)]
with atlas.Store(Path(folder.name) / "small.sqlite", write=True) as store:
    atlas.build(store, problems, effort="quick", certify=True, executors=atlas.here)
    records = [store.get(problem) for problem in problems]
    checks = [atlas.check(record) for record in records]

# %%
# Each loss is computed again through weights and features, and stands beside its lower bound.

columns = ["K", "L", "lambda", "structure", "loss", "gap", "error of the check"]
rows = [
    (r.problem.classes, r.problem.depth, r.problem.reg, r.structure, r.loss, r.gap, check.error)
    for r, check in zip(records, checks, strict=True)
]
folder.cleanup()
pd.DataFrame(rows, columns=columns)

# %%
# At full size
# ------------
#
# From the command line, and as an interactive page:
#
# .. code-block:: console
#
#    optima atlas build --classes 2:12 --depths 1:8 --regs 1e-7:1e-1:13 --certify --store atlas.sqlite
#    optima atlas show atlas.sqlite --classes 10 --structure pairs
#    optima atlas page atlas.sqlite --out atlas.html
