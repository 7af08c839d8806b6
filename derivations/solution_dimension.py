# %% [markdown]
# # The dimension of the set of solutions
#
# **Statement.** Let $Z^*$ have rank $r$. The balanced factors (width $d\ge r$, depth $L$) with logits $Z^*$ form a
# manifold of dimension
# $$D=L\Bigl(rd-\frac{r(r+1)}2\Bigr),$$
# *whatever the multiplicities of the singular values*. For a simplex ($r=K-1$) over a solution of rank
# $1\le r\le K-2$ the ratio
# $$\frac{D_{\rm simplex}(d)}{D(d)}=\frac{(K-1)(2d-K)}{r(2d-r-1)}$$
# increases with $d$, tends to $\frac{K-1}r$, and is at least one from the least width $d=K-1$ on, with equality there
# iff $r=K-2$.
#
# **Sources.** garrod2025, Theorem 5, restated in the notes of this project as $D=L(rd-C(r))$ with
# $C(r)=\frac{r(r+1)}2+\sum \frac{\mu(\mu-1)}2$ over the multiplicities $\mu$ of the nonzero singular values, so that
# $C=(K-1)^2$ for the simplex and the ratio starts below one. New here: the multiplicities do not enter (they agree
# with that formula iff all $\mu=1$), and the ratio never is below one.
#
# Cells say **proof** or **check** (exact, given sizes).

# %%
"""Theorem 5 of garrod2025: counting the dimensions of the set of balanced factors."""

from itertools import pairwise

import sympy as sp

K, d, r, L = sp.symbols("K d r L", positive=True)

# %% [markdown]
# ## 1. The set
# **Proof.** Balanced factors with logits $Z^*=U\Sigma V^\top$ are $W_l=U_l\Sigma^{1/m}U_{l-1}^\top$ with $U_L=U$,
# $U_{-1}=V$ fixed and hidden $U_0,\dots,U_{L-1}\in\mathbb R^{d\times r}$ with orthonormal columns (Lemma 1). The map
# from $(U_0,\dots,U_{L-1})$ to factors is one to one: $H=U_0\Sigma^{1/m}V^\top$ gives $U_0=HV\Sigma^{-1/m}$, then
# $W_1$ gives $U_1$, and so on. Another choice of $U,V$ for the same $Z^*$ ($U\to UR$, $V\to VR$ with $R$ commuting
# with $\Sigma$) together with $U_l\to U_lR$ gives the same factors, hence the same set. A $d\times r$ matrix with
# orthonormal columns has $rd$ entries under $\frac{r(r+1)}2$ independent conditions.
#
# **Check**: the tangent space of the set at an explicit point, as the rank of a rational matrix, for a repeated and for
# distinct singular values.


# %%
def cayley(size, seed):
    """Rational orthogonal matrix."""
    skew = sp.Matrix(size, size, lambda i, j: 0 if i == j else (1 if i < j else -1) * (((i + j) * seed) % 5 - 2))
    return (sp.eye(size) - skew) * (sp.eye(size) + skew).inv()


def tangent_rank(roots, depth, width):
    """Dimension of the orbit of balanced factors with sigma_i^(1/m) = roots under rotations of hidden layers."""
    rank = len(roots)
    bases = [cayley(width, seed)[:, :rank] for seed in range(1, depth + 1)]
    chain = [sp.eye(rank), *bases, sp.eye(rank)]
    factors = [after * sp.diag(*roots) * before.T for before, after in pairwise(chain)]
    rows = []
    for layer in range(depth):
        for i in range(width):
            for j in range(i):
                skew = sp.zeros(width, width)
                skew[i, j], skew[j, i] = 1, -1
                moved = [sp.zeros(*factor.shape) for factor in factors]
                moved[layer] = skew * factors[layer]
                moved[layer + 1] = -factors[layer + 1] * skew
                rows.append([entry for part in moved for entry in part])
    return sp.Matrix(rows).rank()


def check_dimension(roots, depth, width, correction=False):
    """The orbit has dimension L (r d - r (r+1)/2); ``correction`` subtracts mu (mu-1)/2 per repeated value."""
    rank = len(roots)
    wanted = rank * width - rank * (rank + 1) // 2
    if correction:
        wanted -= sum(roots.count(value) * (roots.count(value) - 1) // 2 for value in set(roots))
    assert tangent_rank(roots, depth, width) == depth * wanted, "the set has another dimension"


check_dimension([2, 3], depth=1, width=2)
check_dimension([2, 2], depth=1, width=2)
check_dimension([2, 2], depth=2, width=3)
check_dimension([2, 3], depth=2, width=3)
check_dimension([2, 2, 2], depth=2, width=3)

# %% [markdown]
# ## 2. The ratio
# **Proof.** The derivative of the ratio in $d$ has the sign of $(K-1)r\,[2(2d-r-1)-2(2d-K)]=2(K-1)r(K-1-r)>0$. At
# $d=K-1$ numerator minus denominator is $(K-1)(K-2)-r(2K-3-r)=(K-1-r)(K-2-r)\ge0$ for $r\le K-2$.


# %%
def check_ratio(first=None):
    """Limit, growth and least value of the ratio; ``first`` is twice the simplex count over L."""
    top = (K - 1) * (2 * d - K) if first is None else first
    bottom = r * (2 * d - r - 1)
    assert sp.limit(top / bottom, d, sp.oo) == (K - 1) / r
    growth = sp.expand(top.diff(d) * bottom - top * bottom.diff(d))
    assert sp.expand(growth - 2 * (K - 1) * r * (K - 1 - r)) == 0, "the ratio grows otherwise"
    start = sp.expand((top - bottom).subs(d, K - 1))
    assert sp.expand(start - (K - 1 - r) * (K - 2 - r)) == 0, "the ratio starts elsewhere"


check_ratio()
assert sp.expand(2 * ((K - 1) * d - (K - 1) * K / 2) - (K - 1) * (2 * d - K)) == 0
