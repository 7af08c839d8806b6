# %% [markdown]
# # Where the minimum passes from one price to another
#
# **Statement.** Notation of `convex_concave.py`: $f_\lambda(Z)=\mathrm{fit}(Z)+\lambda R(Z)$ with the *price*
# $R=\frac{L+1}2\sum_is_i^p$, $L\ge2$, $K$, sizes and width fixed, $m(\lambda)=\min f_\lambda$.
#
# 1. **Chord.** $m$ is concave and does not fall: lower bounds $\ell_i\le m(\lambda_i)$ give
#    $m((1-w)\lambda_0+w\lambda_1)\ge(1-w)\ell_0+w\ell_1$.
# 2. **Price.** If $Z$ is a global minimum at $\lambda$ then
#    $\frac{m(\mu)-m(\lambda)}{\mu-\lambda}\le R(Z)\le\frac{m(\lambda)-m(\nu)}{\lambda-\nu}$ for all $\nu<\lambda<\mu$.
# 3. **Passage.** With $\ell\le m(\lambda)$, logits $A$, $B$ and $\lambda_-<\lambda<\lambda_+$,
#    $$\ell-f_{\lambda_-}(A)>r(\lambda-\lambda_-)\quad\text{and}\quad f_{\lambda_+}(B)-\ell<r(\lambda_+-\lambda)$$
#    prove that global minima at every $\lambda'\le\lambda_-$ have prices above $r$, and those at every
#    $\lambda'\ge\lambda_+$ below. At a tie, $f_\lambda(A)=f_\lambda(B)=V$ and $\ell=(1-\varepsilon)V$, the two hold
#    from $\lambda-\lambda_-=\frac{\varepsilon V}{R(A)-r}$ and $\lambda_+-\lambda=\frac{\varepsilon V}{r-R(B)}$ on.
# 4. **Zero alone.** A global minimum $Z\ne0$ has a price above $\frac{L+1}2\bigl(\frac cA\bigr)^{p/(1-p)}$, where
#    $c=\frac{L+1}2\lambda$ and $A$ bounds the norm of the gradient of the fit; that grows with $\lambda$. So with $r$
#    no larger, zero is the only global minimum from $\lambda_+$ on.
#
# So a proof at the tie alone, to a gap $\varepsilon$, proves a strip of $\lambda$ in which the boundary lies, as narrow
# as $\varepsilon$ is small. What it does not say is that $A$ is the minimum before it: only that the minimum costs as
# much, is no more than a chord below $A$, and is not $B$.
#
# **Sources.** Minima of affine functions are concave (Boyd and Vandenberghe, Convex Optimization, 3.2.3); the slope of
# a value function (envelope theorem). The arrangement is this project's.
#
# Cells say **proof**, **check** (exact) and **check in floating point** (random).

# %%
"""Concavity of the minimum in lambda, prices among its slopes, the ends of a strip, and the least price."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. and 2. Chord and price
# **Proof.** $m$ is the least of functions affine and rising in $\lambda$. With $Z$ a minimum at $\lambda$,
# $m(\mu)\le f_\mu(Z)=m(\lambda)+(\mu-\lambda)R(Z)$ for every $\mu$; division by $\mu-\lambda$ of either sign gives both
# sides of 2.
#
# **Check in floating point**: the least of random lines, in which a price is a slope.


# %%
def check_prices(bend=1.0):
    """The least of lines fit + lambda R is above its chords, and the lowest line's slope is between theirs."""
    for _ in range(200):
        fits, prices = rng.uniform(0, 3, size=8), rng.uniform(0, 5, size=8)
        least = lambda lam, fits=fits, prices=prices: np.min(fits + lam**bend * prices)
        low, here, high = np.sort(rng.uniform(0.01, 2, size=3))
        weight = (here - low) / (high - low)
        assert least(here) >= (1 - weight) * least(low) + weight * least(high) - 1e-12, "a chord lies above the minimum"
        price = prices[np.argmin(fits + here * prices)]
        assert (least(high) - least(here)) / (high - here) <= price + 1e-9
        assert price <= (least(here) - least(low)) / (here - low) + 1e-9


check_prices()

# %% [markdown]
# ## 3. Passage
# **Proof.** Let $\lambda'\le\lambda_-$ and $Z$ a global minimum there. By 2, and since the slopes of chords of a
# concave function to a fixed point fall as the other end rises,
# $$R(Z)\ge\frac{m(\lambda)-m(\lambda')}{\lambda-\lambda'}\ge\frac{m(\lambda)-m(\lambda_-)}{\lambda-\lambda_-}
#   \ge\frac{\ell-f_{\lambda_-}(A)}{\lambda-\lambda_-}>r,$$
# and likewise after $\lambda_+$. At a tie $f_{\lambda_-}(A)=V-(\lambda-\lambda_-)R(A)$, so that the first condition is
# $(\lambda-\lambda_-)(R(A)-r)>\varepsilon V$; the second likewise.
#
# **Check**: of the ends, exact. **Check in floating point**: no line with a price on the wrong side of $r$ is lowest
# outside the strip, however the others lie above the bound at the tie, and inside it one may be.


# %%
def check_ends(part=1):
    """At the ends named both conditions are equations."""
    V, eps, lam, A, B, r = sp.symbols("V epsilon lambda R_A R_B r", positive=True)
    bound = (1 - eps) * V
    low, high = lam - part * eps * V / (A - r), lam + part * eps * V / (r - B)
    before, after = V + (low - lam) * A, V + (high - lam) * B
    assert sp.simplify(bound - before - r * (lam - low)) == 0, "the strip begins elsewhere"
    assert sp.simplify(after - bound - r * (high - lam)) == 0, "the strip ends elsewhere"


def check_strip(widen=1.0):
    """Lines that are above (1 - eps) V at the tie do not win beyond the strip with a price on the wrong side."""
    tight = 0.0
    for _ in range(400):
        V, lam, eps = rng.uniform(0.5, 2), rng.uniform(0.05, 1), 10 ** rng.uniform(-4, -1)
        more, less = np.sort(rng.uniform(0, V / lam, size=2))[::-1]
        r = less + (more - less) * rng.uniform(0.1, 0.9)
        low, high = lam - widen * eps * V / (more - r), lam + widen * eps * V / (r - less)
        third = np.concatenate([rng.uniform(0, 2 * r, size=200), [r * (1 - 1e-9), r * (1 + 1e-9)]])
        # Third minima as low as the bound allows.
        at = lambda x, V=V, eps=eps, third=third, lam=lam: (1 - eps) * V + (x - lam) * third
        for x in (low, 1.1 * low - 0.1 * lam):
            leads = third[at(x) < V + (x - lam) * more - 1e-9]
            assert (leads > r * (1 - 1e-6)).all(), "a minimum of a low price leads before the strip"
        for x in (high, 1.1 * high - 0.1 * lam):
            leads = third[at(x) < V + (x - lam) * less - 1e-9]
            assert (leads < r * (1 + 1e-6)).all(), "a minimum of a high price leads after the strip"
        inside = 0.9 * low + 0.1 * lam
        tight += bool((third[at(inside) < V + (inside - lam) * more] < r).any())
    assert tight > 100, "the strip could be narrower"


check_ends()
check_strip()

# %% [markdown]
# ## 4. Zero alone
# **Proof.** Dropping $s_i$ saves $cs_i^p$ and raises the convex fit by less than $As_i$ (a softmax is never exactly
# zero, so that no gradient has the norm $A$). At a global minimum therefore $cs_i^p<As_i$, that is
# $s_i^p>(c/A)^{p/(1-p)}$, and the price is at least that of one value. It grows with $c$, hence with $\lambda$.
#
# **Check**: the value of $s^p$ at which both are equal.


# %%
def check_least_price(exponent=1):
    """c t = A t^(1/p) at t = (c/A)^(p/(1-p)), p = 2/(L+1)."""
    c, A = sp.symbols("c A", positive=True)
    for L in (2, 3, 5, 8):
        p = sp.Rational(2, L + 1)
        t = (c / A) ** (exponent * p / (1 - p))
        assert sp.simplify(c * t / (A * t ** (1 / p)) - 1) == 0, "a thin value is another one"
        assert sp.simplify(p / (1 - p) - sp.Rational(2, L - 1)) == 0


check_least_price()
