"""
Hessian of a layer: outliers and bulk
=====================================

At a minimum the Hessian of one weight matrix has a few large eigenvalues, the *outliers*, and many at one value, the
*bulk*. Their values are known in closed form at collapse and at pairs.
"""

import optima

# %%
# Six classes, three weight matrices: at deep neural collapse.

problem = optima.DeepUFM(classes=6, depth=3, reg=1e-3, samples=5, width=12)
collapse = optima.spectrum(problem, "simplex", layer=2)
collapse.plot()

# %%
# At antipodal pairs there are fewer outliers, and they are larger.

pairs = optima.spectrum(problem, "pairs", layer=2)
pairs.plot()

# %%
# Each eigenvalue says how it is known; the gradient lies in the space of the outliers.

print(pairs)

# %%
# At full size
# ------------
#
# Histograms of the layers during training, ``optima reproduce garrod2026spectra.fig3``:
#
# .. image:: ../../../examples/garrod2026spectra.fig3.png
#    :alt: Histograms of the eigenvalues of the Hessian of a layer
