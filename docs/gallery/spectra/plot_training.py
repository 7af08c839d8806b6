"""
The outliers appear during training
===================================

With squared error the Hessian of a middle layer ends with K^2 equal eigenvalues at a predicted value; the gradient and
the products of class means turn into eigenvectors.
"""

import optima

# %%
# Three classes, three weight matrices. Above, the eigenvalues of each layer against the prediction (dashed); below, how
# nearly products of class means and the gradient are eigenvectors: 1 is exact.

problem = optima.DeepUFM(classes=3, depth=3, reg=0.01, samples=4, width=9, loss="mse")
training = optima.train(problem, steps=3000, seeds=1, record="spectrum")
training.plot()

# %%
# At full size
# ------------
#
# ``optima reproduce garrod2026spectra.fig1`` and ``optima reproduce garrod2026spectra.fig2``:
#
# .. image:: ../../../examples/garrod2026spectra.fig1.png
#    :alt: Eigenvalues of the Hessian of layer 3 during training, K = 3 and 4
#
# .. image:: ../../../examples/garrod2026spectra.fig2.png
#    :alt: Alignment of the gradient and of products of class means during training
