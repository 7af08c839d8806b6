"""
Where is my network? Comparing logits
=====================================

Pass the logits of a trained network, with labels, and the lambda it was trained with: which structure is it near, and
how far is its loss above the best minimum known?
"""

import numpy as np

import optima

# %%
# Here the "network" is a noisy one: antipodal pairs of ten classes, classes shuffled, twenty samples each.

rng = np.random.default_rng(0)
shuffled = rng.permutation(10)
means = optima.named("pairs", 10).shape([6.0])[np.ix_(shuffled, shuffled)]
labels = np.repeat(np.arange(10), 20)
logits = means[:, labels] + 0.2 * rng.standard_normal((10, 200))

# %%
# One column (or row) of logits a sample; depth is the number of weight matrices that decay acts on.

found = optima.compare(logits, optima.DeepUFM(classes=10, depth=2, reg=2**-10), labels, effort="quick")
print(found)

# %%
# Its mean logits beside the best minimum known, classes in the order that matches.

found.plot()

# %%
# From the command line: ``optima compare logits.npz --labels labels.npy --depth 2 --reg 2^-10``.
