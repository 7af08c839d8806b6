# %% [markdown]
# # Phase boundaries
#
# **Statement.** Let $V(\lambda)=\min_{a\ge0}\,G(a)+\frac{\lambda\nu}pa^p$ be the optimal loss of a structure ($n=1$,
# $p=\frac2{L+1}$, $G\ge0$; for several blocks a sum of such terms).
#
# 1. $V$ is concave and nondecreasing in $\lambda$, $dV/d\lambda=\mathrm{penalty}/\lambda$, and
#    $d\log V/d\log\lambda=\mathrm{penalty}/V\in[0,1]$.
# 2. On $[\lambda_0,\lambda_1]$ of log-width $w$ this derivative lies between $e^{-w}\,\mathrm{penalty}_1/V_1$ and
#    $\min(1,e^w\,\mathrm{penalty}_0/V_0)$.
# 3. The tie with zero is where $G(a)-aG'(a)/p=G(0)$, which for $L>1$ has exactly one root on the outer
#    branch of a single-humped block (structure_losses.py, section 7).
# 4. $dV/dL=\frac\lambda2\sum_im_ie^{z_i}(1-z_i)$, $z_i=\frac2{L+1}\log(\sqrt n\,a\sigma_i)$.
# 5. At $L=1$ every shape that is positive semidefinite and centred reaches zero at $\lambda_{\rm eff}=1/K$, every other
#    shape before, and zero is the global minimum of the whole problem from there on.
#
# **Sources.** Concavity of a minimum of affine functions and the envelope theorem are textbook; simplex and pairs:
# garrod2025. Worked out here: the enclosures (2), the tie equation in $a$ alone (3) and the characterisation (5).
#
# Cells say **proof** (any fit, or all $K$ and $L$) or **check** (50 digits).

# %%
"""Optimal losses as functions of regularisation and depth, and where they tie."""

from itertools import pairwise

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40

a, lam, nu, p, L, n = sp.symbols("a lambda nu p L n", positive=True)
G = sp.Function("G")(a)
SLOPE = -G.diff(a)
ELASTICITY = a * G.diff(a, 2) / SLOPE
REG = SLOPE * a ** (1 - p) / nu  # lambda at which the scale a is stationary


def vanishes(expression):
    """Whether an expression in G, a and p is identically zero."""
    return sp.simplify(sp.powsimp(sp.expand(expression))) == 0


# %% [markdown]
# ## 1. Concave and increasing
# **Proof.** For each $a$, $G(a)+\lambda\nu a^p/p$ is affine in $\lambda$ with nonnegative slope $\nu a^p/p$; a
# minimum of such functions is concave and nondecreasing, and the slope at any minimiser is a supergradient:
# $V(\lambda')\le V(\lambda)+(\lambda'-\lambda)\,\mathrm{penalty}/\lambda$. Where $V$ is differentiable,
# $dV/d\lambda=\mathrm{penalty}/\lambda$. As $V=\mathrm{fit}+\mathrm{penalty}$ and the fit is nonnegative,
# $\mathrm{penalty}/V\in[0,1]$.
#
# The same along a branch of stationary scales, where $\lambda(a)=-G'a^{1-p}/\nu$ and $V(a)=G-aG'/p$ (**proof**):
# $$\frac{d\lambda}{da}=\frac\lambda a\bigl((1-p)-E\bigr),\quad\frac{dV}{da}=\frac{-G'}p\bigl((1-p)-E\bigr),\quad
#   \frac{dV}{d\lambda}=\frac{\nu a^p}p.$$
# On the outer branch $E>1-p$: both fall as $a$ grows.


# %%
def check_envelope(divisor=None):
    """Along a branch of stationary scales dV/dlam = penalty / divisor, divisor = lam unless given."""
    divisor = lam if divisor is None else divisor
    V = G + REG * nu * a**p / p
    assert vanishes(V - (G + a * SLOPE / p))
    assert vanishes(REG.diff(a) * a / REG - ((1 - p) - ELASTICITY))
    assert vanishes(V.diff(a) - SLOPE / p * ((1 - p) - ELASTICITY))
    slope = V.diff(a) / REG.diff(a)
    assert sp.simplify(slope - (lam * nu * a**p / p / divisor)) == 0, "the envelope slope is another"


check_envelope()

# %% [markdown]
# ## 2. Enclosures
# **Proof.** In $[\lambda_0,\lambda_1]$ the slope $V'=\mathrm{penalty}/\lambda$ only falls (concavity), $V$ only
# rises, and $\lambda_1=e^w\lambda_0$, so
# $$\frac{\lambda_0V'(\lambda_1)}{V(\lambda_1)}\le\frac{\lambda V'(\lambda)}{V(\lambda)}\le
#   \min\Bigl(1,\frac{\lambda_1V'(\lambda_0)}{V(\lambda_0)}\Bigr),\quad
#   \lambda_0V'(\lambda_1)=e^{-w}\,\mathrm{penalty}_1,\quad\lambda_1V'(\lambda_0)=e^w\,\mathrm{penalty}_0.$$
# At a kink, where two scales tie, the bounds hold for either one's slope and hence for the mean slope over any part
# of the interval. For two structures, differences of these bounds enclose the slope of $\log V_A-\log V_B$: an
# interval on which it keeps its sign holds at most one tie, one on which the end values exclude zero holds none.
# **Check** on a simplex and pairs, parametrised by $a$: interior slopes and values.


# %%
def simplex(K):
    """G, G' and the Schatten constant as a function of p, for the simplex."""
    tail = lambda s: (K - 1) * mp.exp(-s)
    return lambda s: mp.log(1 + tail(s)), lambda s: -tail(s) / (1 + tail(s)), lambda q: mp.mpf(K - 1)


def pairs(K):
    """The same for antipodal pairs, K even."""
    one, two = lambda s: (K - 2) * mp.exp(-s), lambda s: mp.exp(-2 * s)
    slope = lambda s: -(one(s) + 2 * two(s)) / (1 + one(s) + two(s))
    return lambda s: mp.log(1 + one(s) + two(s)), slope, lambda q: K * mp.mpf(2) ** (q - 1)


def frame(K):
    """The same for the orthogonal frame with squared error."""
    return lambda s: (1 - s) ** 2 / 2, lambda s: s - 1, lambda q: mp.mpf(K)


def point(structure, q, s):
    """lambda, V and penalty at a stationary scale s."""
    fit, slope, schatten = structure
    reg = -slope(s) * s ** (1 - q) / schatten(q)
    penalty = -s * slope(s) / q
    return reg, fit(s) + penalty, penalty


def scale_at(structure, q, reg, low, high):
    """The stationary scale in [low, high] at one lambda."""
    return mp.findroot(lambda s: point(structure, q, s)[0] / reg - 1, (low, high), solver="anderson")


def enclosure(first, last):
    """Bounds of dlog V / dlog lam between two points (lambda, V, penalty), the first at the smaller lambda."""
    ratio = last[0] / first[0]
    return last[2] / (last[1] * ratio), min(mp.mpf(1), ratio * first[2] / first[1])


def check_enclosures(structure, q, scales, bounds=enclosure):
    """Every slope between two stationary points is enclosed; scales descend, so lambda ascends."""
    points = [point(structure, q, s) for s in scales]
    assert all(x[0] < y[0] for x, y in pairwise(points)), "not on the outer branch"
    for i, first in enumerate(points):
        for j in range(i + 1, len(points)):
            low, high = bounds(first, points[j])
            slopes = [penalty / V for _, V, penalty in points[i : j + 1]]
            assert all(low <= slope <= high for slope in slopes), "a slope leaves its enclosure"
            mean = mp.log(points[j][1] / first[1]) / mp.log(points[j][0] / first[0])
            assert low <= mean <= high, "the mean slope leaves its enclosure"
        assert 0 <= first[2] <= first[1]


def check_concave(structure, q, scales, sign=1):
    """Every chord of V lies below V (sign=-1: above)."""
    points = [point(structure, q, s) for s in scales]
    for (x, u, _), (y, v, _), (z, w, _) in zip(points, points[1:], points[2:], strict=False):
        assert sign * (v - (u * (z - y) + w * (y - x)) / (z - x)) > 0, "V is not concave"


for q in (mp.mpf(1), mp.mpf(2) / 3, mp.mpf(2) / 5, mp.mpf(1) / 10):
    for structure in (simplex(3), simplex(10), pairs(4), pairs(10)):
        scales = [mp.mpf(k) for k in (200, 50, 20, 12, 9, 7, 6, 5)]
        check_enclosures(structure, q, scales)
        check_concave(structure, q, scales)
    scales = [1 - mp.mpf(10) ** -k for k in (8, 4, 2)] + [mp.mpf("0.7"), mp.mpf("0.55")]
    check_enclosures(frame(4), q, scales)
    check_concave(frame(4), q, scales)

# %% [markdown]
# ## 3. The tie with zero
# **Proof.** A nonzero stationary scale has the penalty $\lambda\nu a^p/p=-aG'(a)/p$, so it ties with zero where
# $T(a):=G(a)-aG'(a)/p=G(0)$, an equation without $\lambda$; then $\lambda=-G'(a)a^{1-p}/\nu$. By section 1
# $T'=\frac{-G'}p((1-p)-E)<0$ on the outer branch, so there is at most one root there. For $L>1$ there is one: at the
# fold $h\le0$ everywhere, so $f$ only rises and $T=f(a_{\rm fold})>f(0)=G(0)$, while $T\to\inf G<G(0)$ as
# $a\to\infty$, where $-aG'\to0$ (for squared error, at the unregularised scale, where $G'=0$). For $L=1$, $E>0$ makes
# $T$ fall from $T(0)=G(0)$, so the only tie is at $a=0$, $\lambda=-G'(0)/\nu$. For $\lambda$ below the tie the
# structure beats zero and above it loses, because $V(\lambda)$ along the branch increases with $\lambda$.
#
# For the simplex: $\log\bigl(1+(K-1)e^{-a}\bigr)+\frac{L+1}2\,\frac{(K-1)a}{e^a+K-1}=\log K$.


# %%
def check_tie(divisor=None):
    """T = G - a G' / divisor is the loss on the curve of stationary scales, divisor = p unless given."""
    divisor = p if divisor is None else divisor
    T = G + a * SLOPE / divisor
    loss = G + lam * nu * a**p / p
    assert vanishes(loss.subs(lam, REG) - T), "T is not the loss at a stationary scale"
    assert vanishes(T.diff(a) - SLOPE / p * ((1 - p) - ELASTICITY)), "T falls otherwise"


check_tie()
K = sp.Symbol("K", positive=True)
simplex_fit = sp.log(1 + (K - 1) * sp.exp(-a))
T = simplex_fit - a * simplex_fit.diff(a) * (L + 1) / 2
assert sp.simplify(T - simplex_fit - (L + 1) / 2 * (K - 1) * a / (sp.exp(a) + K - 1)) == 0


def tie(structure, q, low, high):
    """The scale at which a structure ties with zero, between the fold and a scale that is better than zero."""
    fit, slope, _ = structure
    excess = lambda s: fit(s) - s * slope(s) / q - fit(mp.mpf(0))
    return mp.findroot(excess, (low, high), solver="anderson")


# %% [markdown]
# **Check**: at the tie the losses agree; just below it in $\lambda$ the structure wins, just above it loses. For the
# frame with squared error the tie is at $a=\frac{L-1}L$.

# %%
for depth in (2, 3, 6):
    q = mp.mpf(2) / (depth + 1)
    for structure in (simplex(3), simplex(10), pairs(4), pairs(10)):
        at_tie = tie(structure, q, mp.mpf(1), mp.mpf(60))
        zero = structure[0](mp.mpf(0))
        assert abs(point(structure, q, at_tie)[1] - zero) < TINY
        below, above = (point(structure, q, at_tie * factor) for factor in (mp.mpf("1.01"), mp.mpf("0.99")))
        assert below[0] < point(structure, q, at_tie)[0] < above[0]
        assert below[1] < zero < above[1]
    assert abs(tie(frame(4), q, mp.mpf(depth - 1) / (2 * depth), mp.mpf(1)) - mp.mpf(depth - 1) / depth) < TINY

# %% [markdown]
# ## 4. Along the depth
# **Proof.** At fixed scale, $\frac{L+1}2\lambda n^{1/(L+1)}(a\sigma)^{2/(L+1)}=\frac{L+1}2\lambda e^z$ with
# $z=\frac2{L+1}\log(\sqrt n\,a\sigma)$ and $dz/dL=-z/(L+1)$; its derivative is $\frac\lambda2e^z(1-z)$. By the
# envelope theorem the scale may be held fixed. **Check** against numerical derivatives of $V(L)$ with the scale found
# anew.


# %%
def check_depth_slope(sign=-1):
    """d/dL of ((L+1)/2) lam n^(1/(L+1)) (a sigma)^(2/(L+1)) is (lam/2) e^z (1 + sign z)."""
    sigma = sp.Symbol("sigma", positive=True)
    term = (L + 1) / 2 * lam * n ** (1 / (L + 1)) * (a * sigma) ** (2 / (L + 1))
    z = 2 / (L + 1) * sp.log(sp.sqrt(n) * a * sigma)
    ratio = sp.expand_log(sp.simplify(term.diff(L) / term), force=True)
    wanted = (1 + sign * sp.expand_log(z, force=True)) / (L + 1)
    assert sp.simplify(sp.expand_log(sp.log(term) - sp.log((L + 1) / 2 * lam) - z, force=True)) == 0
    assert sp.simplify(sp.expand(ratio - wanted)) == 0, "the loss changes with depth otherwise"


check_depth_slope()
reg, samples = mp.mpf(1) / 200, 3
for structure, sigma, multiplicity in ((simplex(6), 1, 5), (pairs(6), 2, 3)):

    def optimal(depth, structure=structure):
        """V at one real depth, and its scale."""
        q = 2 / (depth + 1)
        scale = scale_at(structure, q, reg * mp.mpf(samples) ** (q / 2), mp.mpf(3), mp.mpf(12))
        return point(structure, q, scale)[1], scale

    depth = mp.mpf("2.5")
    z = 2 / (depth + 1) * mp.log(mp.sqrt(samples) * optimal(depth)[1] * sigma)
    slope = reg / 2 * multiplicity * mp.exp(z) * (1 - z)
    assert abs(mp.diff(lambda depth: optimal(depth)[0], depth) - slope) < mp.mpf(10) ** -20

# %% [markdown]
# ## 5. Depth one
# **Proof.** $G(a)=\frac1K\sum_j(\log\sum_ie^{aM_{ij}}-aM_{jj})$ gives $-G'(0)=\frac1K\operatorname{tr}(SM)$ with
# $S=I-\mathbf 1\mathbf 1^\top/K$, and at $p=1$ $\nu=\|M\|_*$. $G$ is convex, so the shape reaches zero at
# $\lambda_{\rm eff}=-G'(0)/\nu=\operatorname{tr}(SM)/(K\|M\|_*)\le1/K$. With $M=\sum_is_iu_iv_i^\top$,
# $\operatorname{tr}(SM)=\sum_is_iv_i^\top Su_i$, and $v_i^\top Su_i\le1$ with equality iff $Su_i=u_i=v_i$: *equality
# iff $M$ is positive semidefinite with $M\mathbf 1=0$*. Such are the simplex, even pairs, polygons, cyclic, Hadamard
# and strongly regular codes, and each block of a mixture (all are sums of scaled projections orthogonal to
# $\mathbf 1$). Not so the published odd pairs, $(1-1/K^2)/K$, nor the last block of pairs-free, $\sqrt{1-1/K}/K$.
#
# The same inequality and convexity give $f(M)\ge\log K+(\lambda_{\rm eff}-\frac1K)\|M\|_*$: from $1/K$ on zero is the
# global minimum of the whole problem at $L=1$, and below $1/K$ it is not. (For squared error
# $-G'(0)=\operatorname{tr}M/K$: equality iff $M$ is positive semidefinite.)
#
# **Check** of the thresholds, exact, and of the inequality on other shapes.


# %%
def check_slope_at_zero(size):
    """-G'(0) = tr(S M) / K for a matrix of symbols."""
    M = sp.Matrix(size, size, sp.symbols(f"m:{size**2}"))
    fit = sum(sp.log(sum(sp.exp(a * M[i, j]) for i in range(size))) - a * M[j, j] for j in range(size)) / size
    S = sp.eye(size) - sp.ones(size, size) / size
    assert sp.expand(-fit.diff(a).subs(a, 0) - (S * M).trace() / size) == 0


def check_vanishing(matrix, singular):
    """A shape with these (singular value, multiplicity) reaches zero at lam_eff = 1/K for depth one."""
    size = matrix.rows
    spectrum = (matrix.T * matrix).eigenvals()
    assert all(spectrum[sigma**2] == multiplicity for sigma, multiplicity in singular)
    assert sum(multiplicity for _, multiplicity in singular) == size - spectrum.get(0, 0)
    ratio = threshold(matrix, singular)
    assert sp.simplify(ratio - sp.Rational(1, size)) == 0, "the shape reaches zero elsewhere"


def threshold(matrix, singular):
    """-G'(0) / nu at depth one, exact."""
    size = matrix.rows
    S = sp.eye(size) - sp.ones(size, size) / size
    return (S * matrix).trace() / size / sum(sigma * multiplicity for sigma, multiplicity in singular)


def pairs_shape(size, count):
    """[[1, -1], [-1, 1]] on each of the first pairs of classes."""
    return sp.Matrix(size, size, lambda i, j: 0 if max(i, j) >= 2 * count else (int(i == j) - int(i == j ^ 1)))


def simplex_shape(size):
    """I - J/K."""
    return sp.eye(size) - sp.ones(size, size) / size


check_slope_at_zero(2)
check_slope_at_zero(3)
for size in (4, 6, 8):
    check_vanishing(simplex_shape(size), ((1, size - 1),))
    check_vanishing(pairs_shape(size, size // 2), ((2, size // 2),))
hexagon = sp.Matrix(6, 6, lambda i, j: sp.cos(sp.pi * (i - j) / 3))
check_vanishing(hexagon, ((3, 2),))
for size in (3, 5, 7):
    half = (size - 1) // 2
    published = pairs_shape(size, half)
    published[-1, -1] = 1
    assert threshold(published, ((2, half), (1, 1))) == (1 - sp.Rational(1, size**2)) / size
    last = sp.zeros(size, size)
    last[:, -1] = -sp.ones(size, 1) / size
    last[-1, -1] += 1
    length = sp.sqrt(1 - sp.Rational(1, size))
    assert sp.simplify(threshold(last, ((length, 1),)) - length / size) == 0
    simplex_part, pair = simplex_shape(size), pairs_shape(2, 1)
    mixture = sp.diag(simplex_part, sp.zeros(2, 2))
    assert threshold(mixture, ((1, size - 1),)) == sp.Rational(1, size + 2)
    mixture = sp.diag(sp.zeros(size, size), pair)
    assert threshold(mixture, ((2, 1),)) == sp.Rational(1, size + 2)
