# %% [markdown]
# # Spectra of cross-entropy: what becomes of $K^2$ equal outliers
#
# **Statement.** Linear model, cross-entropy, balanced classes. At a stationary simplex of scale $\alpha$ let
# $q=1/(e^\alpha+K-1)$ and $P=1-(K-1)q$. Then $W_l^\top W_l$ has $\alpha q/\lambda_l$, $K-1$ times, and
# $\mathrm{Hess}_l$, for every $l$, has
# $$\lambda_l\alpha P\ [1],\qquad\lambda_l\alpha\frac{(K-1)-K(K-2)q}K\ [K-1],\qquad
#   \frac{\lambda_l\alpha}K\ [K^2-3K+1]:$$
# rank $(K-1)^2$, and not all equal. The gradient is an eigenvector of the first. $\mathrm{Hess}_H$ has
# $\lambda_H\alpha P$ and $\lambda_H\alpha/K$, $N$ and $N(K-2)$ times. The gradients of the samples have second moment
# $\lambda_l\alpha q(K-1)$ [1], $\lambda_l\alpha q(K-2)$ [$K-1$].
#
# At antipodal pairs ($K$ even, $P,P',R$ the softmax of own class, partner and others, $t=(K-2)R$,
# $c=2\alpha\lambda_l/(1-P+P')$), $l<L$: $\frac c2[(P+P')-(P-P')^2]$ [$\frac K2$], $cR$ [$\frac K2(\frac K2-1)$]. For
# $l=L$: the first, $cR$ [$\frac K2(K-3)$] and $cR(1-t)\frac K2$ [$\frac K2$]: rank $\frac K2(K-1)$, although the
# range of $Z$ has dimension $\frac K2$. *Projecting the last layer onto the range of $Z$ loses these.*
#
# **Sources.** garrod2026spectra is about squared error. Worked out here: everything above.
#
# Cells say **proof** (all $K$, $L$, $n$) or **check** (exact, given sizes).

# %%
"""Hessians of layers under cross-entropy at the simplex and at pairs."""

import sympy as sp

K, q, a, lam = sp.symbols("K q alpha lambda", positive=True)
P = 1 - (K - 1) * q

# %% [markdown]
# ## 1. The simplex
# $A_l=\sigma_AU$-frame and $X_l$ have the singular vectors of $S=I-J/K$, so with $V$ a basis of $\mathbf1^\perp$ a
# direction is a matrix $T=STS$, and $\mathrm{Hess}_l[T,T]=\frac{\sigma^2}K\sum_c(Te_c)^\top S_c\,Te_c$, $S_c$ the
# curvature of class $c$ and $\sigma^2=\alpha^2/w_l^2=\alpha\lambda_l/q$, because $\lambda_lw_l^2=\alpha q$ (the
# gradient in $M$ is $-qS$). For $v\perp\mathbf1$ and $p=q\mathbf1+(P-q)e_c$
# $$v^\top S_cv=q|v|^2+(P-q)(1-P+q)v_c^2=q\bigl(|v|^2+K(1-Kq)v_c^2\bigr).$$
# So $\mathrm{Hess}_l=\frac{\lambda_l\alpha}K\bigl(\mathrm{id}+K(1-Kq)\mathcal D\bigr)$ with
# $\mathcal D[T,T]=\sum_cT_{cc}^2$, a sum over the vectors $Se_c\otimes Se_c$, whose Gram matrix $S\circ S$ has the
# eigenvalues $\frac{K-1}K$ [1] and $\frac{K-2}K$ [$K-1$].


# %%
def check_simplex(spread=lambda k: (k - 1) / k):
    """The three values; ``spread`` is the largest eigenvalue of S o S."""
    unit = lam * a / K
    value = lambda mu: unit * (1 + K * (1 - K * q) * mu)
    assert sp.simplify(value(spread(K)) - lam * a * P) == 0, "the first value is another"
    assert sp.simplify(value((K - 2) / K) - lam * a * ((K - 1) - K * (K - 2) * q) / K) == 0
    own, other = ((K - 1) / K) ** 2, 1 / K**2
    assert sp.simplify(own - other - (K - 2) / K) == 0
    assert sp.simplify(own + (K - 1) * other - (K - 1) / K) == 0
    assert sp.expand(1 + (K - 1) + (K**2 - 3 * K + 1) - (K - 1) ** 2) == 0


def check_quadratic(classes):
    """v^T S_c v on centred vectors, exact."""
    share = sp.Symbol("q")
    p = sp.Matrix([1 - (classes - 1) * share] + [share] * (classes - 1))
    v = sp.Matrix(sp.symbols(f"v0:{classes - 1}"))
    v = v.col_join(sp.Matrix([-sum(v)]))
    direct = (v.T * (sp.diag(*p) - p * p.T) * v)[0]
    assert sp.expand(direct - share * ((v.T * v)[0] + classes * (1 - classes * share) * v[0] ** 2)) == 0


check_simplex()
for classes in (2, 3, 5):
    check_quadratic(classes)

# %% [markdown]
# For $H$ each sample has its own block $\frac{\sigma^2}{N}SS_cS$, now with $\sigma^2/n$ from $h$: $v\propto Se_c$ has
# $v_c^2=\frac{K-1}K|v|^2$ and the value $\lambda_H\alpha P$, the others $\lambda_H\alpha/K$ [$K-2$].
#
# *Gradients.* $\delta_c=-KqSe_c$, so the second moment has the Gram matrix $\lambda_l\alpha q\,K(S\circ S)$: values
# $\lambda_l\alpha q(K-1)$ [1] and $\lambda_l\alpha q(K-2)$ [$K-1$]. The mean $-\lambda_lW_l$ has
# $\lambda_l^2(K-1)w_l^2=\lambda_l\alpha q(K-1)$, the first one. Since $W_l\propto\sum_cSe_c\otimes Se_c$, the same sum
# is the top eigenvector of $\mathcal D$: the gradient is an eigenvector of the first value.

# %%
assert sp.simplify(lam * a * q * K * (K - 1) / K - lam**2 * (K - 1) * a * q / lam) == 0

# %% [markdown]
# ## 2. Pairs
# $d_b=(e_+-e_-)/\sqrt2$ for each pair; $M$ has the singular value $2\alpha$, $K/2$ times, and the gradient in $M$ is
# $-\frac{1-P+P'}Kd_bd_b^\top$ in the range, so $\lambda_lw_l^2=2\alpha(1-P+P')/K$ and
# $\frac{\sigma^2}K=\frac{4\alpha^2\lambda_l}{K\cdot2\alpha(1-P+P')/K}=c$. The two classes of a pair have $x=\pm d_b$,
# and $S_\pm$ have the same form on differences: on $d_b$ it is $\frac12[(P+P')-(P-P')^2]$, on $d_{b'}$ it is $R$. For
# $l=L$ all of $\mathbf1^\perp$ counts: $K-2$ others leave $K-3$ differences with $R$, and the sum of the pair against
# the others, an eigenvector of the value $R(1-t)\frac K2$ because $S_\pm\mathbf1=0$.

# %%
R, partner = sp.symbols("R P'", positive=True)


def check_pairs(classes, last=None):
    """Exact eigenvalues of the curvature of a pair, mean over its two classes, at given K."""
    own = 1 - partner - (classes - 2) * R
    last = R * (1 - (classes - 2) * R) * sp.Rational(classes, 2) if last is None else last(classes)
    mean = sp.zeros(classes, classes)
    for first, second in ((own, partner), (partner, own)):
        p = sp.Matrix([first, second] + [R] * (classes - 2))
        mean += (sp.diag(*p) - p * p.T) / 2
    difference = sp.Matrix([1, -1] + [0] * (classes - 2))
    within = (own + partner - (own - partner) ** 2) / 2
    assert (mean * difference - within * difference).applyfunc(sp.expand).is_zero_matrix
    other = sp.Matrix([0, 0, 1, -1] + [0] * (classes - 4))
    assert (mean * other - R * other).applyfunc(sp.expand).is_zero_matrix
    against = sp.Matrix([classes - 2] * 2 + [-2] * (classes - 2))
    assert (mean * against - last * against).applyfunc(sp.expand).is_zero_matrix, "the last value is another"


for classes in (4, 6, 8):
    check_pairs(classes)
half = K / 2
assert sp.expand(half + half * (K - 3) + half - half * (K - 1)) == 0

# %% [markdown]
# ## 3. Any balanced critical point
# $Z=U\operatorname{diag}(s)V^\top$ of rank $r$, one $\lambda$: $A_l=UD_aU_l^\top$, $X_l=U_{l-1}D_xV^\top$ with
# $D_a=s^{(L-l)/(L+1)}$, $D_x=s^{l/(L+1)}$, so for $l<L$ the spectrum is that of the $r^2\times r^2$ matrix
# $\frac1N\sum_j(D_aU^\top S_jUD_a)\otimes(D_xv_jv_j^\top D_x)$. For $l=L$, $A_L=I$: the first factor is $S_j$ itself,
# of order $K$, not $U^\top S_jU$. **Check** that this matters: above, at pairs, $\frac K2(K-1)>\frac{K^2}4$ for $K>2$.

# %%
assert sp.factor(half * (K - 1) - half**2) == K * (K - 2) / 4
