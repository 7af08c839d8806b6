"""Times of the search and of baseline 1 on the same problems. Not part of the default run:

python -m pytest tests/benchmarks/bench_solvers.py -m "" -o python_files="bench_*.py" -n 0 \\
    --benchmark-columns=min,median,max --benchmark-group-by=param:classes,param:depth

In each group the figures in brackets are the ratios. compare_solvers.py compares the losses too.
"""

import pytest
from baselines import lbfgs_on_all_factors

from optima import DeepUFM, solve

CELLS = pytest.mark.parametrize(("classes", "depth"), [(K, L) for K in (12, 20) for L in (1, 2, 3, 5)])
REG = 1e-3


@CELLS
def test_search(benchmark, classes, depth):
    """The whole search, with the caches filled by another lambda."""
    solve(DeepUFM(classes, depth, 1.1 * REG))
    solution = benchmark.pedantic(solve, args=(DeepUFM(classes, depth, REG),), rounds=5)
    assert solution.loss > 0


@CELLS
def test_lbfgs_on_all_factors(benchmark, classes, depth):
    """Ten random starts for every inner width from 2 to K - 1."""
    problem = DeepUFM(classes, depth, REG)
    ends = benchmark.pedantic(lbfgs_on_all_factors, args=(problem, range(2, classes)), rounds=1)
    assert min(loss for _, loss in ends) >= solve(problem).loss * (1 - 1e-9)
