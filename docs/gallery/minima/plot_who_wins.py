"""
Who wins: classes against depth
===============================

Which structure of the class means costs least? A table compares the *named* structures, whose losses are known in
closed form, over a grid of classes K, depths L and regularisations lambda.
"""

import optima

# %%
# Every cell has its winner, and by how many per cent its loss is below that of deep neural collapse (the simplex). At
# depth one the simplex wins for every K, with three classes at every depth; otherwise it soon loses to structures of
# lower rank, and the deeper the network, the lower the rank.

table = optima.LossTable(classes=range(3, 13), depths=range(1, 9), regs=1e-3)
table.plot()

# %%
# The numbers are a table, too (``to_pandas()`` or ``to_arrow()`` for all columns). Only named structures are compared
# here: :doc:`plot_ladder` searches all logits, and finds better ones in some cells.

rows = table.to_pandas().loc[[6, 12], ["loss", "winner", "rank", "win_by", "runner_up"]]
rows.droplevel(["reg", "samples"])

# %%
# From the command line, eleven values of lambda at once:
#
# .. code-block:: console
#
#    optima table --classes 2:20 --depths 1:10 --regs 1e-6:1e-1:11

# %%
# At full size
# ------------
#
# With all logits searched, and boundaries solved,
# ``optima phase --x classes --y depth --classes 3:16 --depth 1:8 --reg 1e-6 --out phase.png``:
#
# .. image:: ../../../examples/phase_classes_depth.png
#    :alt: Phase diagram over classes and depth at lambda 1e-6
