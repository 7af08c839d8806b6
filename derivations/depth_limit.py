# %% [markdown]
# # Comparison across ranks, and the limit of infinite depth
#
# **Statement.** Any class sizes $n_c$, $N=\sum n_c$, $s_i$ the singular values of $Z$, $c=\frac{L+1}2\lambda$,
# $p=\frac2{L+1}$, $V$ any upper bound of the global minimum.
#
# 1. If $f(\beta M)$ reaches every fit of $\alpha X$ at some $\beta\le C\alpha$, then
#    $\min_\beta f(\beta M)<f(\alpha X)$ for all $\alpha>0$, $\lambda>0$ and all $L$ with
#    $$p<\frac{\log(r/q)}{\log(C\,m_{\max}/x_{\min})}$$
#    ($q<r$ the ranks of $M$ and $X$, $m_{\max}$, $x_{\min}$ their largest and least nonzero singular values).
# 2. $Z=0$ is the global minimum as soon as $(L+1)\lambda\ge2\log K$. At every global minimum
#    $s_i\le\bigl(\frac{2\log K}{(L+1)\lambda}\bigr)^{(L+1)/2}$.
# 3. If $V<\frac{n_{\min}}N\log2$, every global minimum is diagonally superior.
# 4. At a global minimum $s_1\ge\frac N{K\sqrt{n_{\max}}}\log\frac{K-1}{e^V-1}$ and
#    $(s_{q+1}/s_1)^p\le\frac1q\bigl(\frac V{c\,s_1^p}-1\bigr)$.
# 5. Pairs have rank below $K-1$ iff $K\ge4$, and at equal scale a smaller fit than the SEL matrix for every class
#    sizes.
#
# **Sources.** garrod2025, Theorems 2 and 3, A1 to A3. New here: explicit constants in place of limits; that the
# comparison (1) needs no condition on $\lambda$; and that in (2) the minimum is not only small but zero.
#
# Cells say **proof**.

# %%
"""Theorems 2 and 3 of garrod2025 and their imbalanced versions, with explicit constants."""

import sympy as sp

K, L, lam, C, V, N, n_max = sp.symbols("K L lambda C V N n_max", positive=True)
p = sp.Symbol("p", positive=True)
HALF = sp.Rational(1, 2)

# %% [markdown]
# ## 1. Comparison of two lines
# **Proof.** Take $\alpha>0$ and $\beta\le C\alpha$ with $g(\beta M)\le g(\alpha X)$. The penalties are
# $c\beta^p\sum m_i^p\le c\,\alpha^pC^pq\,m_{\max}^p$ and $c\,\alpha^p\sum x_i^p\ge c\,\alpha^pr\,x_{\min}^p$; the
# first is smaller iff $(C\,m_{\max}/x_{\min})^p<r/q$. Such a $C$ exists for a diagonally superior $M$: $g(\beta M)$
# decreases from $\log K$ to $0$ in $\beta$, with slope $-\frac1N\langle Y-\tfrac1K,M\rangle<0$ at zero (each column's
# diagonal entry is above its mean); $g(\alpha X)\ge\log K-O(\alpha)$ near zero, and for large $\alpha$
# $-\log g(\alpha X)=O(\alpha)$ while $-\log g(\beta M)\ge\beta\mu-\log(K-1)$ with $\mu$ the least margin:
# $\beta(\alpha)/\alpha$ is bounded near $0$, near $\infty$ and in between.


# %%
def check_comparison(sign=1):
    """At the stated p both penalties agree, and below it M pays less."""
    q, r, m, x = sp.symbols("q r m_max x_min", positive=True)
    limit = sp.log(r / q) / sp.log(C * m / x)
    gap = sp.log(r / q) - sign * p * sp.log(C * m / x)
    assert sp.simplify(gap.subs(p, limit)) == 0, "the depth is another"
    # Falls with p where C m_max > x_min, so smaller p (larger depth) only helps.
    assert sp.simplify(gap.diff(p) + sp.log(C * m / x)) == 0


check_comparison()

# %% [markdown]
# ## 2. Zero
# **Proof.** $g$ is convex with $g(0)=\log K$ and $\nabla g(0)=-\frac1NSY$ ($Y$ one-hot of size $K\times N$), whose
# spectral norm is at most $\sqrt{n_{\max}}/N$, because $YY^\top=\operatorname{diag}(n_c)$. As $n_{\max}\le N-1$,
# $\sqrt{n_{\max}}/N\le\sqrt{N-1}/N\le\frac12<\log2\le\log K$. Let $c\ge\log K$. If some $s_i>1$,
# $f\ge c\,s_i^p>\log K$. Otherwise $s_i^p\ge s_i$ ($p\le1$) and $f\ge\log K+\sum_i(c-\frac12)s_i\ge\log K$, with
# equality only at zero. The bound on $s_i$ is $c\,s_i^p\le f\le\log K$.


# %%
def check_zero(slope=HALF):
    """sqrt(N-1)/N is at most ``slope``, attained at N = 2, and below log 2."""
    extra = sp.Symbol("t", nonnegative=True)
    rest = sp.expand((slope**2 * N**2 - (N - 1)).subs(N, 2 + extra))
    assert sp.simplify(rest - extra**2 / 4) == 0, "the slope at zero is larger"
    assert sp.N(slope) < sp.N(sp.log(2))


check_zero()
strength = (L + 1) / 2 * lam
bound = (2 * sp.log(K) / ((L + 1) * lam)) ** ((L + 1) / 2)
assert sp.simplify(sp.expand_log(sp.log(strength * bound ** (2 / (L + 1)) / sp.log(K)), force=True)) == 0

# %% [markdown]
# ## 3. Diagonal superiority
# **Proof.** $g=\sum_c\frac{n_c}Ng_c\ge\frac{n_{\min}}N\max_cg_c$, so $V<\frac{n_{\min}}N\log2$ gives $g_c<\log2$ for
# every class: $1+\sum_je^{-\mu_{jc}}<2$, and every single $e^{-\mu_{jc}}<1$.

# %%
e_sum = sp.Symbol("E", positive=True)
assert sp.solveset(sp.log(1 + e_sum) - sp.log(2), e_sum, sp.S.Reals) == sp.FiniteSet(1)

# %% [markdown]
# ## 4. The largest singular value, and the tail
# **Proof.** With $\mu_c$ the mean margin of class $c$, Jensen's inequality for the convex $e^{-t}$ and then for
# $t\mapsto\log(1+(K-1)e^{-t})$ gives $g\ge\log(1+(K-1)e^{-\bar m})$, $\bar m=\sum_c\frac{n_c}N\mu_c$. As
# $\mu_c=\frac K{K-1}(SM)_{cc}$, $\bar m=\frac K{(K-1)N}\langle
# S\operatorname{diag}\sqrt{n_c},M\operatorname{diag}\sqrt{n_c}\rangle
# \le\frac{K\sqrt{n_{\max}}}{(K-1)N}\sum_is_i\le\frac{K\sqrt{n_{\max}}}Ns_1$ for centred $M$ (rank at most $K-1$). With
# $g\le V$ this is the bound on $s_1$. The global minimum has $c\sum s_i^p\le V$; dividing by $c\,s_1^p$,
# $1+q\,(s_{q+1}/s_1)^p\le\sum_i(s_i/s_1)^p\le V/(c\,s_1^p)$.
#
# For $c\to0$, and $V$ the loss of a code of rank $q$ with singular values $\sigma$ per unit of margin at the scale
# $\beta=2\log\frac1c$: $V\le(K-1)c^2+cq\sigma^p\beta^p$, so $V/(c\,s_1^p)\to q$ as $p\to0$: both $\beta$ and the bound
# on $s_1$ are multiples of $\log\frac1c$ up to bounded factors and $\log\log$ terms, whose power $p$ tends to one. Then
# $(s_{q+1}/s_1)^p\le\frac{q-1}q+o(1)$: for $q=2$, $s_3/s_1\le(\frac12+o(1))^{(L+1)/2}$.

# %%
t = sp.Symbol("t", real=True)
softplus = sp.log(1 + (K - 1) * sp.exp(-t))
convex = sp.simplify(softplus.diff(t, 2))
assert sp.simplify(convex - (K - 1) * sp.exp(t) / (sp.exp(t) + K - 1) ** 2) == 0
top = sp.log((K - 1) / (sp.exp(V) - 1))
assert sp.simplify(sp.exp(softplus.subs(t, top)) - sp.exp(V)) == 0

M = sp.Matrix(3, 3, sp.symbols("m:9"))
S = sp.eye(3) - sp.ones(3, 3) / 3
for c in range(3):
    mean = sum(M[c, c] - M[j, c] for j in range(3) if j != c) / 2
    assert sp.expand(mean - sp.Rational(3, 2) * (S * M)[c, c]) == 0

# %% [markdown]
# ## 5. SEL and pairs
# **Proof.** The SEL matrix is $\alpha S$ in class-mean logits: class $c$ has loss $\log(1+(K-1)e^{-\alpha})$, a class
# of a pair $\log(1+(K-2)e^{-\alpha}+e^{-2\alpha})$, less (pairs_beat_simplex.py): every class fits at least as well,
# most better, so the fit is smaller for all class sizes. The rank of pairs is $\lceil K/2\rceil$, that of SEL $K-1$;
# $\lceil K/2\rceil<K-1$ iff $K\ge4$. So (1) applies with $C=1$.


# %%
def check_sel(classes):
    """Pairs have a smaller rank than SEL for all K from ``classes`` on (even and odd)."""
    extra = sp.Symbol("t", nonnegative=True)
    for first in (classes, classes + 1):
        # K = first + 2 t keeps its parity: ceil(K/2) grows by t, K - 1 by 2 t.
        rank = (first + 1) // 2 + extra
        assert ((first - 1 + 2 * extra) - rank).is_positive, "pairs do not have a smaller rank"


check_sel(4)
