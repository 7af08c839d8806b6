# %% [markdown]
# # The best invariant logits
#
# **Statement.** $G$ abelian of order $K$, logits $Z_{jc}=z(j-c)$, balanced classes. Blocks $b=\{\chi,\bar\chi\}$ of
# nontrivial characters, $\mu_b\in\{1,2\}$ their size, $\kappa_b=\operatorname{Re}\chi$.
#
# 1. The best $z$ is even, centred and $z(j)=\sum_b\frac{\mu_b}Ks_b\kappa_b(j)$ with $s_b\ge0$; the singular values of
#    $Z$ are the $s_b$, $\mu_b$ times each, and
#    $$f=F(s)+c\sum_b\mu_bs_b^p,\qquad F(s)=\log\Bigl(1+\sum_{j\ne0}e^{-m_j}\Bigr),\quad
#      m_j=\sum_b\frac{\mu_b}Ks_b(1-\kappa_b(j))\ge0.$$
# 2. $F$ is convex and decreasing in every $s_b$. On a box of $t_b=s_b^p$, for any $r$ and $g=\nabla F(r)$:
#    $$f\ge F(r)-\langle g,r\rangle+\sum_b\min_{t_b\in\{\underline t_b,\overline t_b\}}
#      \bigl[c\mu_bt_b+g_bt_b^{(L+1)/2}\bigr].$$
#    At the point where $F$ plus the chords of $c\mu_bs_b^p$ is least, the bound is that least value.
# 3. With the shares $q_j=e^{-m_j}/(1+\sum e^{-m})$ at $r$, $F(r)-\langle g,r\rangle=-\sum q_j\log
#    q_j-(1-|q|)\log(1-|q|)$ and $g_b=-\frac{\mu_b}K\sum_jq_j(1-\kappa_b(j))$.
# 4. Automorphisms of $G$ permute the blocks and keep $f$. For blocks $b_1,b_2,\dots$ some automorphism brings $s$ to
#    $s_{b_i}\ge s_b$ for all $b$ in the orbit of $b_i$ under the automorphisms that fix $b_1,\dots,b_{i-1}$.
# 5. Better than $\tau$ needs $c\sum\mu_bt_b<\tau$, so $t_b\le(\frac\tau c-\sum_{a\ne b}\mu_a\underline t_a)/\mu_b$.
#
# The bound is one for invariant logits only: others may be better.
#
# **Sources.** Characters diagonalise circulants, Gibbs' variational principle and the envelope of separable concave
# functions (Falk and Soland 1969) are textbook; ordering by a chain of stabilisers is the symmetry reduction of integer
# programming. Their use here is this project's.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random points).

# %%
"""Invariant logits: the loss in singular values, tangents plus chords, and which orders suffice."""

import itertools
from functools import cache

import numpy as np
import sympy as sp

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. The loss
# **Proof.** All columns of $Z$ are $z$ relabelled, so the fit is $\ell(z)=\log(1+\sum_{j\ne0}e^{z_j-z_0})$. The
# characters are eigenvectors of $Z$, with the eigenvalues $\hat z(\chi)=\sum_jz(j)\bar\chi(j)$; singular values are the
# $|\hat z(\chi)|$, equal for $\chi$ and $\bar\chi$ as $z$ is real. The trivial one only adds a constant to $z$: drop
# it. $j\to-j$ keeps $\ell$, which is convex, so the even part of $z$ fits no worse, and $|\operatorname{Re}\hat
# z|\le|\hat z|$: $z$ is even, $\hat z(\chi)=a_b$ real and $z(j)=\frac1K\sum_b\mu_ba_b\kappa_b(j)$. $\ell$ depends on
# $z_j-z_0=-\sum_b\frac{\mu_b}Ka_b(1-\kappa_b(j))$ and $\kappa_b\le1$, so $|a_b|$ for $a_b$ fits no worse: $a_b=s_b$.
#
# **Check**: $z_j-z_0$, and the singular values of the circulants of 5 and of $\mathbb Z_2\times\mathbb Z_3$.


# %%
@cache
def blocks(orders):
    """Elements of the group, the first character of each block, the sizes of the blocks, and kappa (K, m)."""
    elements = list(itertools.product(*(range(n) for n in orders)))
    minus = [tuple(-a % n for a, n in zip(k, orders, strict=True)) for k in elements]
    first = [k for k, opposite in zip(elements[1:], minus[1:], strict=True) if k <= opposite]
    sizes = [1 if minus[elements.index(k)] == k else 2 for k in first]
    turns = [
        [sum(sp.Rational(a * b, n) for a, b, n in zip(j, k, orders, strict=True)) for k in first] for j in elements
    ]
    return elements, first, sizes, sp.Matrix(turns).applyfunc(lambda turn: sp.cos(2 * sp.pi * turn))


def circulant(orders, s, sizes):
    """Z for singular values s of blocks taken ``sizes`` times."""
    elements, _, _, kappa = blocks(orders)
    K = len(elements)
    z = kappa * sp.Matrix([size * value / K for size, value in zip(sizes, s, strict=True)])
    minus = lambda j, c: elements.index(tuple((a - b) % n for a, b, n in zip(j, c, orders, strict=True)))
    return sp.Matrix(K, K, lambda j, c: z[minus(elements[j], elements[c])])


def check_singular_values(orders=(5,), sizes=None):
    """Z has the singular values s_b, mu_b times each, and zero."""
    true = blocks(orders)[2]
    s = [sp.Integer(3 * b + 2) for b in range(len(true))]
    Z = np.array(circulant(orders, s, true if sizes is None else sizes).evalf(30), dtype=float)
    expected = sorted([0.0] + [float(value) for value, size in zip(s, true, strict=True) for _ in range(size)])
    assert np.allclose(sorted(np.linalg.svd(Z, compute_uv=False)), expected, atol=1e-12), "other singular values"


for group in ((5,), (6,), (2, 3), (2, 2, 2), (4, 2)):
    check_singular_values(group)
_, _, sizes, kappa = blocks((5,))
s = sp.symbols("s1:3", positive=True)
Z = circulant((5,), s, sizes)
for j in range(1, 5):
    margin = sum(size * value * (1 - kappa[j, b]) / 5 for b, (size, value) in enumerate(zip(sizes, s, strict=True)))
    assert sp.expand(Z[0, 0] - Z[j, 0] - margin) == 0

# %% [markdown]
# ## 2. Tangents and chords
# **Proof.** $F$ is the logarithm of a sum of exponentials of linear functions with nonpositive coefficients, hence
# convex and decreasing. It lies above its tangent at $r$; $c\mu_bs^p+g_bs$ is concave in $s\ge0$ ($p\le1$), so least at
# an end of its interval. If $r$ minimises $F$ plus chords over the box, then $g_b$ plus the slope of the chord is zero,
# or positive at the lower and negative at the upper end: the tangent plus chords is least at $r$, too, where it is $F$
# plus chords. Linearising in $\lambda=s^2$, as for
# all matrices $M$, is weaker: $g_b(s-r)\ge\frac{g_b}{2r}(s^2-r^2)$, as $g_b\le0$.
#
# **Check**: that inequality. **Check in floating point**: the bound, at random points of random boxes.

# %%
x, r = sp.symbols("x r", positive=True)
assert sp.factor((x**2 - r**2) / (2 * r) - (x - r)) == (x - r) ** 2 / (2 * r)


@cache
def declines(orders):
    """mu_b, and mu_b (1 - kappa_b(j)) / K for the rivals j, shape (K - 1, m)."""
    _, _, size, cosine = blocks(orders)
    size = np.array(size, dtype=float)
    return size, size * (1 - np.array(cosine.evalf(20), dtype=float)[1:]) / np.prod(orders)


def loss_terms(orders, point):
    """F, its gradient, mu_b and the shares of the rivals at s."""
    size, decline = declines(orders)
    odds = np.exp(-decline @ point)
    return np.log1p(odds.sum()), -(odds @ decline) / (1 + odds.sum()), size, odds / (1 + odds.sum())


def check_boxes(orders=(5,), power=lambda L: (L + 1) / 2, raised=1.0):
    """The bound of a box lies below the loss at its points; ``raised`` multiplies its tangent's constant."""
    for _ in range(100):
        L, c = int(rng.integers(1, 8)), 10 ** rng.uniform(-4, -0.5)
        size = loss_terms(orders, np.zeros(len(blocks(orders)[2])))[2]
        low, high = np.sort(rng.exponential(3.0, size=(2, size.size)), axis=0)
        at = rng.uniform(low ** ((L + 1) / 2), high ** ((L + 1) / 2))
        F, g, _, _ = loss_terms(orders, at)
        ends = [c * size * t + g * t ** power(L) for t in (low, high)]
        bound = raised * (F - g @ at) + np.minimum(*ends).sum()
        for t in (low, high, low + rng.uniform(size=size.size) * (high - low), at ** (2 / (L + 1))):
            value = loss_terms(orders, t ** ((L + 1) / 2))[0] + c * size @ t
            assert value >= bound - 1e-9 * abs(bound), "a point of the box is below its bound"


check_boxes()
check_boxes((2, 2))

# %% [markdown]
# ## 3. Shares
# **Proof.** $\log q_j=-m_j-F$ and $\log(1-|q|)=-F$, so $-\sum q_j\log q_j-(1-|q|)\log(1-|q|)=\sum q_jm_j+F$, and $\sum
# q_jm_j=-\langle g,r\rangle$ as $m$ is linear.
#
# **Check in floating point.**


# %%
def check_entropy(sign=-1):
    """The constant of the tangent is the entropy of the shares; ``sign`` is that of g . r in it."""
    for orders in ((5,), (2, 3), (2, 2, 2)):
        point = rng.exponential(4.0, size=len(blocks(orders)[2]))
        F, g, _, q = loss_terms(orders, point)
        entropy = -np.sum(q * np.log(q)) - (1 - q.sum()) * np.log1p(-q.sum())
        assert np.isclose(F + sign * g @ point, entropy, rtol=1e-9), "the constant is another"


check_entropy()

# %% [markdown]
# ## 4. Order
# **Proof.** An automorphism $\alpha$ of the characters is dual to one of $G$, which fixes $0$ and permutes the rivals:
# $f$ keeps its value, $\mu$ is kept, as $\alpha(-k)=-\alpha(k)$. Of all the images of $s$ take the one with the
# lexicographically largest $(s_{b_1},s_{b_2},\dots)$. If $\alpha$ fixes $b_1..b_{i-1}$ and brings $b_i$ to $b$ or
# back, it changes none of the entries before the $i$-th and can put $s_b$ there: so $s_b\le s_{b_i}$.
#
# **Check in floating point**: $f$ is kept by the permutations of blocks of $\mathbb Z_2^3$ that come from
# automorphisms, and not by others.


# %%
def check_automorphism(image=((0, 1, 0), (1, 1, 0), (0, 0, 1))):
    """F keeps its value when the characters e_i go to ``image``."""
    _, first, _, _ = blocks((2, 2, 2))
    moved = [first.index(tuple(int(v) for v in np.array(k) @ np.array(image) % 2)) for k in first]
    for _ in range(5):
        point = rng.exponential(4.0, size=len(first))
        F = [loss_terms((2, 2, 2), p)[0] for p in (point, point[moved])]
        assert np.isclose(*F, rtol=1e-12), "the fit changes"


def check_any_order(swapped=(0, 0)):
    """F keeps its value when two blocks are swapped: wrong for blocks that no automorphism alone exchanges."""
    point = np.arange(1.0, 8.0)
    other = point.copy()
    other[list(swapped)] = point[list(swapped)[::-1]]
    assert np.isclose(loss_terms((2, 2, 2), point)[0], loss_terms((2, 2, 2), other)[0], rtol=1e-12), "the fit changes"


check_automorphism()
check_any_order()

# %% [markdown]
# ## 5. Largest sum
# **Proof.** $F\ge0$.
