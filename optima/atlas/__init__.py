"""The atlas: optimal losses over large grids, in one file that survives kills and grows with every run."""

from optima.atlas.build import Progress, build
from optima.atlas.executors import dask, processes
from optima.atlas.record import Record
from optima.atlas.store import Past, Store
from optima.atlas.verify import Check, add, check

__all__ = ["Check", "Past", "Progress", "Record", "Store", "add", "build", "check", "dask", "processes"]
