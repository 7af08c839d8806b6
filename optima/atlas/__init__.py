"""The atlas: optimal losses over large grids, in one file that survives kills and grows with every run."""

from optima.atlas.build import BuildProgress, build
from optima.atlas.cells import grid, imbalanced
from optima.atlas.record import Record
from optima.atlas.runs import Runs
from optima.atlas.store import Past, Store
from optima.atlas.trained import Hyperparameters, Trained
from optima.atlas.training import TrainingProgress, train
from optima.atlas.verify import Check, add, check, check_trained
from optima.workers.executors import dask, here, processes

__all__ = [
    "BuildProgress",
    "Check",
    "Hyperparameters",
    "Past",
    "Record",
    "Runs",
    "Store",
    "Trained",
    "TrainingProgress",
    "add",
    "build",
    "check",
    "check_trained",
    "dask",
    "grid",
    "here",
    "imbalanced",
    "processes",
    "train",
]
