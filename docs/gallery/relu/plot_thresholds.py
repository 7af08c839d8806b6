"""
From how many classes on does collapse lose?
============================================

At each depth there is a number of classes from which on a named ReLU network costs less than deep neural collapse.
"""

import matplotlib.pyplot as plt
import pandas as pd

import optima

# %%
# The threshold here, the network that shows it, and what was published (sukenik2024 for squared error, garrod2025 for
# cross-entropy). Only named networks are compared: the true threshold may be lower.

found = [optima.collapse_threshold(depth, loss) for loss in ("mse", "ce") for depth in range(2, 9)]
table = pd.DataFrame([vars(each) for each in found]).convert_dtypes()
table[["loss", "depth", "classes", "network", "published"]]

# %%
# Shown against depth; depth two needs 138 classes with squared error.

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for axes, loss, name in zip(panels, ("mse", "ce"), ("squared error", "cross-entropy, small lambda"), strict=True):
    rows = table[table.loss == loss]
    axes.plot(rows.depth, rows.classes.astype("float"), "o-", color="#00204c", label="here")
    axes.plot(rows.depth, rows.published.astype("float"), "s--", color="#a17000", label="published")
    axes.set(yscale="log", xlabel="depth $L$", title=name)
    axes.legend(frameon=False)
panels[0].set(ylabel="collapse loses from so many classes on", yticks=[3, 6, 10, 16, 30, 138])
panels[0].set_yticklabels([3, 6, 10, 16, 30, 138])
panels[0].minorticks_off()
plt.show()

# %%
# From the command line: ``optima thresholds``.
