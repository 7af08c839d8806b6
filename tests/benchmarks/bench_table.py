"""Times of the loss table. Not part of the default run:

python -m pytest tests/benchmarks/bench_table.py -m "" -o python_files="bench_*.py" --benchmark-columns=min,median,max
"""

import numpy as np
import pytest

from optima.cli import main
from optima.tables.table import LossTable

MILLION = ["--classes", "2:201", "--depths", "1:50", "--regs", "1e-7:1e-1:100", "--structures", "zero,simplex,pairs"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_million_cells_to_a_file(benchmark, tmp_path, ending):
    """K = 2..201, L = 1..50 and 100 values of lambda, written to disk."""
    target = tmp_path / f"table.{ending}"
    code = benchmark.pedantic(main, args=(["table", *MILLION, "--out", str(target), "--force"],), rounds=3)
    assert code == 0


def test_the_whole_catalogue(benchmark):
    """K = 2..20, L = 1..10 and 11 values of lambda, every structure."""
    grid = LossTable(range(2, 21), range(1, 11), np.geomspace(1e-6, 1e-1, 11))
    table = benchmark.pedantic(grid.to_arrow, rounds=3)
    assert table.num_rows == len(grid)
