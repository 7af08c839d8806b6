"""
Many problems at once, on several workers
=========================================

``sweep`` solves a list of problems: cells with the same classes pass their codes to their neighbours in depth and
lambda, and workers share the rest. The result depends on the problems and the seed, not on who computes it.
"""

import numpy as np
import pandas as pd

import optima

# %%
# Workers import the script that starts them, so that all that happens is under ``if __name__ == "__main__":``.

if __name__ == "__main__":
    problems = [
        optima.DeepUFM(classes, depth, 1e-3)
        for classes in (4, 6, 8)
        for depth in range(1, 6)
    ]
    solutions = optima.sweep(problems, effort="quick", workers=1)

# %%
# Best structure known in each cell:

if __name__ == "__main__":
    table = pd.DataFrame(
        np.array([each.structure for each in solutions]).reshape(3, 5),
        index=["K = 4", "K = 6", "K = 8"],
        columns=[f"L = {depth}" for depth in range(1, 6)],
    )
    print(table.to_string())

# %%
# On more cores pass ``workers=8``; on many machines build an atlas: :doc:`plot_cluster`.
