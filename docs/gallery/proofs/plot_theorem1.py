"""
A theorem on trial: Theorem 1 of garrod2025
===========================================

Published statements are checked here like software: each has a domain, a proof script or a grid, and a false
neighbour, the *control*, that the same code has to refute.
"""

import optima

# %%
# Theorem 1: deep neural collapse, the simplex, is never a global minimum for K >= 4 and L >= 3, nor for K >= 6 and
# L = 2. The control is the same at K = 4, L = 2, where it is false.

claim = optima.claims.library()["garrod2025.theorem1"]
outcome = optima.claims.run(claim, {"classes": range(4, 9), "depths": (1, 2, 3)})
print(outcome)

# %%
# The theorem is sufficient, not sharp. Where the simplex does win is mapped beyond it: at K = 4 and K = 5 with L = 2 it
# is the best minimum known below the lambda in the cell only.

grid, *_ = outcome.finding.exhibits
grid.plot()

# %%

for remark in outcome.finding.remarks:
    print(remark.text)

# %%
# At full size
# ------------
#
# ``optima check garrod2025 model --report examples/claims.md``:
#
# .. image:: ../../../examples/claims-garrod2025.theorem1-0.png
#    :alt: Where the simplex is the best minimum known, for K = 2 to 20 and L = 1 to 10
