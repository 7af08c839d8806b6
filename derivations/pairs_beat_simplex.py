# %% [markdown]
# # Antipodal pairs beat deep neural collapse
#
# **Statement.** Let $m=\lfloor K/2\rfloor$ and $p=\frac2{L+1}$. At every scale $a>0$ antipodal pairs (for odd $K$ in
# the published form, the last class on its own) have a smaller fit than the simplex, and they have a smaller penalty
# iff
# $$2^{p}<2-\frac1m\qquad\Longleftrightarrow\qquad4\,m^{L+1}<(2m-1)^{L+1}.$$
# This holds for all $K\ge4$, $L\ge3$ and for all $K\ge6$, $L=2$, and in no other case ($m\ge1$). There the simplex is
# not a global minimum for any $\lambda$ at which its scale is positive.
#
# **Sources.** garrod2025, Theorem 1. New here: the inequality between integers, which makes the exact domain of the
# comparison a finite check at its corners; and that the comparison is at every scale, hence at every $\lambda$, $n$ and
# for every choice of $\lambda$ per factor. It is sufficient, not sharp: see `optima check garrod2025.theorem1`.
#
# Cells say **proof** (all $K$, $L$, $a$).

# %%
"""Theorem 1 of garrod2025: fit and penalty of pairs and simplex at one scale."""

import sympy as sp

a = sp.Symbol("a", positive=True)
u = sp.Symbol("u", positive=True)  # e^(-a), between 0 and 1
K, m, L = sp.symbols("K m L", positive=True)


# %% [markdown]
# ## 1. Fit
# **Proof.** With $u=e^{-a}\in(0,1)$, a class of a pair has loss $\log(1+(K-2)u+u^2)$ and a class of the simplex
# $\log(1+(K-1)u)$. The difference of the arguments is $u-u^2=u(1-u)>0$. For odd $K$ the last class has the same loss in
# both, and the other $K-1\ge2$ classes a smaller one in pairs.


# %%
def check_fit(partner=2):
    """(1 + (K-1) u) - (1 + (K-2) u + u^partner) is positive for 0 < u < 1."""
    difference = sp.expand((1 + (K - 1) * u) - (1 + (K - 2) * u + u**partner))
    assert not difference.has(K), "the difference depends on K"
    inside = u / (1 + u)  # runs through (0, 1) as u runs through the positive numbers
    assert sp.factor(difference.subs(u, inside)).is_positive, "pairs do not fit better"


check_fit()


# %% [markdown]
# ## 2. Penalty
# **Proof.** The simplex has $K-1$ singular values $a$; pairs have $m$ singular values $2a$, and for odd $K$ one more,
# $a$. With $t=2^p$ the difference of $\sum_is_i^p/a^p$ is $2m-1-mt$ for both parities: positive iff $t<2-\frac1m$.


# %%
def check_penalty(pair_value=2):
    """Simplex minus pairs is m (2 - 1/m - pair_value^p), for even and odd K."""
    p = 2 / (L + 1)
    even = (2 * m - 1) - m * sp.Integer(pair_value) ** p
    odd = (2 * m + 1 - 1) - (m * sp.Integer(pair_value) ** p + 1)
    gap = m * (2 - 1 / m - 2**p)
    assert sp.simplify(even - gap) == 0, "the penalties differ otherwise for even K"
    assert sp.simplify(odd - gap) == 0, "the penalties differ otherwise for odd K"


check_penalty()


# %% [markdown]
# ## 3. The inequality for all K and L
# **Proof.** Raising $2^p<2-\frac1m$ to the power $L+1>0$ gives $4m^{L+1}<(2m-1)^{L+1}$, both sides positive for
# $m\ge1$. The left side $2^{2/(L+1)}$ falls with $L$ and the right side $2-\frac1m$ rises with $m$, so if it holds at
# $(m_0,L_0)$ it holds for all $m\ge m_0$, $L\ge L_0$. The corners: $(m,L)=(2,3)$: $4\cdot16=64<81$; $(3,2)$:
# $4\cdot27=108<125$. It fails at $L=1$ for every $m$ ($2<2-\frac1m$ is false), at $m=1$ for every $L$ ($2^p<1$ is
# false), and at $(2,2)$: $4\cdot8=32>27$. The domain is the union of the two quadrants
# $\{m\ge2,L\ge3\}\cup\{m\ge3,L\ge2\}$: $K\ge4,L\ge3$, or $K\ge6,L=2$.


# %%
def wins(pairs, depth):
    """Whether 4 m^(L+1) < (2m-1)^(L+1), in integers."""
    return 4 * pairs ** (depth + 1) < (2 * pairs - 1) ** (depth + 1)


def check_corner(pairs, depth):
    """The inequality holds at a corner of the domain, and therefore on its whole quadrant."""
    assert wins(pairs, depth), "pairs cost more at this corner"


left, right = 2 ** (2 / (L + 1)), 2 - 1 / m
assert sp.simplify(left.diff(L) + left * 2 * sp.log(2) / (L + 1) ** 2) == 0  # negative: it falls with L
assert right.diff(m).is_positive
check_corner(pairs=2, depth=3)
check_corner(pairs=3, depth=2)
assert not wins(2, 2)
assert left.subs(L, 1) == 2
assert (2 - right).is_positive  # so never at L = 1
assert right.subs(m, 1) == 1
assert sp.expand_log(sp.log(left), force=True).is_positive  # 2^p > 1, so never at m = 1
assert all(wins(i, j) == ((i >= 2 and j >= 3) or (i >= 3 and j >= 2)) for i in range(1, 40) for j in range(1, 40))

# %% [markdown]
# ## 4. Conclusion
# **Proof.** Let $a>0$ be a scale of the simplex with loss $f(a)=G_s(a)+c\,\nu_sa^p$. Pairs at the same scale lose
# $G_p(a)+c\,\nu_pa^p<f(a)$, with $G_p<G_s$ by section 1 and $\nu_p<\nu_s$ by sections 2 and 3. The argument uses no
# value of $c>0$, so it holds for every $\lambda$, number of samples $n$ and choice of one weight per factor (they
# enter through $\lambda_{\rm eff}$ alone: schatten_reduction.py). A width $d\ge K-1$, which the simplex needs,
# suffices for pairs, whose rank is at most that.

# %%
c, fit_s, fit_gap, nu_p, nu_gap, power = sp.symbols("c G_s g nu_p h q", positive=True)
assert sp.expand((fit_s + c * (nu_p + nu_gap) * power) - (fit_s - fit_gap + c * nu_p * power)).is_positive
