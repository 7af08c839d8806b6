"""
The ladder of ranks of one problem
==================================

The regularised loss has a local minimum on every rank: a ladder, whose best rung is the global minimum. ``solve``
searches all logits of every rank and names what it finds.
"""

import optima

# %%
# Twelve classes, depth three. The search is the best of many starts: an upper bound. The output says how it is known.

solution = optima.solve(classes=12, depth=3, reg=1e-3, effort="quick")
print(solution)

# %%
# The icosahedron, of rank three, costs 29 per cent less than deep neural collapse, of rank eleven.

optima.plot.plot_ladder(solution)

# %%
# The minimum itself: the class-mean logits, and where the classes point.

solution.plot()

# %%
# At full size
# ------------
#
# ``python examples/plot_codes.py``; on the command line ``optima solve --classes 12 --depth 3 --reg 1e-3``:
#
# .. image:: ../../../examples/ladder.png
#    :alt: Loss of the best minimum of each rank at twelve classes and depth three
