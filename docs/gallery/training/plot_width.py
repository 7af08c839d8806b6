"""
Width decides the rank, when nothing regularises
================================================

Without weight decay wide networks keep a high effective rank and narrow ones a low one: in wide ones the logits first
move straight down the slope of the loss.
"""

import matplotlib.pyplot as plt
import numpy as np

import optima

# %%
# Four classes, one and three weight matrices, ten seeds a width, trained to a margin of five.

widths, seeds = (4, 16, 64), 10
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for depth, style in ((1, "o-"), (3, "s--")):
    training = optima.train(optima.DeepUFM(4, depth, 0), width=widths, lr=0.1, seeds=seeds, margin=5, record=False)
    ranks = np.array([run.effective_ranks[-1] for run in training.runs]).reshape(len(widths), seeds)
    axes.errorbar(widths, ranks.mean(axis=1), ranks.std(axis=1), fmt=style, capsize=3, label=f"$L = {depth}$")
axes.axhline(3, color="0.5", linestyle=":")
axes.set(xscale="log", xticks=widths, xticklabels=widths, xlabel="width $d$", ylabel="effective rank of the logits")
axes.set_title(r"$K = 4$, $\lambda = 0$, to margin 5; mean and spread of ten seeds", fontsize=10)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %%
# At full size
# ------------
#
# ``optima reproduce garrod2026depth.width``:
#
# .. image:: ../../../examples/garrod2026depth.width.png
#    :alt: Effective rank without regularisation against width, and the cosine of the first move with the slope
