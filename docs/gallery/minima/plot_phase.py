"""
A phase diagram
===============

Which structure is the best, over two numbers of the model? A phase diagram solves a grid of problems and then
follows every boundary to where two minima tie; boundaries are not read off the grid.
"""

import numpy as np
import pandas as pd

from optima.atlas import here
from optima.phases import phase_diagram

# %%
# Four classes over lambda and depth; ``here`` keeps the work in this process. What is drawn is the best minimum known.
# Between the integers the depth is a real number.

values = {"reg": np.geomspace(1e-5, 0.3, 5), "depth": (1, 2, 3)}
diagram = phase_diagram(
    "reg", "depth", values, {"classes": 4}, effort="quick", certify=False, executors=here
)
diagram.plot()

# %%
# The boundaries as a table: the lambda at which two structures tie, and how it is known.

pd.DataFrame(diagram.boundaries())

# %%
# At full size
# ------------
#
# The same from the command line, certified, for ten classes, ``optima phase --classes 10 --out phase_k10.png``:
#
# .. image:: ../../../examples/phase_k10.png
#    :alt: Phase diagram of ten classes over lambda and depth
#
# and over classes and depth,
# ``optima phase --x classes --y depth --classes 3:16 --depth 1:8 --reg 1e-6 --out phase.png``:
#
# .. image:: ../../../examples/phase_classes_depth.png
#    :alt: Phase diagram over classes and depth at lambda 1e-6
