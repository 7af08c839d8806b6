# %% [markdown]
# # Rank two is enough in the middle
#
# **Statement.** $K$ points $r_i(\cos\theta_i,\sin\theta_i)$ of the quadrant, $0<\theta_1<\dots<\theta_K<\frac\pi2$, in
# the layers $2,\dots,L-1$; in layer $L$ a neuron $\alpha_0r_i\cos(\theta_i-\psi)$, positive on all, and hinges
# $\alpha_jr_i\sin(\theta_i-\theta_j)$, $j<K$.
#
# 1. $X_L$ is invertible, so that any logits can follow.
# 2. $G^{L+1}=\|P\|_*^2\,2^{L-3}\,\sum_j\alpha_j^2\,\|X_L^{-1}\|_F^2$, so $G\to2$ as $L\to\infty$: for every $K\ge3$
#    there is a depth from which it is below the price $K$ of collapse, and below the price of every network whose
#    copied layers have rank three or more.
#
# **Sources.** New here; sukenik2024 shows that collapse loses at some depth for $K\ge6$.
#
# Cells say **proof** or **check**.

# %%
"""Fans of classes in the plane."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(3)

# %% [markdown]
# ## 1. The last hidden layer
# **Proof.** The hinge of point $j$ is $\alpha_jr_i\sin(\theta_i-\theta_j)$, positive iff $i>j$ (all differences are in
# $(-\frac\pi2,\frac\pi2)$). With the neuron that is active on all as the first row, row $j+1$ of $X_L$ is zero up to
# column $j$ and positive after it: upper triangular with a positive diagonal.


# %%
def layer(angles, radii, sizes, middle):
    """X_L."""
    first = radii * np.cos(angles - middle)
    hinges = radii * np.sin(angles[None, :] - angles[:-1, None])
    return sizes[:, None] * np.maximum(np.vstack([first, hinges]), 0)


def check_triangular(size, widest=np.pi / 2):
    """X_L is upper triangular with a positive diagonal, for angles up to ``widest``."""
    for _ in range(20):
        angles = np.sort(rng.uniform(0, widest, size))
        X = layer(angles, rng.uniform(0.5, 2, size), rng.uniform(0.5, 2, size), widest / 2)
        assert np.allclose(X, np.triu(X)), "a hinge is active before its point"
        assert np.diag(X).min() > 0, "a class is not told apart"


for size in (3, 6, 12):
    check_triangular(size)

# %% [markdown]
# ## 2. The limit
# **Proof.** The weights have rows $\alpha_j(-\sin\theta_j,\cos\theta_j)$ and $\alpha_0(\cos\psi,\sin\psi)$, the only
# ones since the points span the plane. With $C=\|P\|_*^2\sum\alpha_j^2\|X_L^{-1}\|_F^2$, $G=2\,(C/2^4)^{1/(L+1)}\to2$;
# so it is below $K$ once $L+1>\log(C/16)/\log(K/2)$.

# %%
C, L, K = sp.symbols("C L K", positive=True)
G = (C * 2 ** (L - 3)) ** (1 / (L + 1))
assert sp.simplify(sp.expand_log(sp.log(G) - sp.log(2) - sp.log(C / 16) / (L + 1), force=True)) == 0


def check_depth(size, rank=2):
    """The depth of the statement is one at which an evenly spread fan costs less than collapse."""
    angles = np.pi / 2 * np.arange(1, size + 1) / (size + 1)
    X = layer(angles, np.ones(size), np.ones(size), np.pi / 4)
    points = np.stack([np.cos(angles), np.sin(angles)])
    constant = np.linalg.svd(points, compute_uv=False).sum() ** 2 * size * np.sum(np.linalg.inv(X) ** 2)
    depth = np.ceil(np.log(constant / 16) / np.log(size / 2))
    price = (constant * float(rank) ** (depth - 3)) ** (1 / (depth + 1))
    assert price < size, "the fan costs more than collapse"


for size in (3, 5, 10, 20):
    check_depth(size)
