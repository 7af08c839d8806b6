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
# Of these minima a lower loss does not go with a smaller trace.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for each, trace in zip(minima, traces, strict=True):
    axes.plot(each.loss, trace, "o", color="#b5367a")
    axes.annotate(f"  {each.structure}, rank {each.rank}", (each.loss, trace), fontsize=8, va="center")
axes.set(xlabel="loss", ylabel="trace of the Hessian, all parameters", title=problem.summary)
axes.margins(x=0.35)
plt.show()

# %%
# At full size
# ------------
#
# Whether training prefers flat minima, over 54 cells, ``optima reproduce ours.flatness``:
#
# .. image:: ../../../examples/ours.flatness.png
#    :alt: Does flatness order minima as training prefers them?
