# %% [markdown]
# # Lifted codes
#
# **Statement.** $x_1,\dots,x_K$ unit vectors of $\mathbb R^r$ with $\sum_cx_c=0$ and $\sum_cx_cx_c^\top=\frac KrI$ (a
# tight code), $\Gamma$ their inner products, $\rho$ the distance of the nearest facet of their hull from the centre.
#
# 1. $V\ge0$ with $V^\top V=\Gamma+c^2J$ needs $c^2\ge r\rho^2$; equality is attained iff some of the nearest facets,
#    with weights, have normals that are a tight frame around the centre (as for one orbit of an irreducible group).
# 2. The network with $V$ in every layer and logits $\Gamma$ then has the price
#    $$\rho_p^{L+1}=K^2\,r\,(1+\rho)^2\,(r+1)^{L-2}.$$
# 3. For the simplex it is collapse. For antipodal pairs, $\rho=\sqrt{2/K}$, the price is
#    $\bigl(\frac{1+\sqrt{2/K}}2\bigr)^p$ times that of Theorem 7 of garrod2025. For the 2-subsets of $n$ points
#    $\rho^2=\frac2{(n-1)(n-2)}$.
#
# **Sources.** New here; the construction of garrod2025, Theorem 7, is what it improves on.
#
# Cells say **proof** or **check**.

# %%
"""The price of tight codes lifted to nonnegative features."""

from itertools import combinations

import numpy as np
import sympy as sp

K, r, L, rho, c = sp.symbols("K r L rho c", positive=True)

# %% [markdown]
# ## 1. The least lift
# **Proof.** $V^\top V=\Gamma+c^2J$ means that the columns are isometric to $(x_c,c)\in\mathbb R^{r+1}$, so the rows are
# linear functions $\omega_j^{1/2}(\langle w_j,x\rangle+1)$ of them (rows with no constant part are zero on the code,
# since they sum to zero and are nonnegative) with $\sum\omega_jw_jw_j^\top=I$, $\sum\omega_jw_j=0$,
# $\sum\omega_j=c^2$. They are nonnegative iff $\langle-w_j,x_c\rangle\le1$ for all $c$, so $-w_j$ is in the polar of
# the hull and $|w_j|\le1/\rho$. The trace is $r=\sum\omega_j|w_j|^2\le c^2/\rho^2$, with equality iff all
# $|w_j|=1/\rho$, that is all $-w_j\rho$ are unit normals of nearest facets.


# %%
def check_lift(points, normals, inradius):
    """The nearest facets of these normals, equally weighted, give V >= 0 with V^T V = Gamma + r rho^2 J."""
    size, dim = points.shape
    V = np.sqrt(dim / len(normals)) * (inradius - normals @ points.T)
    assert V.min() > -1e-12, "a feature is negative"
    assert np.allclose(V.T @ V, points @ points.T + dim * inradius**2), "the inner products are others"
    assert np.allclose(points.T @ points, size / dim * np.eye(dim))


def octahedron():
    """Antipodal pairs in three dimensions, and the normals of their eight facets."""
    signs = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)]) / np.sqrt(3)
    return np.vstack([np.eye(3), -np.eye(3)]), signs


def polygon(size):
    """The regular polygon and the normals of its sides."""
    circle = lambda angles: np.stack([np.cos(angles), np.sin(angles)], axis=1)
    angles = 2 * np.pi * np.arange(size) / size
    return circle(angles), circle(angles + np.pi / size)


check_lift(*octahedron(), 3**-0.5)
for size in (5, 6, 9):
    check_lift(*polygon(size), np.cos(np.pi / size))

# %% [markdown]
# ## 2. The price
# **Proof.** $\Gamma+c^2J$ has the eigenvalues $\frac Kr$ ($r$ times) and $c^2K$, $c=\sqrt r\rho$, so
# $\|V\|_*=\sqrt{Kr}(1+\rho)$ and the rank is $r+1$, which each of $L-2$ copies costs. $\|\Gamma V^+\|_F^2=
# \operatorname{tr}\Gamma(\Gamma+c^2J)^+\Gamma=\operatorname{tr}\Gamma=K$.

# %%
nuclear = r * sp.sqrt(K / r) + sp.sqrt(r) * rho * sp.sqrt(K)
assert sp.simplify(nuclear - sp.sqrt(K * r) * (1 + rho)) == 0


def code_price(classes, rank, inradius, depth):
    """rho_p^(L+1)."""
    return classes**2 * rank * (1 + inradius) ** 2 * (rank + 1) ** (depth - 2)


# %% [markdown]
# ## 3. Examples
# **Proof.** *Simplex*: $r=K-1$, $\rho=\frac1{K-1}$, and $\Gamma=\frac K{K-1}(I-J/K)$: in units of $I-J/K$ the price to
# the power $L+1$ is $\bigl(\frac{K-1}K\bigr)^2K^2(K-1)\bigl(\frac K{K-1}\bigr)^2K^{L-2}=K^L(K-1)$. *Pairs*: $r=K/2$;
# Theorem 7 has $(2K+4)^{L+1}2^{-2(L-1)}\bigl(\frac K{K+2}\bigr)^3$. *2-subsets*: the facet where point $i$ is missing
# from the subset, with normal $\mathbf 1/n-e_i$, has $V$ the incidence of points (times a number).

# %%
simplex = code_price(K, K - 1, 1 / (K - 1), L) * ((K - 1) / K) ** 2
assert sp.simplify(simplex / (K**L * (K - 1))) == 1


def check_theorem7(ratio):
    """The price of lifted pairs over that of Theorem 7, to the power L + 1."""
    published = (2 * K + 4) ** (L + 1) * 2 ** (-2 * (L - 1)) * (K / (K + 2)) ** 3
    quotient = code_price(K, K / 2, sp.sqrt(2 / K), L) / published / ratio
    for classes, depth in ((4, 2), (10, 4), (24, 7)):
        assert abs(sp.N(quotient.subs({K: classes, L: depth}) - 1, 30)) < 1e-25, "the ratio of prices is another"


check_theorem7(((1 + sp.sqrt(2 / K)) / 2) ** 2)


def check_two_subsets(points, square=None):
    """Gamma + r rho^2 J is a multiple of the squared incidence."""
    subsets = list(combinations(range(points), 2))
    V = sp.Matrix(points, len(subsets), lambda i, j: int(i in subsets[j]))
    gram = V.T * V - sp.Rational(4, points) * sp.ones(len(subsets), len(subsets))
    unit = gram / gram[0, 0]
    square = sp.Rational(2, (points - 1) * (points - 2)) if square is None else square
    lifted = unit + (points - 1) * square * sp.ones(len(subsets), len(subsets))
    assert lifted == lifted[0, 0] / 2 * (V.T * V), "the lift is not the incidence"


for points in (5, 6, 8):
    check_two_subsets(points)
