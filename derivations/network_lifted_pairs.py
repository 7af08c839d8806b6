# %% [markdown]
# # Lifted pairs with hinges
#
# **Statement.** $K=2d$, $X=I_d\otimes\begin{pmatrix}1&-1\\-1&1\end{pmatrix}$, $V\ge0$ with $V^\top V=J+X$. The network
# $M_2=\dots=M_{L-1}=V$, $M_L=(X,\sqrt xV)$ stacked, has
# $$G^{L+1}=2(d+\sqrt d)^2(d+1)^{L-3}\bigl(2d+(d+1)x\bigr)\Bigl(d-1+\frac d{1+2x}+\frac1{1+2dx}\Bigr)$$
# as the price of the targets. As $d\to\infty$ at the best $x$, $G/K\to\frac12(1+\sqrt3)^{2/(L+1)}$. It is below the
# price $K$ of collapse from $K=8$ at $L=3$ and from $K=4$ at $L=4$.
#
# **Sources.** New here. The codes are the pairs of garrod2025.
#
# Cells say **proof** or **check**.

# %%
"""The price of lifted pairs with a hinge for every class."""

import sympy as sp

d, x, L = sp.symbols("d x L", positive=True)

# %% [markdown]
# ## 1. The stem
# **Proof.** Let $\varepsilon$ run over the $m$ rows of an orthogonal array of signs of strength two (columns of a
# Hadamard matrix without the constant one), and $V_{\varepsilon,(k,\sigma)}=(1+\sigma\varepsilon_k)/\sqrt m\ge0$. Then
# $(V^\top V)_{(k,\sigma),(j,\tau)}=1+\sigma\tau\delta_{kj}$. $J$ and $X$ commute with $JX=0$ and the eigenvalues $2d$
# (once) and $2$ ($d$ times): $\|V\|_*=\sqrt{2d}+d\sqrt2$, so $\|V\|_*^2=2(d+\sqrt d)^2$, and the rank is $d+1$.


# %%
def pairs(half):
    """X for d pairs."""
    return sp.kronecker_product(sp.eye(half), sp.Matrix([[1, -1], [-1, 1]]))


def check_stem(half, shift=1):
    """V is nonnegative with V^T V = J + X; ``shift`` stands for the 1 in its entries."""
    signs = sp.Matrix([[1]])
    while signs.rows < half + 1:
        signs = sp.kronecker_product(signs, sp.Matrix([[1, 1], [1, -1]]))
    m = signs.rows
    V = sp.kronecker_product(signs[:, 1 : half + 1], sp.Matrix([[1, -1]])) + shift * sp.ones(m, 2 * half)
    assert min(V) >= 0, "a feature is negative"
    assert m * (sp.ones(2 * half, 2 * half) + pairs(half)) == V.T * V, "the inner products are others"


for half in (2, 3, 5):
    check_stem(half)
assert sp.simplify((sp.sqrt(2 * d) + d * sp.sqrt(2)) ** 2 - 2 * (d + sp.sqrt(d)) ** 2) == 0

# %% [markdown]
# ## 2. The last hidden layer
# **Proof.** $X$ is an image of $V$, and $\|XV^+\|_F^2=\operatorname{tr}X(V^\top V)^+X=\operatorname{tr}X=2d$ ($X$ and
# $V^\top V$ are both $2$ on its range). The idle part costs $x$ times the rank. $\max(X,0)=I$, so
# $X_L^\top X_L=I+x(J+X)$: $1+2dx$ once, $1+2x$ $d$ times, $1$ $d-1$ times.


# %%
def check_layer(half, share, copies=None):
    """Stage norm and trace of the inverse of I + x (J + X), by exact matrices."""
    X, J, size = pairs(half), sp.ones(2 * half, 2 * half), 2 * half
    gram = J + X
    pinv = J / size**2 + X / 4
    assert gram * pinv * gram == gram
    stage = (X * pinv * X).trace() + share * (gram * pinv).trace()
    assert stage == 2 * half + (half + 1) * share
    middle = half if copies is None else copies
    claimed = half - 1 + middle / (1 + 2 * share) + 1 / (1 + 2 * half * share)
    assert sp.simplify((sp.eye(size) + share * gram).inv().trace() - claimed) == 0, "the inverse has another trace"


for half in (2, 3):
    check_layer(half, sp.Rational(3, 5))

# %% [markdown]
# ## 3. The limit, and where it is below collapse
# **Proof.** Divided by $K^2=4d^2$, the product of the two brackets tends to $\frac14(2+x)(1+\frac1{1+2x})
# =\frac14(2+x)\frac{2+2x}{1+2x}$, least at $2x^2+2x-1=0$, $x=\frac{\sqrt3-1}2$; with $2d^2\cdot d^{L-3}$ in front the
# whole is $d^{L+1}(1+\sqrt3)^2$ there, and $K=2d$. **Check** of the corners.

# %%
limit = (2 + x) * (2 + 2 * x) / (1 + 2 * x)
best = (sp.sqrt(3) - 1) / 2
assert sp.simplify(sp.diff(limit, x).subs(x, best)) == 0
assert sp.simplify(2 * limit.subs(x, best) - (1 + sp.sqrt(3)) ** 2) == 0


def check_wins(half, depth, share):
    """G < K at some x."""
    whole = 2 * (d + sp.sqrt(d)) ** 2 * (d + 1) ** (L - 3) * (2 * d + (d + 1) * x)
    whole *= d - 1 + d / (1 + 2 * x) + 1 / (1 + 2 * d * x)
    at = whole.subs({d: half, L: depth, x: share})
    assert sp.N(at - sp.Integer(2 * half) ** (depth + 1), 30) < 0, "it costs more than collapse"


check_wins(4, 3, sp.Rational(1, 3))
check_wins(2, 4, sp.Rational(1, 4))
