"""
Are the better minima flatter?
==============================

A problem has a minimum on every rank. Is the one of least loss also the flattest? The trace of the Hessian of all
parameters measures how sharp a minimum is.
"""

import matplotlib.pyplot as plt

import optima

# %%
# The best minimum of each rank at eight classes and depth three, with the trace of its Hessian, without the weight
# decay. The spectra are exact.

problem = optima.DeepUFM(classes=8, depth=3, reg=1e-3)
solution = optima.solve(problem, effort="quick")
minima = [rung.minima[0] for rung in solution.ladder]
traces = [optima.spectrum(problem, factors=optima.Reduction(problem).lift(each.means)).trace for each in minima]

# %%
# From the least loss, above, downwards: a lower loss does not go with a smaller trace.

minima, traces = zip(*sorted(zip(minima, traces, strict=True), key=lambda pair: -pair[0].loss), strict=True)
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
names = [f"{each.structure}, rank {each.rank}\nloss {each.loss:.5g}" for each in minima]
axes.barh(names, traces, color="#00204c", height=0.6)
axes.set(xlabel="trace of the Hessian in all parameters, without decay")
axes.set_title(r"Best minimum known of each rank: $K = 8$, $L = 3$, $\lambda = 10^{-3}$, $n = 1$", fontsize=10)
plt.show()

# %%
# At full size
# ------------
#
# Whether training prefers flat minima, over 54 cells, ``optima reproduce ours.flatness``:
#
# .. image:: ../../../examples/ours.flatness.png
#    :alt: Does flatness order minima as training prefers them?
