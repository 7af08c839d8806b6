"""
Training without weight decay: repulsion
========================================

Without decay there is no minimum: margins grow like log t. The gradient flow is followed exactly, and singular values
that are nearly equal first repel each other.
"""

import numpy as np

import optima

# %%
# Eight classes, depth three: seven singular values that start within 1.5 per cent of each other, by the logarithm of
# time to a margin of forty.

start = 0.2 * (1 + 0.01 * np.array([1.0, -0.5, 0.3, 0.0, -0.4, -0.7, 0.3]))
run = optima.flow(optima.DeepUFM(classes=8, depth=3, reg=0), start, until={"margin": 40}, group=(2, 2, 2))
run.plot()

# %%
# The logits move in one direction in the end; ``heading`` says which code of largest margin that is. Convergence is as
# slow as 1/log t, so that this flow runs to a margin of 500.

four = optima.flow(optima.DeepUFM(4, 3, 0), (1.0, 1.0, 0.3), until={"margin": 500}, group=(2, 2))
print(optima.heading(four))

# %%
# At full size
# ------------
#
# The spread against the law of first order, ``optima reproduce garrod2026depth.repulsion``:
#
# .. image:: ../../../examples/garrod2026depth.repulsion.png
#    :alt: Relative spread of singular values against their mean, at depths 1, 2, 3 and 6
