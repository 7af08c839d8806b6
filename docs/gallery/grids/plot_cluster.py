"""
A grid on a cluster
===================

The cells of a grid are jobs, which a Dask scheduler hands to its workers. Only this process writes to the atlas, and
what is stored is the same whoever computes it.
"""

import tempfile
from pathlib import Path

import pandas as pd

import optima
from optima import atlas

# %%
# A cluster of two workers on this machine; ``atlas.dask("tcp://HOST:8786")`` uses one that runs elsewhere. Workers import
# the script that starts them, so that all that happens is under ``if __name__ == "__main__":``.

problems = [
    optima.DeepUFM(classes, depth, reg=1e-3) for classes in (3, 4, 5) for depth in (1, 2, 3)
]


def built(name, executors):
    """The records of an atlas that these executors have built."""
    with (
        tempfile.TemporaryDirectory() as folder,
        atlas.Store(Path(folder) / name, write=True) as store,
    ):
        atlas.build(store, problems, effort="quick", executors=executors)
        return [store.get(problem) for problem in problems]


if __name__ == "__main__":
    on_cluster = built("cluster.sqlite", atlas.dask("local", workers=2))

# %%
# The same grid in this process alone, and the largest difference of two losses:

if __name__ == "__main__":
    alone = built("alone.sqlite", atlas.here)
    print(max(abs(a.loss - b.loss) for a, b in zip(on_cluster, alone, strict=True)))

# %%
# What the workers found:

if __name__ == "__main__":
    found = [(r.problem.classes, r.problem.depth, r.structure, r.loss) for r in on_cluster]
    print(
        pd.DataFrame(found, columns=["K", "L", "structure", "loss"]).to_string(index=False)
    )

# %%
# At full size
# ------------
#
# One command for the scheduler, one for each machine with workers, and the build, which goes on after any kill
# (:doc:`/guides/cluster`):
#
# .. code-block:: console
#
#    dask scheduler --port 8786
#    dask worker tcp://HOST:8786 --nworkers auto --nthreads 1
#    optima atlas build --classes 2:12 --depths 1:8 --regs 1e-7:1e-1:13 --certify --store atlas.sqlite \
#        --scheduler tcp://HOST:8786
#
# The atlas with these cells is a page of this site: :doc:`/atlases`. A grid over classes and depth, drawn by
# ``optima phase --x classes --y depth --classes 3:16 --depth 1:8 --reg 1e-6 --out phase.png``:
#
# .. image:: ../../../examples/phase_classes_depth.png
#    :alt: Phase diagram over classes and depth at lambda 1e-6
