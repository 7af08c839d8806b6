"""
Training without weight decay
=============================

Without decay there is no minimum: margins grow for ever, like log t. The gradient flow is followed exactly, since not
the time but its logarithm is integrated.
"""

import optima

# %%
# Four classes, depth three, from three singular values in a basis of characters, the third a third as large. All grow,
# the third too, but slower and slower beside the others: the effective rank falls towards two.

problem = optima.DeepUFM(classes=4, depth=3, reg=0)
start = (1.0, 1.0, 0.3)
optima.flow(problem, start, until={"margin": 30}, group=(2, 2)).plot()

# %%
# In the end the logits move in one direction. ``heading`` says which code of largest margin that is; convergence is as
# slow as 1/log t, so that this flow runs to a margin of 500.

print(optima.heading(optima.flow(problem, start, until={"margin": 500}, group=(2, 2))))

# %%
# From the command line: ``optima flow --classes 4 --depth 3 --start 1,1,0.3 --group 2x2 --until margin=500 --heading``.

# %%
# At full size
# ------------
#
# Nearly equal singular values first repel each other, by a law of first order,
# ``optima reproduce garrod2026depth.repulsion``:
#
# .. image:: ../../../examples/garrod2026depth.repulsion.png
#    :alt: Relative spread of singular values against their mean, at depths 1, 2, 3 and 6
