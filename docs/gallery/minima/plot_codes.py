"""
Optimal codes as depth grows
============================

The columns of the class-mean logits are a *code*: one vector for each class. As the network gets deeper the best code
known moves into fewer dimensions.
"""

import optima

# %%
# Eight classes: the simplex at depth one, then codes of ever lower rank. Where the rank is two or three the code is
# drawn with its convex hull; numbers are classes.

solutions = optima.sweep([optima.DeepUFM(8, depth, 1e-3) for depth in (1, 2, 3, 4, 6)], effort="quick")
optima.plot.plot_codes(solutions)

# %%
# At full size
# ------------
#
# ``python examples/plot_codes.py``, twelve classes:
#
# .. image:: ../../../examples/codes.png
#    :alt: Best logits known and their codes at twelve classes, depths 1, 2, 3, 5 and 10
