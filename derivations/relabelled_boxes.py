# %% [markdown]
# # Four classes of several sizes: the same boxes for every order of the sizes
#
# **Statement.** Notation of `convex_concave.py`, $K=4$, $U$ of `centred_basis(4)`, whose rows are alternate corners of
# a cube. For a relabelling $\pi$ let $f_\pi$ be the problem whose $c$-th class is the class $\pi(c)$, with its $w$ and
# $\nu$. Then
# $$\min_{M\succeq0}f(M)=\min_\pi\ \min\{f_\pi(M):u\parallel(1,a,b),\ 1\ge a\ge b\ge0\},$$
# $u$ any one direction that is chosen for each $M$ ($u_1$ in one chart, $u_3$ in the other), and it is enough to take
# one $\pi$ for each sequence of the sizes: at most 24, six for sizes $2,2,1,1$, one for classes of one size.
#
# The bounds of boxes (`convex_concave.py`, `plane_bound.py`, `near_lines.py`) hold for all $w$ and $\nu$.
#
# **Sources.** Elementary; for one size it is in `convex_concave.py`.
#
# Cells say **proof** and **check in floating point** (random).

# %%
"""Boxes of four classes of several sizes: relabelling reaches every direction, and moves the sizes."""

import itertools

import numpy as np

from optima import DeepUFM
from optima.proofs.form import ConvexConcave, centred_basis

rng = np.random.default_rng(0)
basis = centred_basis(4)
ORDERS = list(itertools.permutations(range(4)))

# %% [markdown]
# ## 1. Every line is reached
# **Proof.** $O_\pi=U^\top P_\pi U$ with the relabelling's matrix $P_\pi$ permutes the corners $\pm$ of the cube that
# are the rows of $U$, so it is a symmetry of the cube. The 24 relabellings and $-1$ make up all 48 of them: signs and
# permutations of the coordinates. Up to sign a line is carried by one into $1\ge a\ge b\ge0$: make all coordinates
# nonnegative, then sort.
#
# **Check in floating point**: random lines.


# %%
def carried(u, orders):
    """Whether one of the ``orders`` carries the line of u into the triangle."""
    for order in orders:
        v = basis.T @ (basis @ u)[list(order)]
        v = v * np.sign(v[0])
        if v[0] >= v[1] - 1e-12 and v[1] >= v[2] - 1e-12 and v[2] >= -1e-12:
            return True
    return False


def check_reached(orders=ORDERS):
    """Every line is reached by one of the orders."""
    assert all(carried(rng.normal(size=3), orders) for _ in range(300)), "a line is not reached"


check_reached()

# %% [markdown]
# ## 2. The problem moves with it
# **Proof.** Let $Z$ be logits, $Z'_{ij}=Z_{\pi(i)\pi(j)}$. The fit of class $c$ of $Z'$ is that of class $\pi(c)$ of
# $Z$, and $Z'\operatorname{diag}(\sqrt{\nu'})$ has the singular values of $Z\operatorname{diag}(\sqrt\nu)$ for
# $\nu'_c=\nu_{\pi(c)}$; so $f_\pi(Z')=f(Z)$. Its matrix is $M'=O_\pi MO_\pi^\top$, with the directions $O_\pi u$ of 1.
# Two orders with the same sequence of sizes have the same $f_\pi$.
#
# **Check in floating point**: random logits and sizes.


# %%
def check_moved(back=False):
    """f_pi(Z') = f(Z), and M' = O M O^T; ``back`` moves the sizes by the inverse order."""
    for _ in range(50):
        sizes = tuple(rng.permutation([1, 2, 4, 7]).tolist())
        form = ConvexConcave.of(DeepUFM(4, 3, 1e-2, sizes))
        order = list(rng.permutation(4))
        Z = basis @ rng.normal(size=(3, 4))
        moved = Z[np.ix_(order, order)]
        part = form.restrict(np.argsort(order).tolist() if back else order)
        assert abs(part.value(moved) - form.value(Z)) < 1e-9 * form.value(Z), "another problem"
        M, image = ((basis.T @ z * each.count) @ (basis.T @ z).T for z, each in ((Z, form), (moved, part)))
        turn = basis.T @ basis[order]
        assert np.allclose(turn @ M @ turn.T, image), "another matrix"


check_moved()
