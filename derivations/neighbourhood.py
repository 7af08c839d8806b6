# %% [markdown]
# # Neighbourhoods in which nothing is better
#
# **Statement.** Notation of `convex_concave.py`: $f(M)=h(M)+c\operatorname{tr}M^q$ on $M\succ0$ of order $m=K-1$,
# $0<q<1$; $\varphi(D)=\sum_c\min_yw_c\ell_c(y)+\nu_cy^\top Dy$. Let $M^*=SS^\top\succ0$ with $S=F\Lambda^{1/2}$,
# eigenvalues $\lambda_i$, and write $M=S(1+X)S^\top$, $D=S^{-\top}ES^{-1}$, $y=Sx$.
#
# 1. $f(M)\ge\varphi(D)-\langle D,M\rangle+c\operatorname{tr}M^q$ for every $D\succ0$, and
#    $\langle D,M\rangle=\langle E,1+X\rangle$. The gradient $D^*=cqM^{*\,q-1}$ of the penalty becomes
#    $E^*=\operatorname{diag}(cq\lambda_i^q)$.
# 2. For $\|X\|_F\le\rho<1$
#    $$c\operatorname{tr}M^q\ge c\operatorname{tr}M^{*q}+\langle E^*,X\rangle-\tfrac12(1-\rho)^{q-2}\kappa[X],\qquad
#      \kappa[X]=\sum_{ij}\kappa_{ij}X_{ij}^2,\quad
#      \kappa_{ij}=-cq\lambda_i\lambda_j\frac{\lambda_i^{q-1}-\lambda_j^{q-1}}{\lambda_i-\lambda_j},$$
#    with the limit $cq(1-q)\lambda^q$ where $\lambda_i=\lambda_j=\lambda$.
# 3. Let $r(\delta)$ be the largest difference among $0$ and the $d_j\cdot\delta$. Along $\delta$ the third derivative
#    of $\ell(x)=\log(1+\mu\sum_je^{d_j\cdot x})$ is at most $r(\delta)$ times the second, so
#    $$\ell(x+\delta)-\ell(x)-\nabla\ell(x)\cdot\delta\ge\psi(r(\delta))\,\delta^\top H\delta,\qquad
#      \psi(r)=\frac{e^{-r}+r-1}{r^2}\text{ decreasing},\quad H=\nabla^2\ell(x).$$
# 4. Let $x_c$ be any inner points for $E=E^*$, $R_c$ the gradients there, $V$ the sum of their values,
#    $G=\sum\nu_cx_cx_c^\top$, $\tau>0$, $0<\sigma<1$, $\eta>0$, and
#    $$A_c=\psi(\tau)w_cH_c+(1-\sigma)\nu_cE,\qquad
#      Q[\Delta]=2(1+\eta)\sum_c\nu_c^2\,x_c^\top\Delta A_c^{-1}\Delta x_c.$$
#    If $\Delta\succeq-\sigma E$ and $|2\nu_c\Delta x_c+R_c|_{A_c^{-1}}\max|v|_{A_c^{-1}}\le\tau$ for all $c$, $v$ over
#    the differences of $0$ and the $d_{cj}$, then
#    $$\varphi(E+\Delta)\ge V+\langle G,\Delta\rangle-\tfrac12Q[\Delta]
#      -\tfrac14\bigl(1+\tfrac1\eta\bigr)\sum_cR_c^\top A_c^{-1}R_c.$$
# 5. With $\Delta=-Q^{-1}X$, and $\rho$ so small that 4 holds for all $\|X\|_F\le\rho$,
#    $$f(M)\ge b-\text{slack}+\tfrac12Q^{-1}[X]-\tfrac12(1-\rho)^{q-2}\kappa[X],\qquad
#      b=V-\operatorname{tr}E+c\operatorname{tr}M^{*q},$$
#    the slack being at most the last term of 4 and $\rho$ times the norm of $X\mapsto\langle G-1,Q^{-1}X\rangle$ (at
#    the optimum $R_c=0$, $G=1$, $b=f(M^*)$). Where $Q^{-1}\succeq(1-\rho)^{q-2}\kappa$, no $M$ with
#    $\|X\|_F\le\rho$ has $f(M)<b-\text{slack}$.
# 6. A box of matrices about $\overline M$, with eigenvalues in $[\underline\lambda_i,\overline\lambda_i]$ and
#    directions within angles $\alpha_1$, $\alpha_m\le\frac\pi2$ of its own, is inside when
#    $$\|S^{-1}(\overline M-M^*)S^{-\top}\|_F+\frac1{\min\lambda^*}\Bigl(\tfrac12|\overline\lambda-\underline\lambda|
#      +\sqrt2\,(\overline\lambda_1-\underline\lambda_2)\sin\alpha_1
#      +\sqrt2\,(\overline\lambda_2-\underline\lambda_3)\sin\alpha_3\Bigr)\le\rho,$$
#    the last term only for $m=3$ and the one before for $m\ge2$.
#
# **Sources.** Loewner's integral for $M^{q-1}$, the derivative of matrix functions by divided differences
# (Daleckii-Krein) and Taylor's formula are textbook; that $\log\sum\exp$ is self-concordant in the sense of 3 is known
# of logistic regression (Bach, 2010). Their combination is this project's.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random points).

# %%
"""Neighbourhoods of a minimum: the penalty's and the fit's curvature, the inner bound, duality and the boxes inside."""

import itertools

import mpmath as mp
import numpy as np
import sympy as sp
from scipy.optimize import minimize

from optima import DeepUFM, best_scales, named, solve
from optima.proofs.dual import FitDual, Trace
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.neighbourhood import neighbourhood_of

rng = np.random.default_rng(0)


def symmetric(m):
    """Random symmetric matrix of Frobenius norm 1."""
    X = rng.normal(size=(m, m))
    X = X + X.T
    return X / np.linalg.norm(X)


# %% [markdown]
# ## 1. Coordinates
# **Proof.** The bound by duality is 2 of `convex_concave.py`. $\langle D,M\rangle=\operatorname{tr}S^{-\top}ES^{-1}
# S(1+X)S^\top=\operatorname{tr}E(1+X)$, and $y^\top Dy=x^\top Ex$. $D^*$ and $M^*$ have the frame $F$ in common, so
# $E^*=S^\top D^*S=\Lambda^{1/2}cq\Lambda^{q-1}\Lambda^{1/2}$.
#
# **Check**: $E^*$, and $\langle D^*,SXS^\top\rangle=\langle E^*,X\rangle$, in the plane.

# %%
q, c, s, r, h = sp.symbols("q c s r h", positive=True)
l1, l2 = sp.symbols("lambda1 lambda2", positive=True)
theta = sp.symbols("theta", real=True)


def check_coordinates(power=q):
    """D* = c q M*^(q-1) is diag(c q lambda^power) in coordinates in which M* = 1."""
    F = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    S = F * sp.diag(sp.sqrt(l1), sp.sqrt(l2))
    D = F * sp.diag(c * q * l1 ** (q - 1), c * q * l2 ** (q - 1)) * F.T
    E = sp.diag(c * q * l1**power, c * q * l2**power)
    assert (S.T * D * S - E).applyfunc(sp.simplify) == sp.zeros(2), "D* is another matrix"
    a, b, d = sp.symbols("x11 x12 x22", real=True)
    X = sp.Matrix([[a, b], [b, d]])
    assert sp.simplify((D * S * X * S.T).trace() - (E * X).trace()) == 0


check_coordinates()

# %% [markdown]
# ## 2. The penalty
# **Proof.** $\int_0^\infty\frac{s^{q-1}}{s+\lambda}ds=\frac\pi{\sin\pi q}\lambda^{q-1}$ gives
# $M^{q-1}=\frac{\sin\pi q}\pi\int s^{q-1}R\,ds$, $R=(s+M)^{-1}$. The gradient of $\operatorname{tr}M^q$ is $qM^{q-1}$
# and the derivative of $R$ along $Y$ is $-RYR$, so
# $$-D^2\operatorname{tr}M^q[Y,Y]=q\,\frac{\sin\pi q}\pi\int s^{q-1}\operatorname{tr}YRYR\,ds.$$
# In the frame of $M$ the integrand is $\sum Y_{ij}^2\frac{s^{q-1}}{(s+\lambda_i)(s+\lambda_j)}$; partial fractions give
# the divided differences, and $(S X S^\top)_{ij}=\sqrt{\lambda_i\lambda_j}X_{ij}$ there, hence $\kappa$ at $M^*$.
#
# $\operatorname{tr}YRYR$ increases with $R\succ0$: $R\preceq R'$ gives
# $\operatorname{tr}(YRY)R\le\operatorname{tr}(YRY)R'=\operatorname{tr}(YR'Y)R\le\operatorname{tr}(YR'Y)R'$. So
# $-D^2\operatorname{tr}M^q$ decreases with $M$. All $M_t=S(1+tX)S^\top$, $0\le t\le1$, are $\succeq(1-\rho)M^*$, as the
# eigenvalues of $X$ are at least $-\|X\|_F$; and at $(1-\rho)M^*$ the form is $(1-\rho)^{q-2}$ times that at $M^*$.
# Taylor's formula with $\int_0^1(1-t)dt=\frac12$ is the statement.
#
# **Check**: partial fractions, the limit, the homogeneity. **Check in floating point**: the integral, $\kappa$ against
# second differences, and the statement (equality of the forms at $M=(1-\rho)M^*$).

# %%
assert sp.simplify(1 / ((s + l1) * (s + l2)) + (1 / (s + l1) - 1 / (s + l2)) / (l1 - l2)) == 0
divided = -((l1 + h) ** (q - 1) - l1 ** (q - 1)) / h
assert sp.simplify(sp.limit(divided, h, 0) - (1 - q) * l1 ** (q - 2)) == 0
ratio = ((r * l1) ** (q - 1) - (r * l2) ** (q - 1)) / (r * l1 - r * l2)
assert sp.simplify(sp.expand_power_base(ratio) - r ** (q - 2) * (l1 ** (q - 1) - l2 ** (q - 1)) / (l1 - l2)) == 0
for power, value in itertools.product((0.1, 0.25, 0.5), (0.3, 4)):
    integral = mp.quad(lambda s, k=power, v=value: mp.exp(k * s) / (mp.exp(s) + v), [-mp.inf, 0, mp.inf])
    assert abs(integral - mp.pi / mp.sin(mp.pi * power) * mp.mpf(value) ** (power - 1)) < 1e-10


def bend(values, power):
    """-(a^(q-1) - b^(q-1)) / (a - b) for pairs of ``values``; its limit on the diagonal."""
    a, b = values[:, None], values[None, :]
    apart = np.where(np.eye(values.size, dtype=bool), 1.0, a - b)
    return np.where(apart == 1.0, (1 - power) * a ** (power - 2), (b ** (power - 1) - a ** (power - 1)) / apart)


def curvature(values, X, power):
    """kappa[X] / c."""
    return np.sum(power * np.outer(values, values) * bend(values, power) * X**2)


def check_curvature(limit=lambda power: 1 - power):
    """- D^2 tr M^q along S X S^T is kappa; ``limit`` of q is its factor on the diagonal."""
    for _ in range(30):
        m, power, step = int(rng.integers(1, 4)), 1 / rng.integers(2, 8), 1e-3
        values, X = np.exp(rng.normal(size=m)), symmetric(m)
        S = np.sqrt(values)[:, None]
        here, up, down = (
            np.sum(np.linalg.eigvalsh(S * (np.eye(m) + t * X) * S.T) ** power) for t in (0.0, step, -step)
        )
        extra = power * np.sum(values**power * (limit(power) - (1 - power)) * np.diag(X) ** 2)
        assert abs(2 * here - up - down - step**2 * (curvature(values, X, power) + extra)) < 1e-4 * step**2, (
            "the penalty is curved otherwise"
        )


check_curvature()


def check_penalty(exponent=lambda power: power - 2):
    """At M = S (1 + X) S^T - D^2 tr M^q is (1-rho)^exponent times that at M* at most, and tr M^q above its bound."""
    for trial in range(300):
        m, power, rho = int(rng.integers(1, 4)), 1 / rng.integers(2, 8), rng.uniform(0.05, 0.95)
        values, Y = np.exp(rng.normal(size=m)), symmetric(m)
        X = symmetric(m) if trial % 2 else -np.eye(m)
        X *= rho / np.linalg.norm(X, 2)
        S = np.sqrt(values)[:, None]
        eigen, frame = np.linalg.eigh(S * (np.eye(m) + X) * S.T)
        turned = frame.T @ (S * Y * S.T) @ frame
        second = np.sum(power * bend(eigen, power) * turned**2)
        factor = (1 - rho) ** exponent(power)
        assert second <= factor * curvature(values, Y, power) * (1 + 1e-6), "the penalty is curved more"
        rest = np.sum(values**power) + power * np.sum(values**power * np.diag(X))
        assert np.sum(eigen**power) >= rest - 0.5 * factor * curvature(values, X, power) - 1e-9


check_penalty()

# %% [markdown]
# ## 3. The fit
# **Proof.** $\ell(x+t\delta)$ is, up to a constant, the cumulant generating function of a variable with the values $0$
# and $d_j\cdot\delta$. Its second derivative is the variance $v(t)>0$, its third $E(\zeta-E\zeta)^3$, of modulus at
# most $\max|\zeta-E\zeta|\,v\le r\,v$. So $v(t)\ge e^{-rt}v(0)$, and the Bregman divergence $\int_0^1(1-t)v(t)dt$ is at
# least $\int_0^1(1-t)e^{-rt}dt\;v(0)=\psi(r)v(0)$. The integrand decreases in $r$; $\psi(0)=\frac12$.
#
# **Check**: the integral. **Check in floating point**: both inequalities, also where one value is rare (there both
# become sharp).

# %%
assert sp.simplify(sp.integrate((1 - s) * sp.exp(-r * s), (s, 0, 1)) - (sp.exp(-r) + r - 1) / r**2) == 0
assert sp.limit((sp.exp(-r) + r - 1) / r**2, r, 0) == sp.Rational(1, 2)


def psi(reach):
    """The share of curvature that is left."""
    return (np.exp(-reach) + reach - 1) / reach**2


def exponents():
    """Random (or one large negative) exponents of rivals, their change, and its range."""
    J = int(rng.integers(1, 5))
    start, change = rng.normal(size=J) * 3 - rng.choice([0, 12]), rng.normal(size=J) * 10 ** rng.uniform(-1, 0.7)
    ends = np.append(change, 0.0)
    return start, change, np.ptp(ends)


def check_third(factor=1.0):
    """|third derivative| <= ``factor`` range second derivative, along a change of the exponents."""
    for _ in range(500):
        start, change, reach = exponents()
        share = np.exp(start) / (1 + np.sum(np.exp(start)))
        values, share = np.append(change, 0.0), np.append(share, 1 - share.sum())
        away = values - share @ values
        assert abs(share @ away**3) <= factor * reach * (share @ away**2) + 1e-15, "the third derivative is larger"


check_third()


def divergence(p, change):
    """The Bregman divergence of the fit at shares p, for a change of the exponents."""
    return np.log1p(p @ np.expm1(change)) - p @ change


def check_bregman(share=psi):
    """The divergence keeps ``share`` of the range times the second derivative."""
    for _ in range(500):
        start, change, reach = exponents()
        odds = np.exp(start)
        p = odds / (1 + odds.sum())
        second = p @ change**2 - (p @ change) ** 2
        assert divergence(p, change) >= share(reach) * second * (1 - 1e-6) - 1e-14, "the divergence is smaller"


check_bregman()

# %% [markdown]
# ## 4. The inner minima
# **Proof.** For one class let
# $$g(\delta)=w\bigl(\ell(x+\delta)-\ell(x)-\nabla\ell\cdot\delta\bigr)+2b\cdot\delta+\nu\delta^\top(E+\Delta)\delta,
#   \qquad 2b=R+2\nu\Delta x,$$
# which is the inner function at $x+\delta$ less $w\ell(x)+\nu x^\top(E+\Delta)x$. It is convex since
# $E+\Delta\succeq(1-\sigma)E\succ0$, and $g(0)=0$. Where $r(\delta)\le\tau$, 3 gives $g(\delta)\ge
# |\delta|_A^2+2b\cdot\delta\ge-|b|_{A^{-1}}^2$. As $v\cdot\delta\le|v|_{A^{-1}}|\delta|_A$, the assumption puts the
# ball $|\delta|_A\le2|b|_{A^{-1}}$ there; on its boundary $g\ge|\delta|_A(|\delta|_A-2|b|_{A^{-1}})=0=g(0)$, so $g\ge0$
# outside, by convexity along rays. Hence $\min g\ge-|b|^2_{A^{-1}}$, and
# $|\nu\Delta x+\frac R2|^2\le(1+\eta)|\nu\Delta x|^2+(1+\frac1\eta)\frac14|R|^2$. Summed over the classes,
# $\sum\nu_cx_c^\top\Delta x_c=\langle G,\Delta\rangle$.
#
# **Check**: the two squares. **Check in floating point**: $\min g$, found numerically, for random classes and for
# $\Delta=-\sigma E$, where the fit adds little.

# %%
u, v, eta, b = sp.symbols("u v eta b", positive=True)
assert sp.expand((1 + eta) * u**2 + (1 + 1 / eta) * v**2 - (u + v) ** 2 - (eta * u - v) ** 2 / eta) == 0
assert sp.expand(u**2 - 2 * b * u + b**2 - (u - b) ** 2) == 0


def moved(delta, d, p, w, slope, metric):
    """g: the fit's divergence from shares p, a linear and a quadratic term."""
    return w * divergence(p, d @ delta) + slope @ delta + delta @ metric @ delta


def check_inner(kept=lambda share: 1 - share):
    """min g >= -|b|^2 in the norm of A^-1, with ``kept`` of E in A, wherever the assumptions hold."""
    held = 0
    for trial in range(150):
        m, J = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        d, x, slope = rng.normal(size=(J, m)), rng.normal(size=m), 0.01 * rng.normal(size=m)
        w, nu, share = rng.uniform(0.01, 1), rng.uniform(0.3, 3), rng.uniform(0.1, 0.8)
        root = rng.normal(size=(m, m))
        E = root @ root.T + 0.1 * np.eye(m)
        relative = -np.eye(m) if trial % 2 else symmetric(m)
        half = np.linalg.cholesky(E)
        Delta = share * half @ relative @ half.T
        p = np.exp(d @ x) / (1 + np.sum(np.exp(d @ x)))
        H = (d.T * p) @ d - np.outer(p @ d, p @ d)
        pull = nu * Delta @ x + 0.5 * slope
        ends = np.vstack([d, np.zeros(m)])
        differences = np.array([a - b for a, b in itertools.combinations(ends, 2)])
        for tau in (0.3, 1.0, 3.0):
            A = psi(tau) * w * H + kept(share) * nu * E
            solved = np.linalg.solve(A, np.column_stack([pull, differences.T]))
            size = pull @ solved[:, 0]
            reach = np.max(np.einsum("va,av->v", differences, solved[:, 1:]))
            if 4 * size * reach > tau**2:
                continue
            held += 1
            least = minimize(moved, -solved[:, 0], args=(d, p, w, 2 * pull, nu * (E + Delta))).fun
            assert least >= -size * (1 + 1e-6) - 1e-12, "the inner minimum is lower"
    assert held > 100, "the assumptions are hardly ever met"


check_inner()

# %% [markdown]
# ## 5. Together
# **Proof.** With $D$ of $E+\Delta$, 1, 2 and 4 give, since the terms $\langle E,X\rangle$ cancel,
# $$f(M)\ge b+\langle G-1,\Delta\rangle-\langle\Delta,X\rangle-\tfrac12Q[\Delta]-\tfrac12(1-\rho)^{q-2}\kappa[X]
#   -\tfrac14\bigl(1+\tfrac1\eta\bigr)\sum R_c^\top A_c^{-1}R_c.$$
# $Q$ is positive definite when no $\Delta\ne0$ has $\Delta x_c=0$ for all $c$, as when the $x_c$ span. In the entries
# $\Delta_k$, $X_k$ on and above the diagonal, with $g=1$ on and $2$ off it, $\langle\Delta,X\rangle=\sum
# g_k\Delta_kX_k$ and $\|X\|_F^2=\sum g_kX_k^2$. So $\Delta=-Q^{-1}gX$ attains the largest
# $-\langle\Delta,X\rangle-\frac12Q[\Delta]=\frac12(gX)^\top Q^{-1}gX$. With $\xi=\sqrt gX$, $|\xi|=\|X\|_F$, the sum of
# both forms is half of $\xi^\top(\sqrt gQ^{-1}\sqrt g-(1-\rho)^{q-2}\kappa)\xi$, nonnegative for all $\xi$ iff the
# largest eigenvalue $e$ of $\sqrt{\kappa/g}\,Q\sqrt{\kappa/g}$ has $e\,(1-\rho)^{q-2}\le1$, that is
# $\rho\le1-e^{1/(2-q)}$.
#
# $\Delta$ and $\nu_c\Delta x_c$ are linear in $\xi$, so their norms are at most the operator norms times $\rho$:
# $\Delta\succeq-\sigma E$ follows from $\|E^{-1/2}\Delta E^{-1/2}\|_F\le\sigma$ ($E$ is diagonal: $\sum
# g_k\Delta_k^2/(E_iE_j)\le\sigma^2$), and the second assumption of 4, but for $R_c$, from
# $2|\nu_c\Delta x_c|_{A_c^{-1}}\max|v|_{A_c^{-1}}\le\tau$; a search leaves room for $R_c$, which is at rounding, a
# check adds it by the square of 4. Each limit is a radius and the least of them is $\rho$. $\langle G-1,\Delta\rangle$
# is linear, too.
#
# **Check in floating point**: for random $Q$ and $\kappa$, with all products taken of full matrices, that $\Delta$
# gives a nonnegative sum within the radius, zero in one direction at its edge (so the radius is the largest), that no
# multiple of $\Delta$ gives more, and that the limit of the size of $\Delta$ is reached and not passed.


# %%
def full(entries):
    """The symmetric matrix with these entries on and above the diagonal."""
    m = {1: 1, 3: 2, 6: 3}[len(entries)]
    i, j = np.triu_indices(m)
    matrix = np.zeros((m, m))
    matrix[i, j] = matrix[j, i] = entries
    return matrix


def check_duality(off=2.0):
    """At Delta = -Q^-1 g X both forms have a nonnegative sum up to the radius; g is ``off`` off the diagonal."""
    for _ in range(100):
        m, power = int(rng.integers(1, 4)), 1 / rng.integers(2, 8)
        i, j = np.triu_indices(m)
        g, E = np.where(i == j, 1.0, off), np.exp(rng.normal(size=m))
        pull = rng.normal(size=(i.size + 2, i.size))
        Q = 2 * pull.T @ pull
        steep = np.exp(rng.normal(size=i.size))
        steep *= np.sqrt(rng.uniform(0.1, 0.9) / np.linalg.eigvalsh(np.outer(steep, steep) * Q)[-1])
        rho = 1 - np.linalg.eigvalsh(np.outer(steep, steep) * Q)[-1] ** (1 / (2 - power))
        kappa = (1 - rho) ** (power - 2) * g * steep**2
        answer = -np.linalg.solve(Q, np.diag(np.sqrt(g)))
        relative = np.sqrt(g / (E[i] * E[j]))[:, None] * answer
        limit = rho * np.linalg.norm(relative, 2)
        flattest = np.linalg.eigh(-np.sqrt(g)[:, None] * answer - np.diag(kappa))[1][:, 0]
        longest = np.linalg.svd(relative)[2][0]
        for direction in (flattest, longest, *rng.normal(size=(5, i.size))):
            X = full(direction / np.sqrt(g))
            X *= rho / np.linalg.norm(X)
            delta = answer @ (np.sqrt(g) * X[i, j])
            # What a part of Delta gives: linear and quadratic.
            first, second = -np.sum(full(delta) * X), 0.5 * delta @ Q @ delta
            total, scale = first - second - 0.5 * np.sum(full(kappa) * X**2), 1e-9 * (1 + second)
            assert total >= -scale, "the sum of the forms is negative"
            assert direction is not flattest or total <= scale, "the radius could be larger"
            assert abs(first - 2 * second) <= scale, "a multiple of Delta gives more"
            size = np.linalg.norm(full(delta) / np.sqrt(np.outer(E, E)))
            assert size <= limit * (1 + 1e-9), "Delta is larger"
            assert direction is not longest or size >= limit * (1 - 1e-9), "the limit is too large"


check_duality()

# %% [markdown]
# ## 6. Boxes inside
# **Proof.** $M=\lambda_21+(\lambda_1-\lambda_2)u_1u_1^\top-(\lambda_2-\lambda_3)u_3u_3^\top$ for $m=3$, without the
# last term for $m=2$. Give $M$ the directions of $\overline M$: this moves it by at most
# $\sqrt2(\lambda_1-\lambda_2)\sin\alpha_1+\sqrt2(\lambda_2-\lambda_3)\sin\alpha_3$, since
# $\|uu^\top-vv^\top\|_F^2=2-2(u\cdot v)^2=2\sin^2\angle(u,v)$, which increases up to $\frac\pi2$. Then the
# eigenvalues of $\overline M$, half way: at most $\frac12|\overline\lambda-\underline\lambda|$. And
# $\|S^{-1}YS^{-\top}\|_F\le\|S^{-1}\|^2\|Y\|_F=\|Y\|_F/\min\lambda^*$. Neither $\rho$ nor $f$ changes when classes that
# count alike are relabelled ($M^*$ becomes $OM^*O^\top$, $O$ orthogonal, and $X$ stays), so the same holds about all
# images of $M^*$.
#
# **Check in floating point**: random members of random boxes.


# %%
def rotation(axis_angle):
    """The rotation of space about the vector ``axis_angle`` by its length."""
    x, y, z = axis_angle
    skew, angle = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]), np.linalg.norm(axis_angle)
    return np.eye(3) + np.sin(angle) / angle * skew + (1 - np.cos(angle)) / angle**2 * skew @ skew


def check_boxes(length=2**0.5):
    """Members of a box are within the distance, a direction turned by an angle moving ``length`` sin of it."""
    for _ in range(300):
        least, more = np.sort(rng.exponential(size=(2, 3)))[:, ::-1]
        most = least + 10 ** rng.uniform(-4, 0) * more
        frame, turn = rotation(rng.normal(size=3)), rotation(10 ** rng.uniform(-2, 0) * rng.normal(size=3))
        values = np.sort(rng.uniform(least, most))[::-1]
        if np.any(values < least) or np.any(values > most):
            continue
        member = (turn @ frame * values) @ (turn @ frame).T
        middle = (frame * 0.5 * (least + most)) @ frame.T
        cosine = np.minimum(np.abs(np.einsum("ai,ai->i", turn @ frame, frame)), 1.0)
        sine = np.sqrt(1 - cosine**2)
        spread = 0.5 * np.linalg.norm(most - least)
        spread += length * ((most[0] - least[1]) * sine[0] + (most[1] - least[2]) * sine[2])
        centre = rotation(rng.normal(size=3)) * np.exp(rng.normal(size=3))
        inward = np.linalg.inv(centre)
        away = np.linalg.norm(inward @ middle @ inward.T - np.eye(3))
        far = np.linalg.norm(inward @ member @ inward.T - np.eye(3))
        assert np.linalg.norm(member - middle) <= spread * (1 + 1e-9), "a member is further from the middle"
        assert far <= away + spread / np.min(np.linalg.norm(centre, axis=0)) ** 2 * (1 + 1e-9), "a member is outside"


check_boxes()

# %% [markdown]
# ## 7. The package's neighbourhoods
# **Check in floating point**: `optima.proofs.neighbourhood` at minima of small problems. Lower bounds of $f$ by
# duality (1, with $E$ improved for each $M$) at random $M$ on the sphere and inside, and towards another point where
# there is one, are nowhere below the bound it states.
#
# For four classes at $L=3$, $\lambda=10^{-3}$ the simplex is a local minimum and pairs are better. Its neighbourhood is
# as valid: nothing in it is better than the simplex. Pairs lie outside it, and a larger radius that reaches them must
# fail, which tells that the check can.


# %%
def lower_bounds(form, S, X):
    """Lower bounds (N,) of f at S (1 + X) S^T, X (N, m, m)."""
    m = len(S)
    dual = FitDual.of(form, 0.0)
    # Another root of M, so that M = 1 there; E starts at D*.
    roots = S @ np.linalg.cholesky(np.eye(m) + X)
    eigen, frames = np.linalg.eigh(roots @ roots.swapaxes(1, 2))
    D = form.strength * form.q * (frames * eigen[:, None, :] ** (form.q - 1)) @ frames.swapaxes(1, 2)
    E, x = dual.improve(
        roots, roots.swapaxes(1, 2) @ D @ roots, np.zeros((len(X), form.classes, m)), 30, Trace(dual.basis)
    )
    return dual.bound(roots, E, x)[0] - np.einsum("naa->n", E) + form.strength * np.sum(eigen**form.q, axis=1)


def gram(form, logits):
    """M of logits (K, K)."""
    rows = centred_basis(form.classes).T @ logits * np.sqrt(form.count)
    return rows @ rows.T


def simplex(K, depth, reg):
    """Form, logits of the best simplex, and those of the best pairs where there are pairs."""
    both = [named(name, K) for name in ("simplex", "pairs")[: 2 if K == 4 else 1]]
    best = [structure.shape(np.ravel(best_scales(structure, depth, reg).scales)) for structure in both]
    return {"form": ConvexConcave.of(DeepUFM(K, depth, reg)), "logits": best[0], "other": best[-1]}


def unequal():
    """Form and logits of three classes of unequal sizes."""
    problem = DeepUFM(3, 2, 1e-2, samples=(1, 2, 4))
    logits = solve(problem, effort="quick").means
    return {"form": ConvexConcave.of(problem), "logits": logits, "other": logits}


def check_package(form, logits, other, reach=1.0):
    """No M within ``reach`` times the radius has a bound below the one stated; ``other`` gives one more direction."""
    near = neighbourhood_of(form, logits)
    assert near is not None
    assert near.rho > 0.01
    assert abs(near.bound / form.value(logits) - 1) < 1e-9
    eigen, frame = np.linalg.eigh(gram(form, logits))
    S = frame * np.sqrt(eigen)
    m, radius = len(S), min(reach * near.rho, 0.99)
    X = np.array([radius * scale * symmetric(m) for scale in (1.0, 0.999, 0.7, 0.2) for _ in range(40)])
    if not np.allclose(other, logits):
        inward = np.linalg.inv(S)
        towards = inward @ gram(form, other) @ inward.T - np.eye(m)
        most = min(reach * near.rho / np.linalg.norm(towards), 0.9999)
        X = np.concatenate([X, np.linspace(0, most, 30)[:, None, None] * towards])
    # Where 1 + X > 0: on an enlarged radius it need not be.
    X = X[np.linalg.eigvalsh(X)[:, 0] > -0.99999]
    assert np.all(lower_bounds(form, S, X) >= near.bound * (1 - 1e-9)), "a matrix in the neighbourhood is better"


for problem in (simplex(2, 3, 1e-2), simplex(3, 2, 1e-2), simplex(3, 5, 1e-3), simplex(4, 2, 1e-3), unequal()):
    check_package(**problem)

local = simplex(4, 3, 1e-3)
check_package(**local)
found = neighbourhood_of(local["form"], local["logits"])
assert local["form"].value(local["other"]) < 0.95 * found.bound  # Pairs are better ...
middle = np.linalg.inv(np.linalg.cholesky(gram(local["form"], local["logits"])))
assert np.linalg.norm(middle @ gram(local["form"], local["other"]) @ middle.T - np.eye(3)) > found.rho  # ... outside.
