"""
Gradient descent against the prediction
=======================================

Does training end at the predicted minima? Full-batch gradient descent on all parameters, from many seeds at once.
"""

import optima

# %%
# Six classes, two weight matrices of width 24. Every run comes to rest at a predicted loss, the dotted lines: some at
# antipodal pairs, the best minimum known, some at deep neural collapse, some at a mixture of both.

problem = optima.DeepUFM(classes=6, depth=2, reg=2**-6, samples=5, width=24)
training = optima.train(problem, steps=6000, seeds=8)
training.plot()

# %%
# Where each run ended, and how far from what it is named after:

training

# %%
# From the command line: ``optima train --classes 6 --depth 2 --reg 2^-6 --samples 5 --width 24 --steps 6000 --seeds 8``.

# %%
# At full size
# ------------
#
# Figure 1 of garrod2025, ``optima reproduce garrod2025.fig1``:
#
# .. image:: ../../../examples/garrod2025.fig1.png
#    :alt: Loss curves that end at the simplex and at pairs, and the mean logits there
