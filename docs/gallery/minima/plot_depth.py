"""
Pairs beat collapse as networks get deeper
==========================================

Antipodal pairs have half the rank of deep neural collapse and fit the data as well. Depth rewards low rank: Theorem 1
of garrod2025 says that collapse is not optimal from depth 3 on (K >= 4), and from depth 2 on (K >= 6).
"""

import matplotlib.pyplot as plt
import numpy as np

import optima

# %%
# ``best_scales`` minimises the loss of a structure over its scale, for arrays of depths, which may be real numbers, and
# ``boundary_depth`` finds where two structures tie. With four classes the winner at depth two depends on lambda.

depths = np.linspace(1, 6, 200)
simplex, pairs = optima.named("simplex", 4), optima.named("pairs", 4)

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for reg, line in ((5e-2, "-"), (1e-2, "--"), (1e-4, ":")):
    ratio = optima.best_scales(pairs, depths, reg).loss / optima.best_scales(simplex, depths, reg).loss
    axes.plot(depths, 100 * (ratio - 1), line, color="#00204c", label=rf"$\lambda = {reg:g}$")
    tie = optima.boundary_depth("simplex", "pairs", 4, reg, depths=(1, 6))
    axes.plot(tie, np.zeros_like(tie), "o", color="black", markerfacecolor="white", zorder=3)
    print(f"lambda = {reg:g}: tie at depth {tie}")
axes.axhline(0, color="0.5", linewidth=0.8)
axes.set(xlabel="depth $L$", ylabel="loss of pairs above that of the simplex (%)")
axes.set_title("$K = 4$ classes, $n = 1$", fontsize=10)
axes.legend(frameon=False)
plt.show()

# %%
# At full size
# ------------
#
# ``python examples/plot_loss_against_depth.py``, with ten classes, where pairs win from depth two on, beside four:
#
# .. image:: ../../../examples/loss_against_depth.png
#    :alt: Loss of pairs above that of collapse against depth, for four and for ten classes
