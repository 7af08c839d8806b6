# %% [markdown]
# # Networks of subsets: the strongly regular graph
#
# **Statement.** $V\in\{0,1\}^{r\times K}$ the incidence of $r$ points and all their $k$-subsets, $K=\binom rk$, $k\le
# r/2$.
#
# 1. $V$ has the singular values $\sqrt{k\binom{r-1}{k-1}}$ once and $\sqrt{\binom{r-2}{k-1}}$, $r-1$ times.
# 2. $\pm(cJ-V^\top V)=\pm\bigl(\frac ckJ-V^\top\bigr)V$, and that weight is $M X^+$; its squared norm is
#    $K\bigl(k-2c+\frac{rc^2}{k^2}\bigr)$.
# 3. The network $M_2=\dots=M_{L-1}=V$, $M_L=cJ-V^\top V$ has
#    $q^L=\|V\|_*^2\,r^{L-3}K\bigl(k-2c+\frac{rc^2}{k^2}\bigr)$ and $\mu$ the eigenvalues of $\max(cJ-V^\top V,0)$. For
#    $k=2$, $c=1$ (sukenik2024) they are $\frac{(r-2)(r-3)}2$ (once), $-(r-3)$ ($r-1$ times), $1$ ($\frac{r(r-3)}2$
#    times).
# 4. Rows and columns of an $r\times r$ grid, $K=r^2$: $\sqrt{2r}$ once, $\sqrt r$ $2(r-1)$ times; the weight
#    $\pm(\frac12J-V^\top)$ has squared norm $\frac{r^3}2$; $\mu=(r-1)^2$, $-(r-1)$ ($2(r-1)$ times), $1$.
#
# **Sources.** sukenik2024 for $k=2$, $c=1$ (its construction; prices and losses are derived here).
#
# Cells say **proof** or **check** (exact).

# %%
"""Prices of the networks of subsets and grids."""

from itertools import combinations
from math import comb

import sympy as sp

r, k, c = sp.symbols("r k c", positive=True)


def incidence(points, size):
    """V in integers."""
    columns = list(combinations(range(points), size))
    return sp.Matrix(points, len(columns), lambda i, j: int(i in columns[j]))


# %% [markdown]
# ## 1. Singular values of V
# **Proof.** $VV^\top=(a-b)I+bJ$ with $a=\binom{r-1}{k-1}$ subsets at a point and $b=\binom{r-2}{k-2}$ at two:
# eigenvalues $a-b=\binom{r-2}{k-1}$ and $a+(r-1)b=ka$.

# %%
for points, size in ((5, 2), (6, 2), (7, 3)):
    V = incidence(points, size)
    assert comb(points - 2, size - 1) * sp.eye(points) + comb(points - 2, size - 2) * sp.ones(points) == V * V.T
    a, b = comb(points - 1, size - 1), comb(points - 2, size - 2)
    assert a + (points - 1) * b == size * a

# %% [markdown]
# ## 2. The weight of the last hidden layer
# **Proof.** Every column of $V$ sums to $k$, so $J=\frac1kJV$; $V$ has full row rank, so the weight is the only one.
# Its entries are $\frac ck-1$ ($k$ a row) and $\frac ck$.


# %%
def check_stage(points, size, bound, norm=None):
    """The weight makes c J - V^T V and has the squared norm K (k - 2c + r c^2 / k^2)."""
    V = incidence(points, size)
    K = V.cols
    W = sp.Rational(bound, size) * sp.ones(K, points) - V.T
    assert bound * sp.ones(K, K) - V.T * V == W * V
    claimed = K * (size - 2 * bound + sp.Rational(points * bound**2, size**2)) if norm is None else norm
    assert sum(entry**2 for entry in W) == claimed, "the weight has another norm"


check_stage(5, 2, 1)
check_stage(6, 3, 2)
check_stage(7, 3, 1)
expression = k * (1 - c / k) ** 2 + (r - k) * (c / k) ** 2
assert sp.simplify(expression - (k - 2 * c + r * c**2 / k**2)) == 0
assert sp.simplify((k - 2 * c + r * c**2 / k**2).subs({k: 2, c: 1}) - r / 4) == 0

# %% [markdown]
# ## 3. The graph of disjoint edges
# **Proof.** $V^\top V=2I+T$ with $T$ the graph of edges that meet, which has the eigenvalues $2(r-2)$, $r-4$ and $-2$;
# so $J-V^\top V$ is $-1$ on the diagonal, $0$ on edges that meet and $1$ on disjoint ones, and its ReLU is
# $A=J-I-T$.


# %%
def check_srg(points, upper=None):
    """Eigenvalues of the graph of disjoint edges, with multiplicities."""
    V = incidence(points, 2)
    K = V.cols
    A = (sp.ones(K, K) - V.T * V).applyfunc(lambda entry: max(entry, 0))
    second = points - 3 if upper is None else upper
    roots = {sp.Rational((points - 2) * (points - 3), 2): 1}
    for value, times in ((-second, points - 1), (1, points * (points - 3) // 2)):
        roots[value] = roots.get(value, 0) + times
    assert A.eigenvals() == roots, "the eigenvalues are others"


check_srg(5)
check_srg(6)


def ratio(points, depth):
    """G / K: the price of the targets over that of collapse."""
    K = sp.Rational(points * (points - 1), 2)
    nuclear = (points - 1) * sp.sqrt(points - 2) + sp.sqrt(2 * points - 2)
    inverse = sp.Rational(4, ((points - 2) * (points - 3)) ** 2) + sp.Rational(points - 1, (points - 3) ** 2)
    inverse += sp.Rational(points * (points - 3), 2)
    whole = nuclear**2 * points ** (depth - 3) * K * points / 4 * inverse
    return float(whole) ** (1 / (depth + 1)) / float(K)


def check_ratio(points, depth, value):
    """G / K to four decimals."""
    assert abs(ratio(points, depth) - value) < 6e-5, "the price is another"


for depth, row in {3: (1.0561, 0.9234, 0.9268, 0.9381, 0.9476), 4: (0.9633, 0.8168, 0.7835, 0.7628, 0.7456)}.items():
    for points, value in enumerate(row, start=4):
        check_ratio(points, depth, value)

# %% [markdown]
# ## 4. Grids
# **Proof.** $VV^\top=\begin{pmatrix}rI&J\\J&rI\end{pmatrix}$ has the eigenvalues $2r$, $r$ ($2(r-1)$ times) and $0$ on
# $(\mathbf 1,-\mathbf 1)$, which $\frac12J-V^\top$ kills: it is the least weight. $\max(J-V^\top
# V,0)=(J-I)\otimes(J-I)$.


# %%
def grid(side):
    """Rows, then columns, against cells."""
    rows = [[int(row == i) for row in range(side) for _ in range(side)] for i in range(side)]
    columns = [[int(column == i) for _ in range(side) for column in range(side)] for i in range(side)]
    return sp.Matrix(rows + columns)


for side in (3, 4):
    V = grid(side)
    W = sp.ones(side**2, 2 * side) / 2 - V.T
    assert sp.ones(side**2, side**2) - V.T * V == W * V
    assert W * sp.Matrix([1] * side + [-1] * side) == sp.zeros(side**2, 1)
    assert sum(entry**2 for entry in W) == sp.Rational(side**3, 2)
    other = sp.ones(side, side) - sp.eye(side)
    rectified = (sp.ones(side**2, side**2) - V.T * V).applyfunc(lambda entry: max(entry, 0))
    assert rectified == sp.kronecker_product(other, other)
