# %% [markdown]
# # Networks of subsets: told apart by larger sets
#
# **Statement.** $V\in\{0,1\}^{r\times K}$ the incidence of $r$ points and all their $k$-subsets, $k\le t\le r-k$, and
# $M_2=\dots=M_{L-1}=V$, $(M_L)_{Te}=|e\cap T|-(k-1)$ for the sets $T$ of $t$ points.
#
# 1. The weight of the last hidden layer has the rows $1_T-\frac{k-1}k1$ and the squared norm
#    $\binom rt\frac{t+(r-t)(k-1)^2}{k^2}$.
# 2. After relu $X_L$ is the inclusion of $e$ in $T$, and $X_L^\top X_L$ has the eigenvalues
#    $\theta_j=\binom{t-j}{k-j}\binom{r-k-j}{t-k}$, $\binom rj-\binom r{j-1}$ times, $j=0,\dots,k$.
# 3. So $q^L=\|V\|_*^2\,r^{L-3}\binom rt\frac{t+(r-t)(k-1)^2}{k^2}$, and $G^{L+1}=q^L\sum_jm_j/\theta_j$.
# 4. $t=r-k$ has the price of the network that keeps the disjoint subsets ($k=2$: srg), at every depth. For edges
#    ($k=2$) some $t$ between the ends costs less than both from $r=6$ on (here to $r=40$); $t$ does not depend on $L$.
#
# **Sources.** Ours; seen at the end of gradient descent at $K=15$, $L=7$. The eigenvalues are those of R. M. Wilson's
# inclusion matrices (1990), checked exactly here.
#
# Cells say **proof** or **check** (exact).

# %%
"""Prices of networks that tell subsets apart by the sets that contain them."""

from itertools import combinations
from math import comb

import sympy as sp


def sets(points, size):
    """Subsets as columns of zeros and ones."""
    columns = list(combinations(range(points), size))
    return sp.Matrix(points, len(columns), lambda i, j: int(i in columns[j]))


# %% [markdown]
# ## 1. The weight
# **Proof.** Columns of $V$ sum to $k$, so $(1_T-\frac{k-1}k1)^\top V_e=|e\cap T|-(k-1)$; $V$ has full row rank, so the
# weight is the only one. It has $t$ entries $\frac1k$ and $r-t$ entries $-\frac{k-1}k$.


# %%
def check_weight(points, size, inside, share=None):
    """The weight makes M_L and has the squared norm of the statement."""
    V, T = sets(points, size), sets(points, inside)
    share = sp.Rational(size - 1, size) if share is None else share
    weight = T.T - share * sp.ones(T.cols, points)
    assert weight * V == T.T * V - (size - 1) * sp.ones(T.cols, V.cols), "the weight does not make the layer"
    norm = comb(points, inside) * sp.Rational(inside + (points - inside) * (size - 1) ** 2, size**2)
    assert sum(entry**2 for entry in weight) == norm


for case in ((5, 2, 3), (6, 2, 3), (6, 3, 3), (7, 3, 4)):
    check_weight(*case)

# %% [markdown]
# ## 2. Eigenvalues
# **Proof.** $e$ is inside $T$ exactly where $|e\cap T|=k$, and elsewhere the entry is at most zero. $X_L^\top X_L$
# counts the sets that contain two subsets and so lies in the Johnson scheme, with multiplicities
# $\binom rj-\binom r{j-1}$. On eigenspace $j$ take $x_e=\prod_{i\le j}(a_i-b_i)$ over $j$ disjoint pairs of points,
# where $a_i,b_i$ say which are in $e$, one of each. $(X_Lx)_T$ vanishes unless $T$ has exactly one of each pair, and
# is then $\pm\binom{t-j}{k-j}$: the other points of $e$ are any of $T$. Back, each $e$ with one of each pair is in
# $\binom{r-k-j}{t-k}$ such sets, since the other $j$ points of the pairs are not in $T$.


# %%
def check_eigenvalues(points, size, inside, theta=lambda r, k, t, j: comb(t - j, k - j) * comb(r - k - j, t - k)):
    """On products of differences over disjoint pairs of points X^T X acts as theta_j."""
    subsets, larger = list(combinations(range(points), size)), list(combinations(range(points), inside))
    X = sp.Matrix(len(larger), len(subsets), lambda i, j: int(set(subsets[j]) <= set(larger[i])))
    for j in range(size + 1):
        x = sp.zeros(len(subsets), 1)
        for place, e in enumerate(subsets):
            x[place] = sp.prod([(2 * i in e) - (2 * i + 1 in e) for i in range(j)])
        assert any(x)
        assert X.T * (X * x) == theta(points, size, inside, j) * x, "not an eigenvalue"


for case in ((5, 2, 3), (6, 2, 3), (7, 2, 4), (7, 3, 4)):
    check_eigenvalues(*case)

# %% [markdown]
# ## 3 and 4. Prices
# **Proof** of 3: derivations/network_price.py with 1 and 2. The part that depends on $t$ is
# $\binom rt\frac{t+(r-t)(k-1)^2}{k^2}\sum_jm_j/\theta_j$. **Check** of 4, exact.


# %%
def part(r, k, t):
    """What depends on t in G^(L+1)."""
    m = [comb(r, j) - (comb(r, j - 1) if j else 0) for j in range(k + 1)]
    theta = [comb(t - j, k - j) * comb(r - k - j, t - k) for j in range(k + 1)]
    weight = sp.Rational(t + (r - t) * (k - 1) ** 2, k * k)
    return comb(r, t) * weight * sum(sp.Rational(n, square) for n, square in zip(m, theta, strict=True))


def disjoint(r, k):
    """The same for the network that keeps the disjoint subsets: derivations/network_subsets.py with c = 1."""
    m = [comb(r, j) - (comb(r, j - 1) if j else 0) for j in range(k + 1)]
    mu = [comb(r - k - j, k - j) for j in range(k + 1)]
    weight = comb(r, k) * (k - 2 + sp.Rational(r, k * k))
    return weight * sum(sp.Rational(n, value**2) for n, value in zip(m, mu, strict=True))


def check_between(points, size=2):
    """A number between the ends costs less than both, which are networks of other names."""
    ends = [part(points, size, size), part(points, size, points - size)]
    assert min(part(points, size, t) for t in range(size, points - size + 1)) < min(ends), "an end costs least"


for r in range(5, 12):
    assert part(r, 2, r - 2) == disjoint(r, 2)
for r in range(7, 12):
    assert part(r, 3, r - 3) == disjoint(r, 3)
for r in range(6, 41):
    check_between(r)
check_between(8, 3)
