# %% [markdown]
# # Pairs of classes: a lower bound for any number of them
#
# **Statement.** Balanced classes, $p=\frac2{L+1}\le1$,
# $f(Z)=\frac1K\sum_c\log(1+\sum_{k\ne c}e^{-m_{kc}})+C\sum_is_i(Z)^p$, $m_{kc}=z_{cc}-z_{kc}$,
# $\Phi=K\operatorname{fit}$.
#
# 1. **Symmetric logits do no worse in pairs.** For every $Z$ there are vectors $g_c$ with $\sum_cg_c=0$, whose Gram
#    matrix $X$ has $s_i(X)\le s_i(Z)$ for all $i$, and $\frac12(m_{kc}+m_{ck})\le D_{kc}=\frac12|g_c-g_k|^2$.
# 2. **Odds.** $e^\Phi-1\ge\sum_{k\ne c}e^{-m_{kc}}\ge\sum_{k\ne c}e^{-D_{kc}}$.
# 3. **Prices.** $\beta_c=X_{cc}$, $R_c=\sum_kX_{kc}^2$, $t=\sum_{i\ge2}s_i$. If $A_cs-B_cs^2\le s^p-\tau s$ on
#    $[0,m]\ni s_{q+1}$ and $A_cs-B_cs^2\le\pi_i(s)$ at $s_i$ for $i\le q$, then
#    $\sum_is_i^p\ge\sum_{i\le q}(s_i^p-[i\ge2]\tau s_i-\pi_i(s_i))+\tau t+\sum_c(A_c\beta_c-B_cR_c)$.
# 4. **Kernels.** $\sum_{k,c}H(r_k,r_c)u_{kc}^d\ge0$ for positive semidefinite $H$, $r_c=|g_c|$, $u_{kc}$ the cosine.
# 5. **Two-point bound.** With $\omega=\frac\kappa{KC}$, any $\nu$, $\sigma$, and $B=b/r^2$, let the charge of two
# classes be
#    $$G=2\omega
#    e^{-D}-(b_kr_c^2+b_cr_k^2)u^2+(\nu_kr_c+\nu_cr_k)u-2\textstyle\sum_dH_d(r_k,r_c)u^d+\sigma_k+\sigma_c$$
#    and of one $U=Ar^2-br^2+\nu r-\sum_dH_d(r,r)-(K-1)\sigma$. If $G\ge0$ and $U\ge N$ everywhere,
#    $$f\ge C\,[\textstyle\sum_{i\le q}(s_i^p-[i\ge2]\tau s_i-\pi_i)+\tau t+KN]
#    +\tfrac1K\bigl(\Phi-\kappa(e^\Phi-1)\bigr).$$
# 6. **Knots.** For $b\ge0$, $\nu$, $\sigma$ and factors of $H$ linear between knots of $r$, $G$ is at each $u$ at
# least the
#    least value at the corners of a cell, $e^{-D}$ replaced by its tangent $e^{-q}(1+q-D)$ at any $q(u)$; and $U$
#    is on a
#    part of a cell at least the least of its Bernstein coefficients.
# 7. **One set for many boxes.** $G\ge0$ does not mention $s$, $t$ and $\Phi$: $\kappa$, $b$, $\nu$, $\sigma$ and $H$
#    that serve one box serve all, and so does any multiple of theirs. For given $\tau$ and $N$ the least $\pi_i$ is the
#    greatest value of a parabola in $s_i$.
# 8. **Spent.** If $s_2\le a$ and $s_i\le b\le a$ for $i\ge3$, then $\sum_{i\ge2}s_i^p$ is at least that of $a$, as many
#    $b$ as fit, and a rest, with the sum $t$.
#
# **Sources.** Linear programming bounds with positive definite kernels are Delsarte's, for energies Cohn and Kumar's
# (2007); the symmetrisation, the local prices and their arrangement are this project's.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random matrices).

# %%
"""Symmetrised logits, prices of singular values, kernels, and what cells of norms leave."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. Symmetric logits
# **Proof.** $Z=USV^\top$, $a_k$ and $b_c$ the rows of $US^{1/2}$ and $VS^{1/2}$, so that $z_{kc}=a_k\cdot b_c$ and
# $A^\top A=B^\top B=S$. Let $G=\frac12(A+B)$. $S-G^\top G=\frac14(A-B)^\top(A-B)\succeq0$, hence $s_i(GG^\top)\le
# s_i$; to
# centre $g$ lowers them further and changes no difference. $m_{kc}+m_{ck}=(a_c-a_k)\cdot(b_c-b_k)\le
# \frac14|a_c-a_k+b_c-b_k|^2=|g_c-g_k|^2$.
#
# **Check** (exact) of both identities; **in floating point** at random logits. With $G=A$ the second would be wrong.


# %%
def check_identities():
    """S - G^T G = (A-B)^T (A-B) / 4 where A^T A = B^T B = S, and |x + y|^2 / 4 - x.y = |x - y|^2 / 4."""
    a, b, s = sp.symbols("a b s")
    assert sp.expand((s + s) / 2 - ((a + b) ** 2) / 4 - (a - b) ** 2 / 4).subs({a**2: s, b**2: s}) == 0
    assert sp.expand((a + b) ** 2 / 4 - a * b - (a - b) ** 2 / 4) == 0


check_identities()


def symmetric(Z, weight=0.5):
    """Rows g_c from logits (K, K), weight A + (1 - weight) B."""
    left, s, right = np.linalg.svd(Z - Z.mean(axis=0))
    g = weight * left * np.sqrt(s) + (1 - weight) * right.T * np.sqrt(s)
    return g - g.mean(axis=0)


def distances(g):
    """Half the squared distances."""
    return 0.5 * np.sum((g[:, None] - g[None]) ** 2, axis=2)


def check_symmetric(Z, weight=0.5):
    """No singular value is larger, and no two classes are closer than their mean margin."""
    g = symmetric(Z, weight)
    margins = np.diag(Z)[None] - Z
    assert (np.linalg.svd(g, compute_uv=False) ** 2 <= np.linalg.svd(Z, compute_uv=False) + 1e-9).all(), "larger"
    assert (distances(g) >= 0.5 * (margins + margins.T) - 1e-9).all(), "closer than the margins"


def random_logits(K):
    """Of some rank and scale."""
    rank = rng.integers(1, K + 1)
    Z = rng.exponential(3.0) * rng.standard_normal((K, rank)) @ rng.standard_normal((rank, K))
    return Z + rng.uniform(0, 8) * np.eye(K)


for K in (2, 3, 5, 9):
    for _ in range(30):
        check_symmetric(random_logits(K))

# %% [markdown]
# ## 2. Odds
# **Proof.** $e^\Phi=\prod_c(1+Y_c)\ge1+\sum_cY_c$, and $e^{-m}+e^{-m'}\ge2e^{-(m+m')/2}$.
#
# **Check**: the product; without the 1 it would be wrong.


# %%
def check_product(less=1):
    """(1 + x)(1 + y)(1 + z) - 1 has the terms x + y + z and nonnegative ones beside."""
    x, y, z = sp.symbols("x y z")
    rest = sp.Poly(sp.expand((1 + x) * (1 + y) * (1 + z) - less - x - y - z), x, y, z)
    assert all(c > 0 for c in rest.coeffs())
    assert rest.eval({x: 0, y: 0, z: 0}) == 0


check_product()

# %% [markdown]
# ## 3. Prices
# **Proof.** $X=\sum_is_iv_iv_i^\top$ with $\sum_cv_{ic}^2=1$; $\beta_c=\sum_iv_{ic}^2s_i$ and
# $R_c=\sum_iv_{ic}^2s_i^2$.
# Integrate the two inequalities against $\sum_iv_{ic}^2\delta_{s_i}$ and sum over $c$. The best line for a slope
# $B$ has
# $A=\min_s(\text{price}(s)/s+Bs)$; for the price $s^p-\tau s$ the minimum is at $s^{2-p}=(1-p)/B$, or at $m$. For
# $\pi$
# linear with the slope of $s^p$ (less $\tau$ for $i\ge2$) between the ends of a box,
# $s_i^p-[i\ge2]\tau s_i-\pi_i(s_i)$ is concave and least at an end.
#
# **Check** (exact): the stationary point. **In floating point**: the sum, for random $X$ and lines.


# %%
def check_stationary(power=None):
    """The least of s^(p-1) + B s."""
    s, B, p = sp.symbols("s B p", positive=True)
    power = 1 / (2 - p) if power is None else power(p)
    slope = sp.diff(s ** (p - 1) + B * s, s).subs(p, sp.Rational(1, 2))
    at = (((1 - p) / B) ** power).subs(p, sp.Rational(1, 2))
    assert sp.simplify(slope.subs(s, at)) == 0


check_stationary()


def check_prices(K, p, tau, share=1.0, apart=1):
    """sum s^p >= what the largest have apart + tau t + sum_c (A_c beta_c - B_c R_c), the best A_c of random B_c."""
    g = rng.standard_normal((K, rng.integers(1, K + 1))) * rng.exponential(3.0)
    X = (g - g.mean(axis=0)) @ (g - g.mean(axis=0)).T
    s = np.sort(np.linalg.eigvalsh(X))[::-1]
    s = s[s > 1e-9]
    own, others = s[:apart], s[apart:]
    pi = own**p * rng.uniform(0.5, 1.5, own.size)
    B = rng.exponential(1.0, K)[:, None] * s[0] ** (p - 2)
    grid = others[0] * np.linspace(1e-4, 1, 4000) if others.size else np.empty(0)
    lines = np.concatenate([grid ** (p - 1) - tau + B * grid, pi / own + B * own], axis=1)
    right = np.sum(own**p - pi) - tau * own[1:].sum() + tau * s[1:].sum()
    right += share * np.sum(lines.min(axis=1) * np.diag(X) - B[:, 0] * np.sum(X**2, axis=1))
    assert right <= np.sum(s**p) * (1 + 1e-6) + 1e-9, "above the sum"


for K in (2, 4, 7):
    for p in (2 / 3, 1 / 2, 1 / 3):
        for _ in range(10):
            check_prices(K, p, rng.normal() * 0.1, apart=int(rng.integers(1, 4)))

# %% [markdown]
# ## 4. Kernels
# **Proof.** $(u_{kc})$ is a Gram matrix, so are its entrywise powers and their entrywise products with $H$
# (Schur); the sum
# of the entries of a positive semidefinite matrix is not negative.
#
# **Check in floating point**: degrees 0, 1 and 3 for random vectors; the kernel $u-\frac12$ is none.


# %%
def check_kernel(kernel):
    """The sum of w w' kernel(u) is not negative."""
    for _ in range(30):
        g, w = rng.standard_normal((6, 3)), rng.standard_normal(6)
        g = g / np.linalg.norm(g, axis=1)[:, None]
        assert w @ kernel(g @ g.T) @ w > -1e-9, "the kernel is not positive"


for degree in (0, 1, 3):
    check_kernel(lambda u, degree=degree: u**degree)

# %% [markdown]
# ## 5. The two-point bound
# **Proof.** Add to $\sum_c(A_c\beta_c-B_cR_c)+\omega\sum_{k\ne c}e^{-D_{kc}}$ the sums
# $\sum_c\frac{\nu_c}{r_c}\sum_kX_{kc}=0$
# and $-\sum_{k,c}H_du^d\le0$, and $\sum_{k<c}(\sigma_k+\sigma_c)-(K-1)\sum_c\sigma_c=0$; $X_{kc}=r_kr_cu_{kc}$. What
# is left is $\sum_cU+\sum_{k<c}G\ge KN$. By 2, $\omega\sum e^{-D}\le\omega(e^\Phi-1)$.
#
# **Check** (exact): the terms of two classes with two others, by coefficients.


# %%
def check_split(own=1):
    """sum_c b_c R_c / r_c^2 and sum_c nu_c sum_k X_kc / r_c split into classes and pairs."""
    K = 3
    r, b, nu = (sp.symbols(f"{name}0:{K}", positive=True) for name in ("r", "b", "n"))
    u = [[sp.Integer(1) if i == j else sp.Symbol(f"u{min(i, j)}{max(i, j)}") for j in range(K)] for i in range(K)]
    X = [[r[i] * r[j] * u[i][j] for j in range(K)] for i in range(K)]
    whole = sum(nu[c] / r[c] * sum(X[k][c] for k in range(K)) for c in range(K))
    whole -= sum(b[c] / r[c] ** 2 * sum(X[k][c] ** 2 for k in range(K)) for c in range(K))
    parts = sum(own * nu[c] * r[c] - b[c] * r[c] ** 2 for c in range(K))
    for c in range(K):
        for k in range(c):
            parts += (nu[k] * r[c] + nu[c] * r[k]) * u[k][c] - (b[k] * r[c] ** 2 + b[c] * r[k] ** 2) * u[k][c] ** 2
    assert sp.expand(whole - parts) == 0


check_split()

# %% [markdown]
# ## 6. Knots
# **Proof.** $e^{-D}\ge e^{-q}(1+q-D)$ by convexity. At fixed $u$, $D$ is convex in $r_k$ and in $r_c$, $-b_kr_c^2$
# concave in
# $r_c$ and linear in $r_k$, and the rest is linear in each: a function concave in each of two variables is least at a
# corner of a rectangle. In $U$, $\min_s(\text{price}(s)r^2/s+bs)$ is a concave function of $(r^2,b)$, and
# $(r^2,b(r))$ on
# $[x,y]$ is the mean of $(x^2,b(x))$, $(xy,\frac12(b(x)+b(y)))$ and $(y^2,b(y))$ with Bernstein's weights.
#
# **Check** (exact): the second derivatives and the mean. With $|x-y|$ for $D$ it fails.


# %%
def check_cells(D=None):
    """D is convex in each norm, and a parabola is the mean of three points."""
    x, y, u, w = sp.symbols("x y u w")
    D = (x**2 + y**2) / 2 - u * x * y if D is None else D(x, y, u)
    assert sp.diff(D, x, 2) == 1
    assert sp.diff(D, y, 2) == 1
    r = (1 - w) * x + w * y
    assert sp.expand((1 - w) ** 2 * x**2 + 2 * w * (1 - w) * x * y + w**2 * y**2 - r**2) == 0
    b, c = sp.symbols("b c")
    middle = 2 * w * (1 - w) * (b + c) / 2
    assert sp.expand((1 - w) ** 2 * b + middle + w**2 * c - ((1 - w) * b + w * c)) == 0


check_cells()

# %% [markdown]
# ## 7. One set for many boxes
# **Proof.** $\omega$ enters $G$ with $\kappa$ only, and $G$ is linear in all multipliers. $\pi_i(s)=\pi_i+\ell(s-a)$ is
# enough for a class if $\frac{\pi_i+\ell(s-a)}sr^2+bs+V\ge N$, $V$ the rest of its charge: $\pi_i\ge
# \frac{(N-V-bs)s}{r^2}-\ell(s-a)$.
#
# **Check** (exact): the greatest value of the right-hand side; half the slope would not do.


# %%
def check_parabola(slope=1):
    """What is asked of pi is stationary at s = ((N - V) / r^2 - l) r^2 / (2 b)."""
    N, V, b, s, r, a, line = sp.symbols("N V b s r a l", positive=True)
    asked = (N - V - b * s) * s / r**2 - line * (s - a)
    at = ((N - V) / r**2 - slope * line) * r**2 / (2 * b)
    assert sp.simplify(sp.diff(asked, s).subs(s, at)) == 0
    assert sp.diff(asked, s, 2) == -2 * b / r**2


check_parabola()

# %% [markdown]
# ## 8. What is spent
# **Proof.** The numbers named majorise all others that are allowed, and a sum of concave functions is least there
# (Karamata).
#
# **Check in floating point**: random numbers below their caps.


# %%
def spent(t, a, b, p):
    """Of a, as many b as fit, and the rest, less what may be rounding."""
    first = min(t, a)
    rest = max(t - first - 1e-12 * t, 0.0)
    whole = np.floor(rest / b)
    return first**p + whole * b**p + max(rest - whole * b, 0.0) ** p


def check_spent(s, p, room=1.0):
    """The sum of s^p of falling numbers with caps at the first two of them is no less."""
    assert np.sum(s**p) >= room * spent(s.sum(), s[0], s[1], p) - 1e-9, "less is spent"


for _ in range(300):
    check_spent(np.sort(rng.exponential(1.0, rng.integers(2, 9)))[::-1], 2 / rng.integers(2, 12))
