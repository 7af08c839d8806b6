# %% [markdown]
# # Squared error: the global minimum is one scalar problem
#
# **Statement.** Balanced classes, $N=Kn$ columns, one-hot $Y$, and
# $f(Z)=\frac1{2N}\|Z-Y\|_F^2+\frac{L+1}2\lambda\sum_is_i(Z)^p$, $p=\frac2{L+1}$, over $Z\in\mathbb R^{K\times N}$ of
# rank at most $d$. With $r=\min(K,d)$
# $$\min f=r\,\min_{\gamma\ge0}\varphi(\gamma)+\frac{K-r}{2K},\qquad
#   \varphi(\gamma)=\frac{(1-\gamma)^2}{2K}+\tfrac{L+1}2\lambda(\sqrt n\gamma)^p,$$
# attained by $Z=\gamma PY$ with $P$ a projection of rank $r$. The nonzero stationary points solve
# $$(1-\gamma)\,\gamma^{\frac{L-1}{L+1}}=\lambda Kn^{\frac1{L+1}},\qquad\text{equivalently}\qquad
#   \gamma^{L-1}(1-\gamma)^{L+1}=\lambda^{L+1}K^{L+1}n=\lambda_W^L\lambda_HK^{L+1}n,$$
# the larger root is the minimum, and it beats $\gamma=0$ iff $\lambda_W^L\lambda_HK^{L+1}n<(L-1)^{L-1}/L^{2L}$, with
# $\gamma=\frac{L-1}L$ at equality.
#
# **Sources.** The scalar equation with $\lambda_W$, $\lambda_H$: garrod2026spectra. Von Neumann's trace inequality
# (von Neumann 1937; Mirsky 1975) is textbook; the case that is used is proved below. Worked out here: for *every*
# shape the tie with zero sits at $x=\frac{L-1}L$ of the unregularised scale and the fold at half of it (section 5).
#
# Cells say **proof** or **check** (exact or 50-digit arithmetic, seeded).

# %%
"""The squared-error model: decoupled singular values, one scalar problem, and general shapes."""

import random

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40
rng = random.Random(20250103)

K, L, lam, n, gamma, x = sp.symbols("K L lambda n gamma x", positive=True)
p = 2 / (L + 1)


def random_matrix(rows, columns):
    """Random rational matrix at 50 digits."""
    return mp.matrix([[mp.mpf(rng.randint(-9, 9)) / rng.randint(1, 9) for _ in range(columns)] for _ in range(rows)])


def singular_values(matrix):
    """Singular values at 50 digits, descending."""
    return sorted(mp.svd_r(matrix, compute_uv=False), reverse=True)


def inner(A, B):
    """tr(A^T B)."""
    return mp.fsum(x * y for x, y in zip(A, B, strict=True))


def equal(left, right):
    """Whether two positive expressions are identically equal."""
    return sp.simplify(sp.expand_log(sp.log(left) - sp.log(right), force=True)) == 0


# %% [markdown]
# ## 1. Singular values decouple
# **Von Neumann**: $\operatorname{tr}(Z^\top Y)\le\sum_is_i(Z)s_i(Y)$. **Proof** in the case needed: balanced one-hot
# targets are $Y=\sqrt nQ$ with $QQ^\top=I$ (the rows of $Y$ are orthogonal and have $n$ ones). For
# $Z=\sum_is_iu_iv_i^\top$, $\operatorname{tr}(Z^\top Q)=\sum_is_iu_i^\top Qv_i\le\sum_is_i$, because
# $\|Q^\top u_i\|=\|u_i\|=1=\|v_i\|$. Hence
# $$\frac1{2N}\|Z-Y\|_F^2\ge\frac1{2N}\sum_{i\le K}(s_i-\sqrt n)^2=\sum_{i\le K}\frac{(1-\gamma_i)^2}{2K},\qquad
#   \gamma_i=s_i/\sqrt n,$$
# and at most $r=\min(K,d)$ of the $\gamma_i$ are nonzero: the bound of the statement follows term by term, and if
# $\min\varphi<\varphi(0)$ all $r$ of them are used and equal. *Attained*: for $Z=\gamma PY$, $ZZ^\top=\gamma^2nP$ and
# $\|Z-Y\|_F^2=rn(1-\gamma)^2+(K-r)n$.
# **Check**: the inequality on random matrices, the special case, attainment.


# %%
def check_von_neumann(rows, columns, sign=1):
    """tr(Z^T Y) <= sum s_i(Z) s_i(Y) on random matrices (sign=-1 reverses it)."""
    for _ in range(5):
        Z, Y = random_matrix(rows, columns), random_matrix(rows, columns)
        bound = mp.fsum(s * t for s, t in zip(singular_values(Z), singular_values(Y), strict=True))
        assert sign * (bound - inner(Z, Y)) >= -TINY, "von Neumann's trace inequality fails"


def one_hot(classes, samples):
    """Y, the one-hot targets."""
    return mp.matrix([[int(j // samples == i) for j in range(classes * samples)] for i in range(classes)])


def value(Z, depth, reg, samples):
    """f(Z) at 50 digits."""
    residual = Z - one_hot(Z.rows, samples)
    power = mp.mpf(2) / (depth + 1)
    kept = [s for s in singular_values(Z) if s > TINY]
    return inner(residual, residual) / (2 * Z.cols) + reg / power * mp.fsum(s**power for s in kept)


def phi(scale, classes, depth, reg, samples):
    """The scalar loss of one singular value sqrt(n) gamma."""
    power = mp.mpf(2) / (depth + 1)
    return (1 - scale) ** 2 / (2 * classes) + reg / power * (mp.sqrt(samples) * scale) ** power


def best_scale(classes, depth, reg, samples):
    """The larger stationary gamma by bisection between the fold and one, or zero if that is no worse."""
    target = reg * classes * mp.mpf(samples) ** (mp.mpf(1) / (depth + 1))
    flat = mp.mpf(depth - 1) / (depth + 1)
    left_hand = lambda scale: (1 - scale) * scale**flat - target
    low, high = mp.mpf(depth - 1) / (2 * depth), mp.mpf(1)
    if left_hand(low) <= 0:
        return mp.mpf(0)
    root = mp.findroot(left_hand, (low, high), solver="anderson")
    better = phi(root, classes, depth, reg, samples) < phi(mp.mpf(0), classes, depth, reg, samples)
    return root if better else mp.mpf(0)


def check_global_minimum(classes, depth, reg, samples, width):
    """The bound holds at random logits, near the minimiser too, and is attained by gamma P Y."""
    kept = min(classes, width)
    scale = best_scale(classes, depth, reg, samples)
    least = kept * phi(scale, classes, depth, reg, samples) + mp.mpf(classes - kept) / (2 * classes)
    projection = mp.diag([mp.mpf(int(i < kept)) for i in range(classes)])
    best = scale * projection * one_hot(classes, samples)
    assert abs(value(best, depth, reg, samples) - least) < TINY, "the bound is not attained"
    for size in (1, 100):
        step = random_matrix(classes, kept) * random_matrix(kept, classes * samples) / size
        assert value(step, depth, reg, samples) > least, "the bound is beaten"
        mixed = (mp.eye(classes) + random_matrix(classes, classes) / size) * best
        assert value(mixed, depth, reg, samples) >= least, "the bound is beaten"


check_von_neumann(3, 3)
check_von_neumann(3, 5)
Y = one_hot(3, 2)
for _ in range(5):
    Z = random_matrix(3, 6)
    assert inner(Z, Y) <= mp.sqrt(2) * mp.fsum(singular_values(Z))
for classes, depth, width in ((3, 1, 3), (3, 2, 3), (4, 3, 2), (3, 2, 1)):
    check_global_minimum(classes, depth, mp.mpf(1) / 50, 2, width)
check_global_minimum(3, 2, mp.mpf(1), 2, 3)

# %% [markdown]
# ## 2. Stationarity
# **Proof.** $K\varphi(\gamma)=\frac12(1-\gamma)^2+\frac\rho p\gamma^p$ with $\rho=\lambda Kn^{1/(L+1)}$, and
# $K\varphi'(\gamma)=\gamma^{p-1}\bigl(\rho-(1-\gamma)\gamma^{1-p}\bigr)$. The curve $(1-\gamma)\gamma^{1-p}$ rises
# from zero up to $\gamma=\frac{L-1}{2L}$ and then falls to zero at one, so $\varphi'$ is positive below the inner
# root, negative between the roots and positive above: *the inner root is a maximum and the outer one the minimum*.
# The power $L+1$ of the equation is the polynomial form; $\lambda^{L+1}=\lambda_W^L\lambda_H$ by the definition of
# the geometric mean.


# %%
def check_stationarity(power=None):
    """K phi'(gamma) = gamma^(p-1) (rho - (1-gamma) gamma^power) with power = (L-1)/(L+1) unless given."""
    power = (L - 1) / (L + 1) if power is None else power
    loss = K * ((1 - gamma) ** 2 / (2 * K) + (L + 1) / 2 * lam * (sp.sqrt(n) * gamma) ** p)
    rho = lam * K * n ** (1 / (L + 1))
    wanted = gamma ** (p - 1) * (rho - (1 - gamma) * gamma**power)
    difference = sp.powsimp(sp.expand(sp.expand_power_base(loss.diff(gamma) - wanted, force=True)))
    assert sp.simplify(difference) == 0, "phi is stationary elsewhere"


check_stationarity()
curve = (1 - gamma) * gamma ** (1 - p)
assert sp.simplify(gamma * (1 - gamma) * sp.log(curve).diff(gamma) - ((1 - p) - (2 - p) * gamma)) == 0
assert sp.simplify((1 - p) / (2 - p) - (L - 1) / (2 * L)) == 0
share = sp.Symbol("u", positive=True)  # u = 1 - gamma
assert equal((share * gamma ** ((L - 1) / (L + 1))) ** (L + 1), gamma ** (L - 1) * share ** (L + 1))
assert equal((lam * K * n ** (1 / (L + 1))) ** (L + 1), lam ** (L + 1) * K ** (L + 1) * n)

# %% [markdown]
# ## 3. When zero wins
# **Proof.** On stationary points eliminate $\rho=(1-\gamma)\gamma^{1-p}$:
# $$K\bigl(\varphi(\gamma)-\varphi(0)\bigr)=\tfrac12(1-\gamma)^2+\tfrac{L+1}2\gamma(1-\gamma)-\tfrac12
#   =\tfrac\gamma2\bigl((L-1)-L\gamma\bigr),$$
# negative iff $\gamma>\frac{L-1}L$. This lies on the outer branch (it is twice the fold), on which the polynomial
# falls in $\gamma$, so the condition reads $\lambda_W^L\lambda_HK^{L+1}n<\gamma^{L-1}(1-\gamma)^{L+1}$ at
# $\gamma=\frac{L-1}L$, which is $(L-1)^{L-1}/L^{2L}$. For $L=1$ it is $1$ (with $0^0=1$) and the root $\gamma=1-\rho$
# reaches zero there.


# %%
def check_threshold(power=None):
    """The polynomial at gamma = (L-1)/L is (L-1)^(L-1) / L^power, power = 2 L unless given."""
    power = 2 * L if power is None else power
    top = sp.Symbol("top", positive=True)  # top = L - 1
    at_tie = (top / L) ** (L - 1) * (1 / L) ** (L + 1)
    assert sp.simplify(1 - (L - 1) / L - 1 / L) == 0
    assert equal(at_tie, top ** (L - 1) / L**power), "the threshold is another"


gain = (1 - gamma) ** 2 / 2 + (1 - gamma) * gamma / p - sp.Rational(1, 2)
assert sp.simplify(gain - gamma / 2 * ((L - 1) - L * gamma)) == 0
check_threshold()
assert gain.subs(L, 1).equals(-(gamma**2) / 2)

# %% [markdown]
# **Check** around the threshold at 50 digits: just below it the optimum is nonzero and near $\frac{L-1}L$, just above
# it is zero.

# %%
for depth in (1, 2, 3, 5):
    classes, samples = 4, 3
    threshold = mp.mpf(depth - 1) ** (depth - 1) / mp.mpf(depth) ** (2 * depth)
    reg = (threshold / (mp.mpf(classes) ** (depth + 1) * samples)) ** (mp.mpf(1) / (depth + 1))
    below = best_scale(classes, depth, reg * (1 - mp.mpf(10) ** -12), samples)
    above = best_scale(classes, depth, reg * (1 + mp.mpf(10) ** -12), samples)
    assert above == 0
    assert 0 < below - mp.mpf(depth - 1) / depth < mp.mpf(10) ** -11

# %% [markdown]
# ## 4. The orthogonal frame and a bottleneck
# $M=a\operatorname{diag}(1,..,1,0,..,0)$ with $r$ ones has (at $n=1$) the loss $\frac1{2K}(r(1-a)^2+K-r)+c\,r\,a^p$:
# **proof**, $r$ diagonal entries differ from their target by $1-a$, the other $K-r$ by one. By section 1 it is the
# global minimum for $r=\min(K,d)$: every singular value that the width allows is used, at the same value, so the
# linear squared-error model has no low-rank bias.
#
# ## 5. General shapes
# A block of columns with shape $M_B$, singular values $\sigma_i$ ($m_i$ times), $t$ the sum of its diagonal entries,
# $q=\sum_im_i\sigma_i^2=\|M_B\|_F^2$ and $k$ classes has
# $$G(a)=\frac1{2K}\|aM_B-I_B\|_F^2=\frac{qa^2-2ta+k}{2K}=\frac{(k-t\hat a)+q(a-\hat a)^2}{2K},\qquad\hat a=t/q.$$
# **Proof** of the substitution: with $x=a/\hat a$, $-G'(a)=\frac tK(1-x)$, so $-G'(a)=\lambda\nu a^{p-1}$ becomes
# $$(1-x)x^{1-p}=\rho,\qquad\rho=\lambda\,\nu K\,\hat a^{p-1}/t=\lambda\nu K(q/t)^{1-p}/t,$$
# the equation of section 2 for every shape. Hence the fold is at $x=\frac{1-p}{2-p}=\frac{L-1}{2L}$; the tie with
# zero, where $G(a)-aG'(a)/p=G(0)$, is at $x=\frac{2(1-p)}{2-p}=\frac{L-1}L$, whatever the shape.
#
# Two forms that lose no digits as $\rho\to0$: the outer root in $t=\log(1-x)$ and the inner one in $t=\log x$, each
# the root of $t+r\log(1-e^t)=s$ with $t\le-\log(1+r)$,
# $$\text{outer: }r=1-p,\ s=\log\rho;\qquad\text{inner: }r=\tfrac1{1-p},\ s=\tfrac{\log\rho}{1-p};$$
# $t=s$ is a lower bound because $\log(1-e^t)<0$.


# %%
def check_substitution(power=None):
    """Stationarity of any quadratic fit is (1-x) x^(1-p) = rho with rho = lam nu K (q/t)^(1-p) / t."""
    q, t, nu, k, P, a = sp.symbols("q t nu k P a", positive=True)
    power = 1 - P if power is None else power(P)
    fit = (q * a**2 - 2 * t * a + k) / (2 * K)
    best = t / q
    square = ((k - t * best) + q * (a - best) ** 2) / (2 * K)
    assert sp.simplify(fit - square) == 0, "the square is not complete"
    rho = lam * nu * K * (q / t) ** power / t
    ratio = lam * nu * (x * best) ** (P - 1) / (t / K)  # -G' = (t/K)(1-x), divided by t/K
    assert sp.simplify(-fit.diff(a).subs(a, x * best) - t / K * (1 - x)) == 0
    assert equal(ratio * x ** (1 - P), rho), "the substitution leaves another equation"
    tie = (fit - a * fit.diff(a) / P - fit.subs(a, 0)).subs(a, x * best)
    (root,) = sp.solve(sp.simplify(tie / (x * t * best / K)), x)
    assert sp.simplify(root - 2 * (1 - P) / (2 - P)) == 0, "the tie is elsewhere"


check_substitution()
assert sp.simplify(2 * (1 - p) / (2 - p) - (L - 1) / L) == 0
P, t = sp.symbols("P t")
outer_form = t + (1 - P) * sp.log(1 - sp.exp(t))
inner_form = t + sp.log(1 - sp.exp(t)) / (1 - P)
log_curve = sp.log(1 - x) + (1 - P) * sp.log(x)
assert sp.simplify(outer_form.subs(t, sp.log(1 - x)) - log_curve) == 0
assert sp.simplify((1 - P) * inner_form.subs(t, sp.log(x)) - log_curve) == 0
fold = (1 - P) / (2 - P)
for r, end in ((1 - P, 1 - fold), (1 / (1 - P), fold)):
    assert sp.simplify(1 / (1 + r) - end) == 0
    turning = (t + r * sp.log(1 - sp.exp(t))).diff(t).subs(sp.exp(t), 1 / (1 + r))
    assert sp.simplify(turning) == 0  # the form rises up to t = -log(1+r)

# %% [markdown]
# **Check** of $G$ on shapes of three kinds, exact: simplex, pairs, and the last column of pairs-free.

# %%
a = sp.Symbol("a", positive=True)
size = 5
simplex = sp.eye(size) - sp.ones(size, size) / size
pairs = sp.zeros(size, 4)
for j in range(4):
    pairs[j, j], pairs[j ^ 1, j] = 1, -1
last = sp.zeros(size, 1) - sp.ones(size, 1) / size
last[-1] += 1
for shape, first, square in (
    (simplex, 0, size - 1),
    (pairs, 0, 2 * 2**2),
    (last, size - 1, 1 - sp.Rational(1, size)),
):
    target = sp.eye(size)[:, first : first + shape.cols]
    direct = sum(entry**2 for entry in a * shape - target) / (2 * size)
    trace = sum(shape[first + j, j] for j in range(shape.cols))
    assert sp.expand(direct - (square * a**2 - 2 * a * trace + shape.cols) / (2 * size)) == 0
