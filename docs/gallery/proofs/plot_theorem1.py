"""
A theorem that can fail: Theorem 1 of garrod2025
================================================

Published statements are on trial here: each is checked over a grid or proved step by step, and a false neighbour, the
*control*, has to be refuted by the same code.
"""

import optima

# %%
# Theorem 1: for K >= 4 and L >= 3, and for K >= 6 and L = 2, deep neural collapse is not a global minimum.

claim = optima.claims.library()["garrod2025.theorem1"]
outcome = optima.claims.run(claim, {"classes": range(4, 9), "depths": (2, 3, 4)}, control=False)
print(claim.statement)
print(outcome.finding.verdict, "in", len(outcome.finding.steps), "steps, and on", outcome.finding.cases, "cases")
