"""
Where collapse loses: the map of ReLU networks
==============================================

Over classes and depth: which named network costs least, from exact prices, and where the ties are.
"""

import optima
from optima.phases import network_diagram

# %%
# The winners at lambda = 1e-3 with squared error, and how far below collapse they are. Nothing is searched: other
# networks may cost less.

optima.LossTable(range(3, 11), range(2, 7), 1e-3, loss="mse", activation="relu").plot()

# %%
# The same as a phase diagram: between integer depths the ties are solved.

axes = {"classes": range(3, 9), "depth": range(2, 7)}
diagram = network_diagram("classes", "depth", axes, {"reg": 1e-6, "loss": "mse", "activation": "relu"})
diagram.plot()

# %%
# At full size
# ------------
#
# With a search of each cell up to ten classes, ``optima reproduce relu.map``:
#
# .. image:: ../../../examples/relu.map.png
#    :alt: Map of the best ReLU network known over classes, depth and lambda
#
# ``optima phase --activation relu --loss mse --x classes --y depth --classes 3:16 --depth 2:8 --reg 1e-6 --out p.png``:
#
# .. image:: ../../../examples/phase_relu_classes_depth.png
#    :alt: Phase diagram of named ReLU networks over classes and depth
