# %% [markdown]
# # Logits of rank one: a lower bound in boxes of directions and scales
#
# **Statement.** $M=ay^\top$, $a$ from 0 to 1 in the order of the classes that sorts it (every $M$ of rank one is so, up
# to constants of columns, which change no loss, and the sign of $a$ and $y$), $n_c$ samples, $N=\sum n_c$,
# $\pi_c=n_c/N$, $p=\frac2{L+1}\le1$, $C=I-J/K$, $s^2=a^\top Ca\sum_cn_cy_c^2$, $f=\sum_c\pi_c\log\sum_ke^{(a_k-a_c)y_c}
# +c\,s^p$.
#
# 1. **Scale.** $c\,s^p=\min_{r>0}\,c(1-\frac p2)r^p+\frac{cp}2ws^2$ with $w=r^{p-2}$, where $r=s$.
# 2. **Gibbs.** For all probabilities $q_c$ and every $y$, with $x_c=(q_c-e_c)^\top a$,
#    $$\sum_c\pi_c\log\sum_ke^{(a_k-a_c)y_c}+\tfrac{cp}2ws^2\ \ge\ \sum_c\Bigl[\pi_cH(q_c)-\frac{n_cx_c^2}
#    {2cpN^2\,w\,a^\top Ca}\Bigr],$$
#    with equality for the best $y$ and $q_c=\operatorname{softmax}(ay_c)$.
# 3. **Boxes.** $a=\sum\lambda_ia_i$, $w=\sum_e\mu_ew_e$, barycentric. For probabilities
#    $q=\sum\lambda_i\lambda_j\mu_eq_{ije}$ whose pull is $x=\sum\lambda_i\lambda_j\mu_ex_{ije}$, the right side is at
#    least $\sum_{ije}\lambda_i\lambda_j\mu_e[\sum_c\pi_cH(q_{ijec})-n_cx_{ijec}^2/(2cpN^2w_e\,a_i^\top Ca_j)]$, hence
#    at least its least coefficient by $i\le j$, linear in $w$.
# 4. **Families.** With $q_{ij}=\frac12(q_i+q_j)+E_{ij}(e_1-e_K)$ the pull has the coefficients
#    $x_{ij}=\frac12[(q_i-e_c)^\top a_j+(q_j-e_c)^\top a_i]-E_{ij}$, for any numbers $E_{ij}$.
# 5. **From zero.** With one $q$ for all $r$ in $[0,R]$ the bound is concave in $r^{2-p}$, and least at an end.
#
# **Sources.** Gibbs' inequality; Bernstein coefficients; the perspective of a convex function is convex (Boyd and
# Vandenberghe, Convex Optimization, 3.2.6). The arrangement is this project's.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random).

# %%
"""Scales, Gibbs' inequality, coefficients of boxes, and what moves a pull."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. Scale
# **Proof.** $R\mapsto cR^{p/2}$ is concave, so its tangent at $R=r^2$ lies above it, and touches it there.
#
# **Check** of the tangent.


# %%
def check_scale(parts=2):
    """c (1 - p/2) r^p + c p/2 r^(p-2) s^2 has value and slope of c s^p at s = r."""
    c, p, r, s = sp.symbols("c p r s", positive=True)
    share = sp.Rational(1, parts)
    above = c * (1 - share * p) * r**p + c * share * p * r ** (p - 2) * s**2 - c * s**p
    assert sp.simplify(above.subs(s, r)) == 0
    assert sp.simplify(sp.diff(above, s).subs(s, r)) == 0
    assert all(above.subs({c: 1, p: sp.Rational(1, 3), r: 2, s: x}) > 0 for x in (1, sp.Rational(3, 2), 3))


check_scale()

# %% [markdown]
# ## 2. Gibbs
# **Proof.** $\log\sum e^{z_k}\ge H(q)+q\cdot z$; with $z_k=(a_k-a_c)y_c$ the fit is at least
# $\pi_cH(q_c)+\pi_cx_cy_c$, and $\min_y\pi xy+\frac{cp}2wn\,a^\top Ca\,y^2=-\pi^2x^2/(2cpwn\,a^\top Ca)$,
# where $\pi^2/n=n/N^2$.
#
# **Check** of that minimum, and **in floating point** that no logits are below, and the best touch it.


# %%
def check_minimum(factor=2):
    """min over y of pi x y + (c p / 2) w n A y^2 = -n x^2 / (2 c p N^2 w A)."""
    c, p, w, n, N, A = sp.symbols("c p w n N A", positive=True)
    x, y = sp.symbols("x y", real=True)
    value = n / N * x * y + c * p / 2 * w * n * A * y**2
    least = value.subs(y, sp.solve(sp.diff(value, y), y)[0])
    assert sp.simplify(least + n * x**2 / (factor * c * p * N**2 * w * A)) == 0


check_minimum()


def softmax(z):
    """Of the last axis."""
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)


def entropy(q):
    """H of the last axis."""
    return -np.sum(q * np.log(np.maximum(q, 1e-300)), axis=-1)


def check_gibbs():
    """Random logits are not below the right side."""
    for _ in range(300):
        K = int(rng.integers(2, 6))
        n = rng.integers(1, 9, K)
        N, p, c, r = n.sum(), 2 / rng.integers(2, 8), rng.exponential(0.1), rng.exponential(5.0)
        a, y = np.sort(rng.uniform(0, 1, K)), 5 * rng.standard_normal(K)
        A, gaps = np.var(a) * K, a[None] - a[:, None]
        fit = np.sum(n / N * np.log(np.sum(np.exp(gaps * y[:, None]), axis=1)))
        q = softmax(gaps * (y + rng.standard_normal(K))[:, None])
        x = q @ a - a
        w = r ** (p - 2)
        right = np.sum(n / N * entropy(q) - n * x**2 / (2 * c * p * N**2 * w * A))
        scale = (A * np.sum(n * y**2)) ** 0.5
        assert fit + c * scale**p >= at_scale(n, N, q, x, A, c, p, scale) - 1e-9
        assert fit + c * p / 2 * w * A * np.sum(n * y**2) >= right - 1e-9


def at_scale(n, N, q, x, A, c, p, r):
    """The whole bound at a scale."""
    price = np.sum(n * x**2) / (2 * c * p * N**2 * A) * r ** (2 - p)
    return np.sum(n / N * entropy(q)) + c * (1 - p / 2) * r**p - price


check_gibbs()


def check_touch(price=1.0):
    """The best y and its softmax touch the right side, whose pulls cost ``price`` times what they should."""
    for _ in range(20):
        K = int(rng.integers(2, 6))
        n, a = rng.integers(1, 9, K), np.sort(rng.uniform(0, 1, K))
        N, gaps, y = n.sum(), a[None] - a[:, None], np.zeros(K)
        # c p w N a^T C a.
        spring = rng.uniform(0.2, 2.0)
        for _ in range(400):
            q = softmax(gaps * y[:, None])
            y = y - (np.sum(q * gaps, axis=1) + spring * y) / (1 + spring)
        x = q @ a - a
        left = np.sum(n / N * (np.log(np.sum(np.exp(gaps * y[:, None]), axis=1)) + spring * y**2 / 2))
        assert abs(left - np.sum(n / N * (entropy(q) - price * x**2 / (2 * spring)))) < 1e-9


check_touch()

# %% [markdown]
# ## 3. Boxes
# **Proof.** $H$ is concave, so that $H(\sum\theta q)\ge\sum\theta H(q)$ for weights $\theta=\lambda_i\lambda_j\mu_e$
# of sum one. $(x,t)\mapsto x^2/t$ is convex for $t>0$ (the perspective of the square), $t=w\,a^\top Ca=
# \sum\theta\,w_ea_i^\top Ca_j$, and $a_i^\top Ca_j>0$ since both rise (Chebyshev's inequality of sums). The penalty
# $c(1-\frac p2)w^{-p/(2-p)}$ stands beside a function that is for each $ij$ linear in $w$; the least of a convex
# combination over $ij$ is no smaller than the least over $ij$ and $w$.
#
# **Check** (exact) of the perspective; **in floating point** in random boxes.


# %%
def check_perspective(power=1):
    """The Hessian of x^2 / t^power is positive semidefinite: its determinant is not negative."""
    x, t = sp.symbols("x t", positive=True)
    hessian = sp.hessian(x**2 / t**power, (x, t))
    assert sp.simplify(hessian.det()) >= 0
    assert hessian[0, 0].is_positive


check_perspective()


def coefficients(a, q, c, shift=0.0):
    """q_ij and x_ij (m, m, ...) of class c from rays (m, K) and probabilities (m, K) there, moved by ``shift``."""
    e = np.eye(a.shape[1])
    raw = 0.5 * ((q - e[c]) @ a.T + ((q - e[c]) @ a.T).T)
    mean = 0.5 * (q[:, None] + q[None])
    return mean + np.multiply.outer(shift * np.ones_like(raw), e[0] - e[-1]), raw - shift


def check_box(cross=1.0):
    """Inside a box of directions the bound is not below its coefficients; ``cross`` times a_i^T C a_j is taken."""
    for _ in range(200):
        K, m = 4, 3
        a = np.sort(rng.uniform(0, 1, (m, K)), axis=1)
        a[:, 0], a[:, -1] = 0.0, 1.0
        center = np.eye(K) - 1 / K
        q, c = softmax(rng.standard_normal((m, K))), int(rng.integers(K))
        qs, xs = coefficients(a, q, c, 0.02 * rng.uniform(-1, 1))
        if qs.min() < 0:
            continue
        coefficient = entropy(qs) - xs**2 / (cross * (a @ center @ a.T))
        weight = rng.dirichlet(np.ones(m))
        theta = np.outer(weight, weight)
        here, at = np.einsum("ij,ijk->k", theta, qs), weight @ a
        pull = here @ at - at[c]
        assert abs(pull - np.sum(theta * xs)) < 1e-12
        value = entropy(here) - pull**2 / (at @ center @ at)
        assert value >= np.sum(theta * coefficient) - 1e-12 >= coefficient.min() - 2e-12


check_box()

# %% [markdown]
# ## 4. Families
# **Proof.** $a$ goes from 0 to 1 at every ray, so $(e_1-e_K)^\top a=-1$ for all $\lambda$ and moving $E(\lambda)=
# \sum\lambda_i\lambda_jE_{ij}$ from the last class to the first changes the pull by $-E$, a polynomial of the same
# degree. So a class in the middle, which pays little for its pull where the penalty is weak, keeps the pull it has at
# the corners, at the price of a little entropy: checked above with the rest.
#
# ## 5. From zero
# **Proof.** With $v=r^{2-p}$ the bound is $h+c(1-\frac p2)v^{p/(2-p)}-kv$, $k\ge0$.
#
# **Check**: concave for $p\le1$.


# %%
def check_concave(power=lambda p: p / (2 - p)):
    """v^power is concave for p in (0, 1]."""
    p, v = sp.symbols("p v", positive=True)
    second = sp.diff(v ** power(p), v, 2)
    assert all(second.subs({p: sp.Rational(k, 10), v: x}) <= 0 for k in range(1, 11) for x in (1, 2, 7))


check_concave()
