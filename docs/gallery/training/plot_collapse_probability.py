"""
How often does training collapse? Width and decay
=================================================

Antipodal pairs cost less than deep neural collapse, and yet wide networks collapse. Each cell is the share of runs
that were heading for the simplex.
"""

from optima.atlas import Hyperparameters, here
from optima.phases import training_diagram

# %%
# Six seeds a cell at small sizes: the interval of each share is wide, and is written into the cell.

values = {"width": (8, 16, 32), "reg": (2**-7, 2**-6)}
short = Hyperparameters(steps=6000)
fixed = {"classes": 6, "depth": 2, "samples": 2}
diagram = training_diagram("width", "reg", values, fixed, hyperparameters=short, seeds=6, executors=here)
diagram.plot()

# %%
# At full size
# ------------
#
# Half an hour:
#
# .. code-block:: console
#
#    optima phase --training --classes 10 --depth 2 --samples 5 --width 15,30,50,70,100,140,200 \
#        --reg 2^-10:2^-6:5 --seeds 20 --steps 100000 --store training.sqlite --out phase_training.png
#
# .. image:: ../../../examples/phase_training.png
#    :alt: Probability of collapse over width and lambda
#
# and Figure 2 of garrod2025, ``optima reproduce garrod2025.fig2``:
#
# .. image:: ../../../examples/garrod2025.fig2.png
#    :alt: Probability of collapse against width, and against lambda
