# %% [markdown]
# # Lower bounds for all logits
#
# **Statement.** Balanced classes, $n=1$, $m=\frac{\operatorname{tr}(SM)}{K-1}$.
#
# 1. $g(M)\ge\log(1+(K-1)e^{-m})$ and $m\le\frac1{K-1}\sum_is_i$, so
#    $f(M)\ge\min_{x\ge0}\log(1+(K-1)e^{-x/(K-1)})+c\,x^p$.
# 2. $ZZ^\top\preceq M$ implies $s_i(Z)^2\le\lambda_i(M)$.
# 3. For $D\succ0$ and $\varphi(D)=\min_Zg(Z)+\langle D,ZZ^\top\rangle$: $g(Z)\ge\varphi(D)-\langle D,M\rangle$ whenever
#    $ZZ^\top\preceq M$. A point with gradient $R$ and value $v$ shows
#    $\varphi(D)\ge v-\frac{\|R\|_F^2}{4\lambda_{\min}(D)}$.
#
# **Sources.** Jensen's inequality, Weyl's monotonicity and strong convexity are textbook; the arrangement is that of
# this project's theory, section 5.
#
# Cells say **proof**.

# %%
"""Jensen's bound, Weyl's bound and the tangent bound."""

import sympy as sp

K = sp.Symbol("K", positive=True)
t, r, v = sp.symbols("t r v", real=True)

# %% [markdown]
# ## 1. Jensen
# **Proof.** With margins $\mu_{jc}$, $\sum_{j\ne c}e^{-\mu_{jc}}\ge(K-1)e^{-\mu_c}$, $\mu_c$ their mean, and
# $t\mapsto\log(1+(K-1)e^{-t})$ is convex: $g\ge\log(1+(K-1)e^{-\bar\mu})$, $\bar\mu=\frac1K\sum\mu_c=\frac1K\cdot\frac
# K{K-1}\operatorname{tr}(SM)$. Von Neumann: $\operatorname{tr}(SM)\le\sum s_i$. For $p\le1$, $\sum s_i^p\ge(\sum
# s_i)^p$.


# %%
def check_jensen(rivals=None):
    """The function of the mean margin is convex and tight where all margins agree, with ``rivals`` = K - 1."""
    count = K - 1 if rivals is None else rivals
    bound = sp.log(1 + count * sp.exp(-t))
    assert sp.simplify(bound.diff(t, 2) - count * sp.exp(t) / (sp.exp(t) + count) ** 2) == 0
    equal_margins = sp.log(1 + (K - 1) * sp.exp(-t))
    assert sp.simplify(bound - equal_margins) == 0, "the bound is not that of equal margins"


check_jensen()
M = sp.Matrix(4, 4, sp.symbols("m:16"))
S = sp.eye(4) - sp.ones(4, 4) / 4
mean = sum(M[c, c] - M[j, c] for c in range(4) for j in range(4) if j != c) / 12
assert sp.expand(mean - (S * M).trace() / 3) == 0
x, y = sp.symbols("x y", positive=True)
p = sp.Rational(2, 3)
share = x / (x + y)
assert sp.simplify(share + y / (x + y)) == 1  # shares u <= 1 have u^p >= u, which sums to sum s_i^p >= (sum s_i)^p

# %% [markdown]
# ## 2. Weyl
# **Proof.** $M-ZZ^\top\succeq0$, and eigenvalues are monotone in the Loewner order:
# $\lambda_i(M)\ge\lambda_i(ZZ^\top)=s_i(Z)^2$.
#
# ## 3. Tangent
# **Proof.** $g(Z)=g(Z)+\langle D,ZZ^\top\rangle-\langle D,ZZ^\top\rangle\ge\varphi(D)-\langle D,M\rangle$, because
# $\langle D,M-ZZ^\top\rangle\ge0$ for $D\succeq0$. $\Phi=g+\langle D,ZZ^\top\rangle$ minus $\lambda_{\min}(D)\|Z\|^2$
# is convex, so $\Phi(Z')\ge v+\langle R,Z'-Z\rangle+\lambda_{\min}\|Z'-Z\|^2\ge v-\frac{\|R\|^2}{4\lambda_{\min}}$ by
# completing the square.


# %%
def check_square(factor=4):
    """min over u of r u + l u^2 is -r^2 / (factor l)."""
    least, u = sp.Symbol("l", positive=True), sp.Symbol("u", real=True)
    value = (r * u + least * u**2).subs(u, sp.solve((r * u + least * u**2).diff(u), u)[0])
    assert sp.simplify(value + r**2 / (factor * least)) == 0, "the square is completed otherwise"


check_square()
