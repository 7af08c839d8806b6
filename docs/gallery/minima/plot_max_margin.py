"""
Codes of largest margin: the limit of vanishing decay
=====================================================

As lambda tends to zero the best structure is the cheapest code of margin one: the least sum of s^p over its singular
values, p = 2/(L+1), such that every class leads every other by at least one.
"""

import matplotlib.pyplot as plt
import pandas as pd

import optima
from optima.plot.code import class_vectors, draw_sphere

# %%
# At three dimensions the codes of a given rank are old friends: tetrahedron, octahedron, square antiprism.

codes = {K: optima.max_margin(K, depth=3, rank=3, effort="quick") for K in (4, 6, 8)}
figure, panels = plt.subplots(1, 3, figsize=(8, 3), subplot_kw={"projection": "3d"}, layout="constrained")
for axes, (K, code) in zip(panels, codes.items(), strict=True):
    draw_sphere(axes, class_vectors(code.means, 3))
    axes.set_title(f"$K = {K}$: {code.structure}", fontsize=10)
plt.show()

# %%
# They are the best of many starts, with a residual of the conditions of first order. With vectors of length one instead
# (``softmax_code``) the directions of classes are the published spherical codes.

angles = [optima.softmax_code(K, 3, effort="quick").angle for K in codes]
rows = [(code.classes, code.value, code.stationarity, a) for code, a in zip(codes.values(), angles, strict=True)]
pd.DataFrame(rows, columns=["classes", "sum s^p at margin 1", "residual", "least angle of the softmax code"])

# %%
# From the command line: ``optima max-margin --classes 12 --depth 3 --rank 3``.
