"""
A ReLU network, layer by layer
==============================

With rectified hidden layers the logits no longer tell what a network costs, and deep neural collapse, where every
class has a neuron of its own in every layer, loses from three classes on once the network is deep enough.
"""

import optima

# %%
# Four classes, four weight matrices, squared error: the best network known is *hinged pairs*, 2.7 per cent below
# collapse. Each map shows one layer, a column for each class, before the activation and after it.

problem = optima.DeepUFM(classes=4, depth=4, reg=1e-3, loss="mse", activation="relu")
solution = optima.solve(problem, effort="quick")
solution.plot()

# %%
# The ranks of its layers, before and after the activation, and its loss from the weights themselves:

print("ranks before", solution.network.ranks, "and after", solution.network.feature_ranks)
print("loss of the factors:", problem.objective(solution.factors()), "of the search:", solution.loss)

# %%
# At full size
# ------------
#
# Six classes: ``optima solve --classes 6 --depth 4 --reg 1e-3 --loss mse --activation relu --plot relu_network.png``
#
# .. image:: ../../../examples/relu_network.png
#    :alt: Layers of the best network known of six classes and depth four
