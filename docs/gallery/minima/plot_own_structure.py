"""
A structure of your own
=======================

Is a shape of yours better than the named ones? Give its class-mean logits, up to scale: everything that takes a
structure takes it.
"""

import matplotlib.pyplot as plt
import numpy as np

import optima
from optima.structures import Own

# %%
# Six classes at the corners of a triangular prism. The logits of a code with vectors x_c are the inner products of x_j
# and x_c; the mean of each column is taken out, since it costs and is of no use.

angles = 2 * np.pi * np.arange(3) / 3
triangle = np.column_stack([np.cos(angles), np.sin(angles)])
corners = np.vstack([np.column_stack([triangle, np.full(3, height)]) for height in (0.6, -0.6)])
logits = corners @ corners.T
prism = Own("prism", logits - logits.mean(axis=0))

# %%
# Its loss at the best scale, at every depth, beside those of pairs (the octahedron, also of rank three) and the regular
# hexagon. It never wins.

depths = np.linspace(1, 8, 100)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
simplex = optima.best_scales(optima.named("simplex", 6), depths, 1e-3).loss
for structure, line in ((prism, "-"), (optima.named("pairs", 6), "--"), (optima.named("polygon", 6), ":")):
    loss = optima.best_scales(structure, depths, 1e-3).loss
    axes.plot(depths, 100 * (loss / simplex - 1), line, color="#00204c", label=structure.name)
axes.axhline(0, color="0.5", linewidth=0.8)
axes.set(
    xlabel="depth $L$", ylabel="loss above that of the simplex (%)", title=r"$K = 6$, $\lambda = 10^{-3}$, $n = 1$"
)
axes.legend(frameon=False)
plt.show()

# %%
# From which lambda on does the prism beat the simplex at depth three, and what is its exact loss?

print("ties with the simplex:", optima.boundary("simplex", prism, classes=6, depth=3))
print("loss:", prism.formula())
