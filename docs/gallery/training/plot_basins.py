"""
The shrinking basin of collapse
===============================

Without weight decay a start with two different singular values collapses exactly when their ratio is above the
*separatrix*. The deeper the network, the smaller that basin.
"""

import optima

# %%
# Eight classes, from balanced starts: left the separatrices, which are integrated backwards from their late limits,
# right the share of random starts that collapse, with 95 per cent intervals.

found = [optima.basin(8, depth, 0.1, spread=0.05, trials=200) for depth in (1, 2, 3, 4, 5, 7)]
optima.plot.plot_basins(found)

# %%

for each in found:
    print(f"L = {each.depth}: collapses from r = {each.separatrix:.10f} on")

# %%
# At full size
# ------------
#
# ``optima reproduce garrod2026depth.basins``:
#
# .. image:: ../../../examples/garrod2026depth.basins.png
#    :alt: Separatrices against the size of the start, and probability of collapse against depth
#
# From the command line: ``optima basin --classes 8 --depth 1:5 --start 0.01,0.1 --spread 0.05 --plot basin.png``.
