"""
Hessians of ReLU networks: what is the slope at zero?
=====================================================

The ReLU networks of deep neural collapse have pre-activations that are exactly zero, so that their Hessians depend on
what the derivative of ReLU at zero is taken to be.
"""

import pandas as pd

import optima

# %%
# Outliers of a middle layer at collapse of three classes, with both answers.

problem = optima.DeepUFM(
    classes=3, depth=4, reg=5e-3, samples=5, width=9, loss="mse", activation="relu"
)
found = {kink: optima.spectrum(problem, "collapse", layer=3, kink=kink) for kink in (0, 1)}
rows = [
    (kink, each.value, each.multiplicity)
    for kink, known in found.items()
    for each in known.eigenvalues
]
pd.DataFrame(rows, columns=["derivative at zero", "eigenvalue", "times"])

# %%
# With the derivative zero there are as many outliers as classes, with one their square.

found[1].plot()

# %%
# At full size
# ------------
#
# A trained network lies between the two, ``optima reproduce garrod2026spectra.fig4``:
#
# .. image:: ../../../examples/garrod2026spectra.fig4.png
#    :alt: Outliers of the Hessian of a layer of ReLU networks during training
