"""
Real networks on handwritten digits
===================================

Does the free-features model predict real networks? Heads of depth one to five on a small network were trained on
scikit-learn's digits; their numbers are kept, and drawn here.
"""

import matplotlib.pyplot as plt
import pandas as pd

# %%
# The kept rows, of which these are ten seeds of the MLP for each depth of a linear head.

runs = pd.read_csv("../../../examples/real_networks.csv")
chosen = runs.query(
    "data == 'digits' and body == 'MLP' and decay == 'UFM-style' and head == 'linear'"
)
chosen.groupby("depth")[["loss", "predicted_loss", "rank", "predicted_rank"]].mean().round(
    4
)

# %%
# Rank of the mean logits: it falls with the depth of the head, as predicted, but not always as far.

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
figure.suptitle(
    "Digits: linear heads on an MLP, decay on head and features, ten seeds", fontsize=10
)
for axes, name, words in zip(
    panels, ("loss", "rank"), ("loss", "rank of the mean logits"), strict=True
):
    axes.plot(
        chosen.depth,
        chosen[name],
        "o",
        color="#00204c",
        markerfacecolor="white",
        label="trained networks",
    )
    means = chosen.groupby("depth")[f"predicted_{name}"].mean()
    axes.plot(means.index, means, color="#00204c", label="free features, best known")
    axes.set(xlabel="depth of the head", ylabel=words, xticks=range(1, 6))
panels[0].legend(frameon=False)
plt.show()

# %%
# At full size
# ------------
#
# ``python examples/real_networks.py``, with torch, scikit-learn and mnist1d:
#
# .. image:: ../../../examples/real_networks.png
#    :alt: Networks with UFM-style decay beside the free-features model
#
# .. image:: ../../../examples/real_networks.standard.png
#    :alt: Networks with standard decay beside the free-features model
#
# ``python examples/plot_digits.py``: the mean logits and singular values of one head:
#
# .. image:: ../../../examples/digits.png
#    :alt: A network on digits beside the predicted optimum
