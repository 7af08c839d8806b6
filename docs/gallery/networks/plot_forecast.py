"""
Before training: what will the last layers be?
==============================================

From the sizes of the classes, the depth and the decay, ``forecast`` tells losses and singular values of every layer,
with features free, before anything is trained.
"""

import optima

# %%
# Unequal classes with squared error: the global minimum, in closed form, beside the named structures.

optima.forecast(samples=(100, 100, 10), depth=3, reg=1e-3, loss="mse")

# %%
# Cross-entropy: the best minimum known of six equal classes.

expected = optima.forecast(samples=5, classes=6, depth=3, reg=1e-3)
expected

# %%
# A trained weight matrix is held against it by its singular values: here that of descent.

problem = optima.DeepUFM(classes=6, depth=3, reg=1e-3, samples=5, width=12)
(run,) = optima.train(problem, steps=10_000, seeds=1, record=False).runs
distances = [expected.distance(layer, run.factors[layer - 1]) for layer in (1, 2, 3)]
print(f"descent ends at {run.structure}, loss {run.loss:.6g} (best known {expected.best.loss:.6g})")
print("distance of W_1, W_2, W_3 from the forecast:", distances)

# %%
# From the command line: ``optima forecast --samples 100,100,10 --depth 3 --reg 1e-3 --loss mse``.
