# %% [markdown]
# # The strongly regular pattern in the first layer
#
# **Statement.** $V$ the incidence of points and edges of $K_r$, $r\ge5$, $K=\frac{r(r-1)}2$. The network $M_2=J-V^\top
# V$, $X_2=A$ (the graph of disjoint edges), logits $z_1E_1+z_2E_2$ ($E_1$, $E_2$ the projections on its eigenspaces of
# $-(r-3)$ and $1$) has
# $$\rho^{L+1}=N^2K^{L-2}\Bigl(\frac{(r-1)z_1^2}{(r-3)^2}+\frac{r(r-3)}2z_2^2\Bigr),\quad N=K-2(r-1)+(r-1)(r-2),$$
# margins $\frac{2z_1+(r-4)z_2}{r-2}$ to disjoint edges and $\frac{z_1+(r-3)z_2}{r-2}$ to others. The least price for
# the least margin has $\frac{z_1}{z_2}=\frac{r(r-3)^2}{2(r-1)}$.
#
# **Sources.** New here, after the graph of sukenik2024: with cross-entropy it beats collapse at $L=2$ for some
# $\lambda$ ($K=10$, $\lambda=10^{-3}$).
#
# Cells say **proof** or **check**.

# %%
"""The strongly regular pattern as the first hidden layer."""

from itertools import combinations

import sympy as sp

r, z1, z2 = sp.symbols("r z_1 z_2", positive=True)

# %% [markdown]
# ## 1. Eigenvalues and margins
# **Proof.** $V^\top V=2I+T$ has the eigenvalues $2(r-1)$, $r-2$ ($r-1$ times) and $0$, so $J-V^\top V$ has
# $K-2(r-1)\ge0$, $-(r-2)$ and $0$: the nuclear norm. $A=J-I-T$ has $\frac{(r-2)(r-3)}2$, $-(r-3)$ and $1$. The entry
# of a projection of rank $f$ is $\frac fK$ on the diagonal, times $\theta/\kappa$ between neighbours and
# $-(1+\theta)/(K-1-\kappa)$ else.


# %%
def check_margins(points, near=None):
    """Margins of z_1 E_1 + z_2 E_2, exactly."""
    edges = list(combinations(range(points), 2))
    K = len(edges)
    V = sp.Matrix(points, K, lambda i, j: int(i in edges[j]))
    A = (sp.ones(K, K) - V.T * V).applyfunc(lambda entry: max(entry, 0))
    top = sp.Rational((points - 2) * (points - 3), 2)
    E0, one = sp.ones(K, K) / K, sp.eye(K)
    E1 = (one - E0 - (A - top * E0)) / (points - 2)
    E2 = one - E0 - E1
    assert top * E0 - (points - 3) * E1 + E2 == A
    Z = z1 * E1 + z2 * E2
    disjoint = next(j for j in range(K) if A[0, j])
    meeting = next(j for j in range(1, K) if not A[0, j])
    far, other = sp.expand(Z[0, 0] - Z[disjoint, 0]), sp.expand(Z[0, 0] - Z[meeting, 0])
    assert sp.simplify(far - (2 * z1 + (points - 4) * z2) / sp.Integer(points - 2)) == 0
    claimed = (z1 + (points - 3) * z2) / sp.Integer(points - 2) if near is None else near
    assert sp.simplify(other - claimed) == 0, "the margin to edges that meet is another"


check_margins(5)
check_margins(6)

# %% [markdown]
# ## 2. The ratio
# **Proof.** Let $z_1\ge z_2$, so that the margin to edges that meet is the lesser: Lagrange's condition is
# $\frac{(r-1)z_1}{(r-3)^2}:\frac{r(r-3)}2z_2=1:(r-3)$.


# %%
def check_ratio(ratio):
    """Stationary at z_1 = ratio z_2 on the line of margin one."""
    price = (r - 1) * z1**2 / (r - 3) ** 2 + r * (r - 3) / 2 * z2**2
    tangent = sp.diff(price, z1) * (r - 3) - sp.diff(price, z2)
    assert sp.simplify(tangent.subs(z1, ratio * z2)) == 0, "another ratio is cheaper"


check_ratio(r * (r - 3) ** 2 / (2 * (r - 1)))
