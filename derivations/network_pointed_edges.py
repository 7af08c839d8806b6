# %% [markdown]
# # Seven classes: the edges of four points, and one of the points
#
# **Statement.** Point $0$ sees its own class with $a$ and its three edges with $b$; each other point sees the edge to
# $0$ with $c$ and its two other edges with $1$: $M_2=\dots=M_{L-1}=V\in\mathbb R^{4\times7}_+$. With $\kappa=c/b$ layer
# $L$ has seven neurons: $g(x_i+x_j-x_k)$ for each edge $0k$; $v(\kappa x_0+x_k-x_i-x_j)$ for each other edge $ij$; and
# $t(x_1+x_2+x_3-\kappa x_0)$. At the best $g$, $v$, $t$ the price of the targets is
# $$G^{L+1}=N^2\,4^{L-3}\Bigl(\sum_{i=1}^3\sqrt{w_ih_i}\Bigr)^2,\qquad
#   N=2\sqrt{c^2+1}+\sqrt{T+2\sqrt D},$$
# $T=a^2+3b^2+c^2+4$, $D=a^2(c^2+4)+12b^2$, $w=(9,\,3(3+\kappa^2),\,3+\kappa^2)$, $m=(\kappa a)^{-2}$ and
# $$h=\Bigl(\tfrac12+\tfrac1{4c^2}+\tfrac m3,\ \tfrac18+\tfrac1{2c^2}+\tfrac m3,\
#   \tfrac1{12}+\tfrac1{12c^2}+\tfrac m9\Bigr).$$
# At $L=3$ it is below the price $7$ of collapse ($G/7=.98497$).
#
# **Sources.** New here: found by search. sukenik2024 shows that collapse loses at $L=3$ from ten classes on.
#
# Cells say **proof** or **check** (exact).

# %%
"""The price of the network of seven classes that beats collapse at depth three."""

from itertools import combinations

import sympy as sp

a, c, kappa, g, v, t = sp.symbols("a c kappa g v t", positive=True)
b = c / kappa
EDGES = list(combinations(range(4), 2))

# %% [markdown]
# ## 1. The layers
# **Proof.** The rows of the first kind are zero on class $0$ and on the edge $0i$ of a point that enters with a minus
# they are $-gc$; those of the second kind are $\kappa vb-vc=0$ on $0i$ and $0j$; the last one is $tc-\kappa tb=0$ on
# all edges of $0$ and negative on class $0$. So the signs below are those at all positive parameters.


# %%
def stem():
    """V."""
    columns = [[a, 0, 0, 0]]
    for i, j in EDGES:
        column = [sp.Integer(0)] * 4
        column[i], column[j] = (b, c) if i == 0 else (1, 1)
        columns.append(column)
    return sp.Matrix(columns).T


def weights():
    """The weight that makes layer L."""
    rows = []
    for i, j in EDGES:
        row = [sp.Integer(0), g, g, g] if i == 0 else [kappa * v, v, v, v]
        for point in (j,) if i == 0 else (i, j):
            row[point] = -row[point]
        rows.append(row)
    return sp.Matrix([*rows, [-kappa * t, t, t, t]])


V, W = stem(), weights()
layer = (W * V).applyfunc(sp.simplify)
# Every entry is a monomial with one sign.
X = layer.applyfunc(lambda entry: entry if entry.is_positive else sp.Integer(0))
assert all(entry.is_positive or entry.is_negative or entry == 0 for entry in layer)

# %% [markdown]
# ## 2. Norms
# **Proof.** $VV^\top$ is $c^2+1$ on differences of the points $1,2,3$ (twice), and on the rest a matrix of order two of
# trace $T$ and determinant $D$. $V$ has rank four, so the weight is the only one.

# %%
T, D = a**2 + 3 * b**2 + c**2 + 4, a**2 * (c**2 + 4) + 12 * b**2
x = sp.Symbol("x")
claimed = (x - c**2 - 1) ** 2 * (x**2 - T * x + D)
assert sp.simplify((V * V.T).charpoly(x).as_expr() - claimed) == 0
w = [9, 3 * (3 + kappa**2), 3 + kappa**2]
assert sp.simplify(sum(entry**2 for entry in W) - (w[0] * g**2 + w[1] * v**2 + w[2] * t**2)) == 0
m = 1 / (kappa * a) ** 2
h = [
    sp.Rational(1, 2) + 1 / (4 * c**2) + m / 3,
    sp.Rational(1, 8) + 1 / (2 * c**2) + m / 3,
    sp.Rational(1, 12) + 1 / (12 * c**2) + m / 9,
]


def check_inverse(third=h[2]):
    """tr (X^T X)^-1 = h_1 / g^2 + h_2 / v^2 + h_3 / t^2, by the exact inverse of X at rational parameters."""
    for values in ((2, 3, 5, 7, 11, 13), (1, 1, 2, 3, 1, 2), (5, 1, 3, 1, 4, 2)):
        at = dict(zip((a, c, kappa, g, v, t), map(sp.Integer, values), strict=True))
        inverse = X.subs(at).inv()
        expected = (h[0] / g**2 + h[1] / v**2 + third / t**2).subs(at)
        assert sum(entry**2 for entry in inverse) == expected, "the inverse has another norm"


check_inverse()

# %% [markdown]
# The last check at three points becomes a proof for all parameters with the inverse in symbols:

# %%
inverse = X.inv()
assert sp.simplify(sum(entry**2 for entry in inverse) - (h[0] / g**2 + h[1] / v**2 + h[2] / t**2)) == 0

# %% [markdown]
# ## 3. The best weights, and seven classes
# **Proof.** By Cauchy and Schwarz $\sum w_i\gamma_i\cdot\sum h_i/\gamma_i\ge(\sum\sqrt{w_ih_i})^2$ with equality at
# $\gamma_i\propto\sqrt{h_i/w_i}$.


# %%
def price(first, outer, ratio, depth):
    """G^(L+1)."""
    at = {a: first, c: outer, kappa: ratio}
    nuclear = 2 * sp.sqrt(c**2 + 1) + sp.sqrt(T + 2 * sp.sqrt(D))
    brackets = sum(sp.sqrt(one * other) for one, other in zip(w, h, strict=True))
    return (nuclear**2 * sp.Integer(4) ** (depth - 3) * brackets**2).subs(at)


def check_wins(depth=3, classes=7):
    """G < K at rational parameters."""
    values = sp.Rational(4, 3), sp.Rational(6, 5), sp.Rational(3, 2)
    assert sp.N(price(*values, depth) - sp.Integer(classes) ** (depth + 1), 30) < 0, "it costs more than collapse"


check_wins()
best = price(sp.Rational("1.32452"), sp.Rational("1.17384"), sp.Rational("1.49748"), 3)
assert abs(sp.N(best, 30) ** sp.Rational(1, 4) / 7 - sp.Rational("0.98497")) < 5e-6
