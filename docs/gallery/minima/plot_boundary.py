"""
The boundary of two structures
==============================

At four classes and depth two neither deep neural collapse nor antipodal pairs always wins: they tie at one lambda,
which is the root of a scalar equation and known to machine precision.
"""

import matplotlib.pyplot as plt
import numpy as np

import optima

# %%
# ``boundary`` lists every lambda at which two structures tie.

(tie,) = optima.boundary("simplex", "pairs", classes=4, depth=2)
print(f"tie at lambda = {tie:.12g}")

# %%
# Collapse costs less below it, pairs above it, until the zero logits win.

regs = np.geomspace(1e-3, 0.3, 200)
losses = {
    name: optima.best_scales(optima.named(name, 4), 2, regs).loss
    for name in ("simplex", "pairs", "zero")
}

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, loss), line in zip(losses.items(), ("-", "--", ":"), strict=True):
    axes.plot(regs, 100 * (loss / losses["simplex"] - 1), line, color="#00204c", label=name)
axes.plot(tie, 0, "o", color="black", markerfacecolor="white", label="tie")
axes.set(
    xscale="log",
    ylim=(-8, 4),
    xlabel=r"regularisation $\lambda$",
    ylabel="loss above that of the simplex (%)",
)
axes.set_title("$K = 4$, $L = 2$, $n = 1$", fontsize=10)
axes.legend(frameon=False)
plt.show()

# %%
# At full size
# ------------
#
# All ties of four classes at once are the lines of a phase diagram. Its light bands are proved to be within 1 % of the
# global minimum, and its ties to lie within the red strips,
# ``optima phase --classes 4 --boxes 100000 --out phase_k4.png``:
#
# .. image:: ../../../examples/phase_k4.png
#    :alt: Phase diagram of four classes over lambda and depth
