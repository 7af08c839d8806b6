# %% [markdown]
# # What every ReLU network costs: the bound by two directions
#
# **Statement.** Let $Z$ have the singular values $z_1\ge z_2\ge\dots$, $T=\sum_{i\ge2}z_i$. Every ReLU network of depth
# $L\ge2$ with output $Z$ has
# $$\rho(Z)^{L+1}\ \ge\ 2^{L-1}\,h(Z)^2,\qquad
#   h=\begin{cases}z_1+T&z_1\le T\\2\sqrt{z_1T}&z_1\ge T.\end{cases}$$
# 1. For the targets, $G^{L+1}\ge2^{L-1}K^2$: larger by $2^{L-1}$ than the bound by the nuclear norm.
# 2. For $K=2$ this is $G\ge2$: collapse is optimal at every depth.
# 3. For every $K\ge2$, $\lim_{L\to\infty}G=2$: fans (network_fan.py) attain it. In the middle of a deep network two
#    directions are needed, and enough.
# 4. At $L=2$ the targets cost more: $G^3\ge\min_{1<q\le K-1}(1+q)^2\bigl(2+\frac{(K-2)^2}{q-1}\bigr)$, which is
#    $(2.9156)^3$ for $K=3$, where collapse costs $3^3$.
# 5. Cross-entropy, $K\ge3$ classes of one size: a fit of at most $y$ needs $\sum z_i\ge S_y=(K-1)\log\frac{K-1}{e^y-1}$
#    and $T\ge T_y=\frac{K-2}{\sqrt{K-1}}\log\frac1{e^{Ky/(K-2)}-1}$, so that
#    $f\ge\min_y\,y+c\max\bigl(S_y^p,2^{1-p}h(S_y,T_y)^p\bigr)$.
#
# **Sources.** New here. The bound by the nuclear norm: network_price.py, section 4.
#
# Cells say **proof** or **check**.

# %%
"""Lower bounds of the price of relu networks from the two largest singular values of every layer."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(17)
relu = lambda matrix: np.maximum(matrix, 0)

# %% [markdown]
# ## 1. The first layer
# For $X\ge0$ let $\lambda_1\ge\lambda_2\ge\dots$ be the eigenvalues of $X^\top X$, $\tau$ their sum, $v\ge0$ a unit
# eigenvector of $\lambda_1$ (Perron), $x=\sqrt{\lambda_1/\lambda_2}\ge1$ and $q=(\tau-\lambda_1)/\lambda_2\ge1$; rank
# one or less throughout a layer makes $T=0$.
#
# **Proof** that $\max(M,0)=X$ has $\|M\|_*\ge\sqrt{\lambda_2}\,(x+q)$. Let
# $S=\lambda_2^{-1/2}(I-vv^\top)+\lambda_1^{-1/2}vv^\top$ and $Y=XS$. $Y^\top Y=SX^\top XS$ has the eigenvalues $1$ and
# $\lambda_j/\lambda_2\le1$. Where $X_{ic}=0$, $Y_{ic}=-(\lambda_2^{-1/2}-\lambda_1^{-1/2})(x_i\cdot v)v_c\le0$ for the
# row $x_i$. So $\|M\|_*\ge\langle Y,M\rangle\ge\langle Y,X\rangle=\operatorname{tr}SX^\top X$ (as in
# network_nuclear_norm.py).


# %%
def layer(X):
    """lambda_2, x, q and v."""
    values, vectors = np.linalg.eigh(X.T @ X)
    v = np.abs(vectors[:, -1])
    return values[-2], np.sqrt(values[-1] / values[-2]), values[:-1].sum() / values[-2], v


def check_first(factor=1.0):
    """The bound of the nuclear norm, for random matrices."""
    for _ in range(200):
        M = rng.normal(size=(5, 4)) + rng.normal()
        if np.linalg.matrix_rank(relu(M)) < 2:
            continue
        second, x, q, _ = layer(relu(M))
        bound = factor * np.sqrt(second) * (x + q)
        assert np.linalg.svd(M)[1].sum() >= bound * (1 - 1e-12), "a matrix is below the bound"


check_first()

# %% [markdown]
# ## 2. Later layers
# **Proof** that $s=\max(X^\top w,0)$ has $s^\top Ds\le\lambda_2|w|^2$ for $D=I-vv^\top+x^{-2}vv^\top$. Write
# $X^\top w=\alpha v+e$, $e\perp v$. As $v\ge0$, $\max(\alpha v,0)=\alpha_+v$, and the ReLU is 1-Lipschitz:
# $|(I-vv^\top)s|\le|s-\alpha_+v|\le|e|$; and $|s|^2\le\alpha^2+|e|^2$. So
# $s^\top Ds=(1-x^{-2})|(I-vv^\top)s|^2+x^{-2}|s|^2\le|e|^2+x^{-2}\alpha^2\le\lambda_2|w|^2$, since in the singular
# basis $\alpha^2=\lambda_1w_1^2$ and $|e|^2\le\lambda_2(|w|^2-w_1^2)$.
#
# Summed over the rows of $W_l$: $\|W_l\|_F^2\ge\lambda_2^{-1}\operatorname{tr}DX_{l+1}^\top X_{l+1}\ge
# \frac{\lambda_2'}{\lambda_2}\bigl(q'+\frac{x'^2}{x^2}\bigr)$ with the numbers of the next layer in primes. For the
# last two: $\|ZD^{1/2}\|_*\le\|W_L\|_F\|X_LD^{1/2}\|_F\le\|W_L\|_F\sqrt{\lambda_2}\|W_{L-1}\|_F$ with $D$ of layer
# $L-1$, and $\|ZD^{1/2}\|_*\ge T+z_1/x$ ($\|AB\|_*\ge\sum\sigma_i(A)\sigma_{n+1-i}(B)$).


# %%
def check_later(factor=1.0):
    """The bounds of a middle weight and of the last two, for random networks."""
    for _ in range(200):
        X = relu(rng.normal(size=(5, 4)) + 0.5)
        W, last = rng.normal(size=(6, 5)), rng.normal(size=(4, 6))
        after = relu(W @ X)
        if min(np.linalg.matrix_rank(X), np.linalg.matrix_rank(after)) < 2:
            continue
        second, x, _, v = layer(X)
        next_second, next_x, next_q, _ = layer(after)
        bound = next_second / second * (next_q + next_x**2 / x**2)
        assert np.sum(W**2) >= factor * bound * (1 - 1e-12), "a weight is below the bound"
        Z = last @ after
        z = np.linalg.svd(Z)[1]
        root = np.eye(4) - (1 - 1 / x) * np.outer(v, v)
        turned = np.linalg.svd(Z @ root)[1].sum()
        assert turned >= (z[1:].sum() + z[0] / x) * (1 - 1e-12)
        assert np.sum(W**2) * np.sum(last**2) * second >= factor * turned**2 * (1 - 1e-12)


check_later()

# %% [markdown]
# ## 3. The product
# **Proof.** For $L\ge3$ the product of all squared norms is at least, the $\lambda_2$ cancelling,
# $$(x_2+q_2)^2\prod_{l=2}^{L-2}\Bigl(q_{l+1}+\frac{x_{l+1}^2}{x_l^2}\Bigr)\Bigl(T+\frac{z_1}{x_{L-1}}\Bigr)^2
#   \ge4x_2\prod_{l=2}^{L-2}\frac{2x_{l+1}}{x_l}\Bigl(T+\frac{z_1}{x_{L-1}}\Bigr)^2
#   =2^{L-1}\Bigl(\sqrt{x_{L-1}}\,T+\frac{z_1}{\sqrt{x_{L-1}}}\Bigr)^2$$
# by $q\ge1$ and $1+u^2\ge2u$; the last bracket is least at $x=\max(1,z_1/T)$, where it is $h$. For $L=2$,
# $\|ZD^{1/2}\|_*\le\|W_2\|\,\|X_2D^{1/2}\|$ with $\|X_2D^{1/2}\|_F^2=\lambda_2(q+1)$, and
# $\frac{(x+q)^2}{q+1}\ge2x$ for $q\ge1$: the excess $(x+q)^2-2x(q+1)=x^2-2x+q^2=(x-1)^2+q^2-1$. AM-GM of the $L+1$
# squared norms gives $\rho$.

# %%
x, q, z, T = sp.symbols("x q z T", positive=True)
assert sp.expand((x + q) ** 2 - 2 * x * (q + 1) - (x - 1) ** 2 - q**2 + 1) == 0
assert sp.simplify(sp.diff(sp.sqrt(x) * T + z / sp.sqrt(x), x).subs(x, z / T)) == 0
assert sp.simplify((sp.sqrt(x) * T + z / sp.sqrt(x)).subs(x, z / T) - 2 * sp.sqrt(z * T)) == 0


def two_directions(Z, depth, base=2):
    """2^(L-1) h(Z)^2."""
    z = np.linalg.svd(Z)[1]
    first, rest = z[0], z[1:].sum()
    return base ** (depth - 1) * (first + rest if first <= rest else 2 * np.sqrt(first * rest)) ** 2


def check_bound(base=2):
    """No random network is below the bound, nor are collapse with two classes and fans, which come near it."""
    for _ in range(100):
        H, W1, W2, W3 = (rng.normal(size=shape) for shape in ((3, 4), (5, 3), (5, 5), (4, 5)))
        X2 = relu(W1 @ H)
        for factors, Z in (([H, W1, W3], W3 @ X2), ([H, W1, W2, W3], W3 @ relu(W2 @ X2))):
            product = np.prod([np.sum(F**2) for F in factors])
            assert product >= two_directions(Z, len(factors) - 1, base), "a network is below the bound"
    for depth in (2, 3, 7):
        assert 2.0 ** (depth + 1) >= two_directions(np.eye(2), depth, base), "collapse is below the bound"


check_bound()

# %% [markdown]
# ## 4. The limit of depth
# **Proof.** For $Z=I$, $z_1=1\le T$ and $h=K$, so $G\ge2^{(L-1)/(L+1)}K^{2/(L+1)}\to2$; for $K=2$ it is $2$ at every
# depth. Fans have $G^{L+1}=C_K2^{L-3}$.

# %%
L, K = sp.symbols("L K", positive=True)
lower = 2 ** ((L - 1) / (L + 1)) * K ** (2 / (L + 1))
assert sp.limit(lower.subs(K, 7), L, sp.oo) == 2
assert sp.simplify(lower.subs(K, 2)) == 2

# %% [markdown]
# ## 5. Depth two
# **Proof.** $\operatorname{tr}(X^\top
# X)^{-1}\ge\frac1{\lambda_1}+\frac1{\lambda_2}+\frac{(K-2)^2}{\tau-\lambda_1-\lambda_2}$ (AM-HM), so
# $G^3\ge(x+q)^2\bigl(x^{-2}+1+\frac{(K-2)^2}{q-1}\bigr)$, whose logarithmic slope in $x$,
# $\frac2{x+q}-\frac{2x^{-3}}{x^{-2}+b}$ with $b=1+\frac{(K-2)^2}{q-1}$, is nonnegative iff $bx^3\ge q$: for $x\ge1$ it
# is enough that $b\ge q$, that is $(q-1)^2\le(K-2)^2$, which is $q\le K-1$. So $x=1$.


# %%
def depth_two(classes, worst=1):
    """The bound of G at L = 2 for the targets."""
    q = np.linspace(1, classes - 1, 200002)[1:]
    return np.min((1 + q) ** 2 * (1 + worst + (classes - 2) ** 2 / (q - 1))) ** (1 / 3)


def check_depth_two(value):
    """At three classes."""
    assert abs(depth_two(3) - value) < 5e-5, "the bound is another"


check_depth_two(2.9156)

# %% [markdown]
# ## 6. Cross-entropy
# **Proof** of $S_y$: Jensen's inequality and $\langle I-J/K,Z\rangle\le\sum z_i$ (subsampling_bound.py has the rest).
#
# **Proof** of $T_y$. Let $Z=z_1uv^\top+E$, $\|E\|_*=T$, and $k^*,k_*$ the classes of the largest and least entry of
# $u$. A class $c$ that is neither has the rival $k(c)=k^*$ if $v_c\ge0$, else $k_*$: there
# $(uv^\top)_{cc}-(uv^\top)_{k(c)c}=v_c(u_c-u_{k(c)})\le0$, so that its loss is at least
# $\log(1+e^{-m_c})$ with $m_c=E_{cc}-E_{k(c)c}$. By Jensen over $K-2$ such classes
# $$y\ge\tfrac{K-2}K\log\bigl(1+e^{-\bar m}\bigr),\qquad(K-2)\bar m=\langle B,E\rangle\le\|B\|\,T,$$
# where $B$ has the columns $e_c-e_{k(c)}$: $B^\top B$ is $I$ and a block of ones for each of the two rivals, so that
# $\|B\|^2\le K-1$.
#
# **Proof** of the bound. At the fit $y$ of $f$ both sums are at least these, and $h$, which is $z_1+T$ or
# $2\sqrt{z_1T}$, grows with the sum $S$ of all at given $T$ and with $T$ at given $S$. For $n$ samples a class
# $\sqrt nZ$ is what the network makes of $\sqrt nH$: $c$ has the factor $n^{1/(L+1)}$.

# %%
S = sp.symbols("S", positive=True)
aside = 2 * sp.sqrt(T * (S - T))
# h grows with T where 2 T < S, and with S.
assert sp.simplify(sp.diff(aside, T) * sp.sqrt(T * (S - T)) - (S - 2 * T)) == 0
assert sp.simplify(sp.diff(aside, S) * sp.sqrt(T * (S - T)) - T) == 0


def least_rest(fit, classes, norm=None):
    """T_y."""
    norm = np.sqrt(classes - 1) if norm is None else norm
    return max(-(classes - 2) / norm * np.log(np.expm1(classes * fit / (classes - 2))), 0.0)


def check_rest(norm=None):
    """No logits have less than T_y beside their first direction: random ones, and those nearest to it."""
    for classes in (3, 4, 7):
        for trial in range(300):
            u, v = rng.normal(size=(2, classes))
            if trial % 3 == 0:
                u = np.eye(classes)[0] - np.eye(classes)[1]
            rival = np.where(v >= 0, np.argmax(u), np.argmin(u))
            B = np.eye(classes) - np.eye(classes)[:, rival]
            B[:, [np.argmax(u), np.argmin(u)]] = 0
            a, _, b = np.linalg.svd(B)
            # Along the dearest direction of B margins are got with the least norm.
            E = rng.uniform(0, 12) * np.outer(a[:, 0], b[0]) + rng.choice([0, 1e-3, 0.3]) * rng.normal(size=B.shape)
            Z = rng.uniform(0, 60) * np.outer(u, v) / np.linalg.norm(u) / np.linalg.norm(v) + E
            fit = np.mean([np.log(np.sum(np.exp(Z[:, c] - Z[c, c]))) for c in range(classes)])
            rest = np.linalg.svd(Z)[1][1:].sum()
            assert rest >= least_rest(fit, classes, norm) * (1 - 1e-12), "logits have less beside one direction"


check_rest()
