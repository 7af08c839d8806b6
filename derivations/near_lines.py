# %% [markdown]
# # Logits near a line separate two classes at the most
#
# **Statement.** Notation of `convex_concave.py`: logits $z_c=Uy_c$ of $K\ge3$ classes, $U$ an orthonormal basis of the
# centred vectors, $d_{cj}=U^\top(e_j-e_c)$, and $\sum_c\nu_cy_cy_c^\top\preceq M$ with eigenvalues
# $\lambda_1\ge\lambda_2\ge\dots$ of $M$. For all weights $w$ and $\nu$, with $S^2=\sum_{i\ge2}\lambda_i$,
# $$\mathrm{fit}\ge\min_{a\ne b}W\log\Bigl(1+\mu\,e^{-\sqrt{2Q}\,S/W}\Bigr),\qquad
#   W=\sum_{c\ne a,b}w_c,\quad Q=\sum_{c\ne a,b}\frac{w_c^2}{\nu_c}.$$
# For $K$ classes of one size this is $\frac{K-2}K\log(1+\mu e^{-\sqrt{2/(K-2)}\,S})$: no direction and no $\lambda_1$
# occur, so that boxes with small $t_2$ need no split in either.
#
# It matters where depth is large and lambda small: there $c\sum t_i$ of rank one is hardly more than the least loss,
# and by multipliers that stay a box of directions of the half-width $\alpha$ counts as if $\lambda_2$ were
# $\lambda_1\sin^2\alpha$, which is more than pairs have unless $\alpha$ is tiny.
#
# **Sources.** Elementary. The arrangement is this project's.
#
# Cells say **proof** and **check in floating point** (random).

# %%
"""A lower bound of the fit near logits of rank one: rivals along a line, and what logits across it do."""

import itertools

import numpy as np

from optima.proofs.form import centred_basis

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. Along a line
# **Statement.** For a unit vector $u$ let $a$ and $b$ be classes at which $v=Uu$ is largest and least. Every other
# class $c$ has for each real $s$ a rival $j$ with $s\,d_{cj}\cdot u\ge0$.
#
# **Proof.** $d_{cj}\cdot u=v_j-v_c$. Take $j=a$ for $s\ge0$, and $j=b$ for $s<0$.
#
# **Check in floating point**: random directions, those with ties included.


# %%
def check_rivals(served=2):
    """All classes but ``served`` have a rival that does not lose, whatever the sign of s."""
    for _ in range(200):
        K = int(rng.integers(3, 8))
        u = rng.normal(size=K - 1)
        if rng.uniform() < 0.3:
            basis = centred_basis(K)
            u = basis.T @ rng.integers(-1, 2, size=K).astype(float)
        v = centred_basis(K) @ u
        gains = v[None, :] - v[:, None] + np.where(np.eye(K, dtype=bool), -np.inf, 0.0)
        loses = -(v[None, :] - v[:, None]) + np.where(np.eye(K, dtype=bool), -np.inf, 0.0)
        rounding = -1e-12 * (1 + np.abs(v).max())
        without = np.sum((gains.max(axis=1) < rounding) | (loses.max(axis=1) < rounding))
        assert without <= served, f"{without} classes have no rival"


check_rivals()

# %% [markdown]
# ## 2. Across it
# **Proof** of the statement. Let $u$ be the first eigenvector of $M$ and $e_c=y_c-uu^\top y_c$. Then
# $\sum\nu_ce_ce_c^\top\preceq(1-uu^\top)M(1-uu^\top)$, whose trace is $S^2$, so $\sum\nu_c|e_c|^2\le S^2$. By 1 every
# class $c\ne a,b$ has a rival with $d_{cj}\cdot y_c\ge d_{cj}\cdot e_c\ge-\sqrt2|e_c|$ ($|d_{cj}|=\sqrt2$), so its
# term of the fit is at least $g(|e_c|)$, $g(x)=\log(1+\mu e^{-\sqrt2x})$. $g$ is convex and falls
# ($g=\log(1+e^{\ell})$ of a linear $\ell$), so by Jensen's inequality and that of Cauchy and Schwarz
# $$\sum_{c\ne a,b}w_cg(|e_c|)\ge W\,g\Bigl(\frac1W\sum_{c\ne a,b}w_c|e_c|\Bigr)
#   \ge W\,g\Bigl(\frac{\sqrt Q\,S}W\Bigr),$$
# since $\sum w_c|e_c|\le\sqrt{\sum w_c^2/\nu_c}\,\sqrt{\sum\nu_c|e_c|^2}$. Other classes have terms above zero, and
# $a,b$ are not known, so the least counts. The bound falls in $S$, so on a box it holds at the largest $t_2,t_3$, where
# $S^2=t_2^{L+1}+t_3^{L+1}$; $c\sum t_i$ at the least $t$ is added.
#
# **Check in floating point**: logits that go along a line as far as they like, and across it the best way.


# %%
def least_fit(w, nu, mu, S, served=2, distance=2**0.5):
    """The bound with ``served`` classes left out, and rivals at a ``distance``."""
    out = []
    for others in itertools.combinations(range(len(w)), len(w) - served):
        part = list(others)
        W, Q = w[part].sum(), np.sum(w[part] ** 2 / nu[part])
        out.append(W * np.log1p(mu * np.exp(-distance * np.sqrt(Q) * S / W)))
    return min(out)


def fit(Y, w, mu):
    """The fit of y_c, the rows of Y."""
    exponents = Y @ centred_basis(len(w)).T
    exponents = exponents - np.diag(exponents)[:, None]
    rest = np.where(np.eye(len(w), dtype=bool), -np.inf, exponents)
    return np.sum(w * np.logaddexp(0.0, np.log(mu) + np.logaddexp.reduce(rest, axis=1)))


def logits(K, nu, S, long):
    """y_c with parts ``long`` times S along a line, and across it the norm S, from rival to rival."""
    u = rng.normal(size=K - 1)
    u /= np.linalg.norm(u)
    order = np.argsort(centred_basis(K) @ u)
    along = np.zeros(K)
    along[order[0]], along[order[-1]] = -long * S, long * S
    across = centred_basis(K) @ (np.eye(K - 1) - np.outer(u, u))
    # Most of what goes across is the inner classes' own.
    across[order[[0, -1]]] *= rng.choice([1.0, 0.01])
    across *= np.exp(0.1 * rng.normal(size=(K, 1)))
    return np.outer(along, u) + S * across / np.sqrt(np.sum(nu[:, None] * across**2))


def check_bound(served=2, distance=2**0.5):
    """No logits have a smaller fit than the bound of their matrix, and some come within a factor of two."""
    closest = np.inf
    for _ in range(400):
        K, mu = int(rng.choice([3, 4, 4, 5])), rng.choice([1.0, 1.5])
        sizes = rng.integers(1, 5, size=K) if rng.uniform() < 0.5 else np.ones(K)
        w, nu = sizes / sizes.sum(), sizes / np.exp(np.mean(np.log(sizes)))
        Y = logits(K, nu, rng.uniform(0.01, 8), 10 ** rng.uniform(0, 3))
        values = np.linalg.eigvalsh(Y.T @ (nu[:, None] * Y))[::-1]
        bound = least_fit(w, nu, mu, np.sqrt(max(values[1:].sum(), 0.0)), served, distance)
        value = fit(Y, w, mu)
        assert value >= bound * (1 - 1e-9), "logits near a line fit better"
        closest = min(closest, value / bound)
    assert closest < 2, "the bound is never within a factor of two"


check_bound()
