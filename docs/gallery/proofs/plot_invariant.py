"""
Proofs for many classes, among logits with a symmetry
=====================================================

For more than four classes a proof over all logits is out of reach, but among logits with a symmetry, such as circulant
ones, the best can be found and proved.
"""

import optima

# %%
# Eight classes, depth three: the best circulant logits. The bound holds among those alone, and is never shown as that
# of a solution.

problem = optima.DeepUFM(classes=8, depth=3, reg=1e-3)
cyclic = optima.certify_invariant(problem)
print(cyclic)

# %%
# Other groups have other codes: products of cyclic ones, here of order two.

print(optima.certify_invariant(problem, group=(2, 2, 2)))

# %%
# The best minimum known of all logits is the square antiprism, which is circulant: it is the one that is proved above
# to be the best of these, up to the gap.

solution = optima.solve(problem, effort="quick")
print(solution.structure, solution.loss)
solution.plot()

# %%
# From the command line: ``optima certify --invariant 24 --depth 3 --reg 1e-3``.
