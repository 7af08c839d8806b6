"""
Classes of different sizes
==========================

With unequal classes no named structure is exact. The search takes any sizes: exchanges put each class in its best
place of the code.
"""

import optima

# %%
# Six classes of one hundred down to two samples, and six of equal sizes with as many samples in all.

unequal = optima.DeepUFM(classes=6, depth=2, reg=1e-3, samples=(100, 50, 20, 10, 5, 2))
equal = optima.DeepUFM(classes=6, depth=2, reg=1e-3, samples=31)
solutions = [optima.solve(problem, effort="quick") for problem in (equal, unequal)]

# %%
# On equal classes antipodal pairs are the best minimum known. On unequal ones the code keeps its rank, bent towards the
# large classes. Numbers are classes, 0 the largest.

optima.plot.plot_codes(solutions)

# %%
# How much lower than deep neural collapse at its best scale?

for solution in solutions:
    print(str(solution).split("\n\n")[0], end="\n\n")

# %%
# From the command line: ``optima solve --classes 6 --depth 2 --reg 1e-3 --samples 100,50,20,10,5,2``.
