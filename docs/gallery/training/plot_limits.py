"""
Two limits that differ: vanishing decay and no decay
====================================================

The minima for lambda tending to zero are codes of largest margin. Training without any decay tends to such a code as
well, up to first order, but in general not to the best one.
"""

import numpy as np
import pandas as pd

import optima

# %%
# Flows from small Gaussian logits at five classes and depth two, to margin 100. ``heading`` compares the direction with
# the best code known; a residual of zero would mean that the conditions of first order hold.

problem = optima.DeepUFM(classes=5, depth=2, reg=0)
runs = []
for seed in range(4):
    start = 0.01 * np.random.default_rng(seed).standard_normal((5, 5))
    runs.append(optima.flow(problem, start, until={"margin": 100}, tolerance=1e-6))
headings = [optima.heading(run) for run in runs]

names = ["code", "rank", "effective rank", "above the best (%)", "residual"]
rows = [
    (h.recognition.name, h.rank, run.effective_ranks[-1], 100 * h.excess, h.residual)
    for h, run in zip(headings, runs, strict=True)
]
pd.DataFrame(rows, columns=names)

# %%
# The effective rank falls at first, and then rises towards that of the code:

runs[0].plot()

# %%
# At full size
# ------------
#
# More classes and depths, starts of two kinds, ``optima reproduce garrod2026depth.limits``:
#
# .. image:: ../../../examples/garrod2026depth.limits.png
#    :alt: Codes that flows tend to beside the best codes, over classes and depth
