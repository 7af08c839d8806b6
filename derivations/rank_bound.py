# %% [markdown]
# # Within-class variation bounds the distance from rank K
#
# **Statement.** Let $f=\frac1N\sum_j\ell_j+\frac\lambda2\|W\|_F^2+\dots$, $x_j\in\mathbb R^d$ the input of a weight
# matrix $W$, $\delta_j$ the gradient of $\ell_j$ at its output, $c(j)$ one of $K$ groups, bars the means of groups and
# $\xi_j=x_j-\bar x_{c(j)}$. With $\mathrm{TCV}(v)=\frac1N\sum_j|v_j-\bar v_{c(j)}|^2$ and $r=\|\nabla_Wf\|_F/\lambda$,
# $$\operatorname{dist}_F(W,\operatorname{rank}K)-r\le\frac{\|\sum_j\delta_j\xi_j^T\|_F}{\lambda N}
#   \le\frac{\sqrt{\mathrm{TCV}(\delta)\,\mathrm{TCV}(x)}}\lambda
#   \le\frac{\mathrm{rms}(\delta)\sqrt{\mathrm{TCV}(x)}}\lambda.$$
# It holds at every point, for any activation, loss and grouping. With $s_K$ the $K$-th singular value of
# $\frac1N\sum_cn_c\bar\delta_c\bar x_c^T$ in addition, $s_K/\lambda$ on the right, $K$ may be $K-1$; and
# $s_K\le|\sum_j\delta_j||m|/N$ for every $m=\sum_ca_c\bar x_c$, $\sum_ca_c=1$. So it vanishes at a stationary point
# with an unregularised bias, where $\sum_j\delta_j=0$, and where some such $m$ is zero, as of centred class means.
#
# **Sources.** That within-class variation bounds the distance from rank $K$ at critical points is the subject of
# zangrando2025, whose constants were not read; the chain and the residual are worked out here.
#
# Cells say **proof** or **check** (50-digit arithmetic, seeded).

# %%
"""The chain of bounds on the distance of a weight matrix from rank K."""

import random
from itertools import pairwise

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40
rng = random.Random(11)

# %% [markdown]
# **Proof of the split.** $\nabla_Wf=\frac1N\sum_j\delta_jx_j^T+\lambda W$, and
# $\sum_j\delta_jx_j^T=\sum_j\delta_j\xi_j^T+\sum_cn_c\bar\delta_c\bar x_c^T$, whose last term has rank at most $K$. So
# $W$ is within $\|\sum_j\delta_j\xi_j^T\|_F/(\lambda N)+r$ of $-\frac1{\lambda N}\sum_cn_c\bar\delta_c\bar x_c^T$. As
# $\sum_{j\in c}\xi_j=0$, $\delta_j$ may be replaced by $\delta_j-\bar\delta_{c(j)}$. Both identities are linear in the
# entries of $\delta$ and in those of $x$, so one entry of each, in a group of any size, is all there is to show:

# %%


def check_split(weight=1):
    """sum d x = sum d (x - xbar) + n dbar xbar, and d may be centred, in groups of up to six."""
    for n in range(1, 7):
        d, x = sp.symbols(f"d:{n}"), sp.symbols(f"x:{n}")
        dbar, xbar = sum(d) / sp.Integer(n), sum(x) / sp.Integer(n)
        within = sum(a * (b - xbar) for a, b in zip(d, x, strict=True))
        assert sp.expand(sum(a * b for a, b in zip(d, x, strict=True)) - within - weight * n * dbar * xbar) == 0
        assert sp.expand(within - sum((a - dbar) * (b - xbar) for a, b in zip(d, x, strict=True))) == 0


check_split()

# %% [markdown]
# **Proof of the rest.** $\|\sum_ja_jb_j^T\|_F\le\sum_j|a_j||b_j|\le(\sum|a_j|^2\sum|b_j|^2)^{1/2}$ with
# $a_j=\delta_j-\bar\delta_{c(j)}$, $b_j=\xi_j$, and $\mathrm{TCV}(\delta)\le\mathrm{rms}(\delta)^2$, the difference
# being $\frac1N\sum_cn_c|\bar\delta_c|^2$. **Check** of the chain, at a point that is stationary by construction:


# %%
def random_matrix(rows, columns):
    """Random rational matrix at 50 digits."""
    return mp.matrix([[mp.mpf(rng.randint(-9, 9)) / 5 for _ in range(columns)] for _ in range(rows)])


def centred(v, owner):
    """The columns of v less the means of their groups."""
    out = v.copy()
    for c in set(owner):
        own = [j for j, group in enumerate(owner) if group == c]
        for i in range(v.rows):
            mean = sum(v[i, j] for j in own) / len(own)
            for j in own:
                out[i, j] -= mean
    return out


def norm(v):
    """Frobenius norm."""
    return mp.sqrt(sum(entry**2 for entry in v))


def check_chain(rank=3):
    """Distance from ``rank``, with three groups, and the bounds, ascending."""
    for sizes in ((4, 4, 4), (1, 2, 9), (1, 1, 1)):
        owner = [c for c, size in enumerate(sizes) for _ in range(size)]
        scale = len(owner) * mp.mpf(1) / 7
        x, delta = random_matrix(6, len(owner)), random_matrix(5, len(owner))
        W = -(delta * x.T) / scale
        values = sorted((abs(v) for v in mp.svd_r(W, compute_uv=False)), reverse=True)
        rest = centred(x, owner)
        chain = [
            mp.sqrt(sum(v**2 for v in values[rank:])),
            norm(delta * rest.T) / scale,
            norm(centred(delta, owner)) * norm(rest) / scale,
            norm(delta) * norm(rest) / scale,
        ]
        assert all(low <= high + TINY for low, high in pairwise(chain))


check_chain()

# %% [markdown]
# **Proof for $K-1$.** The distance from a rank is 1-Lipschitz, and that of the part by classes, of rank $K$ at most,
# from rank $K-1$ is $s_K$. Further $\sum_cn_c\bar\delta_c\bar x_c^T=\sum_cn_c\bar\delta_c(\bar x_c-m)^T+
# (\sum_j\delta_j)m^T$; as $\sum_ca_c(\bar x_c-m)=0$ the first term has rank at most $K-1$, and $s_K$ is the distance
# from the nearest matrix of that rank. **Check**, with $\delta$ in general and of sum zero:


# %%
def check_one_less(classes=3):
    """s_K against the bound with the mean m of least norm among a few, and the chain of rank K - 1."""
    for sizes in ((4, 4, 4), (1, 2, 9)):
        owner = [c for c, size in enumerate(sizes) for _ in range(size)]
        N, scale = len(owner), len(owner) * mp.mpf(1) / 7
        x, delta = random_matrix(6, N), random_matrix(5, N)
        for total in ("any", "zero"):
            if total == "zero":
                delta = centred(delta, [0] * N)
            W, rest = -(delta * x.T) / scale, centred(x, owner)
            last = sorted((abs(v) for v in mp.svd_r(delta * (x - rest).T, compute_uv=False)), reverse=True)[classes - 1]
            starts = [sum(sizes[:c]) for c in range(classes)]
            means = [(x - rest)[:, start] for start in starts]
            whole = norm(sum((delta[:, j] for j in range(N)), mp.matrix(5, 1)))
            shortest = min(norm(mean) for mean in [*means, sum(means, mp.matrix(6, 1)) / classes])
            assert last <= whole * shortest + TINY
            assert total == "any" or last <= TINY
            values = sorted((abs(v) for v in mp.svd_r(W, compute_uv=False)), reverse=True)
            distance = mp.sqrt(sum(v**2 for v in values[classes - 1 :]))
            assert distance <= (norm(delta * rest.T) + last) / scale + TINY


check_one_less()
