# %% [markdown]
# # One rank at a time: the penalty in two factors
#
# **Statement.** For $0<p\le1$ and a matrix $Z$ of rank at most $r$,
# $$\min_{AB^T=Z}\ \tfrac12\operatorname{tr}(A^TA)^p+\tfrac12\operatorname{tr}(B^TB)^p=\sum_i s_i(Z)^p,$$
# over $A,B$ with $r$ columns, attained by $A=U\sqrt S$, $B=V\sqrt S$ with $Z=USV^T$. So the minima of
# $F(A,B)=g(AB^T)+\frac c2[\operatorname{tr}(A^TA)^p+\operatorname{tr}(B^TB)^p]$ are those of the reduced problem on
# matrices of rank at most $r$. The gradient of $\operatorname{tr}(A^TA)^p$ is $2pA(A^TA)^{p-1}$.
#
# **Sources.** The Weyl-Horn inequality $\sum s_i(AB^T)^q\le\sum s_i(A)^qs_i(B)^q$ ($q>0$) is proved in
# `schatten_reduction.py`. The factor form with Schatten exponents is folklore; worked out here for this problem.
#
# Cells say **proof** or **check** (50-digit arithmetic, seeded).

# %%
"""The Schatten penalty as a smooth function of two factors of fixed rank."""

import random

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40
rng = random.Random(7)


def random_matrix(rows, columns):
    """Random rational matrix at 50 digits."""
    return mp.matrix([[mp.mpf(rng.randint(-9, 9)) / rng.randint(1, 9) for _ in range(columns)] for _ in range(rows)])


def singular_values(matrix):
    """Singular values at 50 digits, descending."""
    return sorted((mp.sqrt(abs(w)) for w in mp.eigsy(matrix.T * matrix, eigvals_only=True)), reverse=True)


def factor_penalty(A, B, p):
    """(1/2) tr (A^T A)^p + (1/2) tr (B^T B)^p."""
    return sum(s ** (2 * p) for factor in (A, B) for s in singular_values(factor)) / 2


# %% [markdown]
# **Proof of the lower bound.** Weyl-Horn gives $\sum s_i(AB^T)^p\le\sum s_i(A)^ps_i(B)^p$; each term is at most
# $\frac12(s_i(A)^{2p}+s_i(B)^{2p})$ because the difference is half a square:

# %%
x, y, p = sp.symbols("x y p", positive=True)
assert sp.simplify((x ** (2 * p) + y ** (2 * p)) / 2 - x**p * y**p - (x**p - y**p) ** 2 / 2) == 0

# %% [markdown]
# **Proof of attainment.** $A=U\sqrt S$ has $A^TA=S$ when $U^TU=1$, so each half of the penalty is $\frac12\sum s_i^p$:

# %%
s = sp.symbols("s", positive=True)
assert sp.simplify(sp.Rational(1, 2) * s**p + sp.Rational(1, 2) * s**p - s**p) == 0


# %% [markdown]
# **Check** of the bound on random factors, which are not balanced, and of equality for balanced ones.


# %%
def check_bound(exponent, factor=1):
    """The penalty of random factors is at least ``factor`` times the Schatten power of their product."""
    for _ in range(20):
        A, B = random_matrix(4, 2), random_matrix(4, 2)
        product = singular_values(A * B.T)[:2]
        assert factor_penalty(A, B, exponent) >= factor * sum(v**exponent for v in product) - TINY


for exponent in (mp.mpf(2) / 3, mp.mpf(1) / 2, mp.mpf(1) / 5, mp.mpf(1)):
    check_bound(exponent)


def check_balanced(exponent, unbalance=1):
    """A = U sqrt(S) t, B = V sqrt(S) / t attains the bound (for t = 1)."""
    U, _ = mp.qr(random_matrix(4, 4))
    V, _ = mp.qr(random_matrix(4, 4))
    values = [mp.mpf(rng.randint(1, 99)) / 10 for _ in range(2)]
    root = mp.diag([mp.sqrt(v) for v in values])
    A, B = U[:, :2] * root * unbalance, V[:, :2] * root / unbalance
    assert abs(factor_penalty(A, B, exponent) - sum(v**exponent for v in values)) < TINY


for exponent in (mp.mpf(2) / 3, mp.mpf(1) / 2, mp.mpf(1) / 5, mp.mpf(1)):
    check_balanced(exponent)

# %% [markdown]
# **Proof of the gradient.** $\mathrm d\operatorname{tr}\phi(G)=\operatorname{tr}\phi'(G)\,\mathrm dG$ for a function of
# a symmetric matrix; with $G=A^TA$ and $\mathrm dG=\mathrm dA^TA+A^T\mathrm dA$, so the gradient is
# $2A\phi'(A^TA)$; for $\phi(t)=t^p$ that is $2pA(A^TA)^{p-1}$. **Check** by central differences:


# %%
def check_gradient(exponent, power):
    """Directional derivative of tr (A^T A)^p against 2 p A (A^T A)^power."""
    A, D = random_matrix(4, 2), random_matrix(4, 2)
    step = mp.mpf(10) ** -15
    trace = lambda M: sum(v ** (2 * exponent) for v in singular_values(M))
    slope = (trace(A + step * D) - trace(A - step * D)) / (2 * step)
    w, Q = mp.eigsy(A.T * A)
    G = 2 * exponent * A * Q * mp.diag([v**power for v in w]) * Q.T
    inner = sum(G[i, j] * D[i, j] for i in range(4) for j in range(2))
    assert abs(slope - inner) < mp.mpf(10) ** -20 * (1 + abs(inner))


for exponent in (mp.mpf(2) / 3, mp.mpf(1) / 5):
    check_gradient(exponent, exponent - 1)
