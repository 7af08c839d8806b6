"""
What training of ReLU networks finds
====================================

Collapse is not the best network from three classes on at depth four, and yet gradient descent may well end there: which
network is each run heading for?
"""

import optima

# %%
# Three classes, depth four, squared error: the triangle costs less than collapse. ``polished`` follows each
# run from where it stopped to the critical point beyond, since gradients do not vanish at kinks.

problem = optima.DeepUFM(
    classes=3, depth=4, reg=4e-3, samples=2, width=6, loss="mse", activation="relu"
)
training = optima.train(problem, steps=10_000, seeds=6)
(comparison,) = training.polished().compare()
comparison.plot()

# %%
# Where runs were heading for, and what the named networks cost:

for share in comparison.polished_shares.values():
    print(f"{share.count} of {share.total} runs: {share.structure}")
for name, loss in sorted(comparison.predicted.items(), key=lambda item: item[1])[:4]:
    print(f"{loss:.9f} {name}")

# %%
# At full size
# ------------
#
# ``optima reproduce sukenik2024.fig3``: rank of the middle layers against lambda, and how often runs collapse, against
# width:
#
# .. image:: ../../../examples/sukenik2024.fig3.png
#    :alt: Rank and probability of collapse of ReLU networks in training
#
# ``optima reproduce sukenik2024.fig5``, three to five classes:
#
# .. image:: ../../../examples/sukenik2024.fig5.png
#    :alt: Losses and layers of ReLU networks in training, three to five classes
