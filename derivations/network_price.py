# %% [markdown]
# # The price of a ReLU network
#
# **Statement.** Layers $M_2,\dots,M_L$ before the activation, $X_l=\max(M_l,0)$, $M_{l+1}$ a linear image of $X_l$, one
# column for each of $K$ classes of $n$ samples; logits $Z$ a linear image of $X_L$; regularisations $\lambda_l$ of
# $W_l$ and $\lambda_H$ of $H$, geometric mean $\lambda$.
#
# 1. Over all networks with these layers up to positive scales, and logits $\alpha Z$, the least regulariser is
#    $$\tfrac{L+1}2\lambda\,(\sqrt n\,\alpha)^p\rho,\qquad
#      \rho^{L+1}=\|M_2\|_*^2\prod_{l=2}^{L-1}\|M_{l+1}X_l^+\|_F^2\;\|ZX_L^+\|_F^2,\quad p=\tfrac2{L+1},$$
#    and at the minimum all $\lambda_l\|W_l\|_F^2=\lambda_H\|H\|_F^2$.
# 2. Squared error, $W_L$ free, $X_L$ scaled to singular values $s\mu_i$, $u=s^2/(\lambda_LK)$, $q^L$ the product
#    without the last factor, $\lambda_e=\lambda n^{1/(L+1)}$: the least objective is
#    $$\frac1{2K}\sum_i\frac1{1+u\mu_i^2}+\frac L2\lambda_e^{(L+1)/L}K^{1/L}q\,u^{1/L}.$$
# 3. With $x_i=u\mu_i^2/(1+u\mu_i^2)$ and the mean under weights $x_i(1-x_i)$, the elasticity of the first term's slope
#    is $E=2\langle x\rangle$; in $v=\log u$, $-1\le E'\le\frac12$ and $|E''|\le8$.
# 4. $\rho(Z)\ge\|Z\|_*^p$. So for squared error $f\ge\min_t\frac{(1-t)^2}2+\frac{L+1}2\lambda_e(Kt)^p$.
# 5. The ReLU can raise the nuclear norm: $M_{ij}=\cos(2\pi(i-j)/N)$ has $\|M\|_*=N$, and $\|\max(M,0)\|_*>1.13\,N$ for
#    large $N$.
# 6. Classes of sizes $n_c$, $N=\sum n_c$, $\pi_c=n_c/N$: collapse, one neuron a class in every layer, costs
#    $$\sum_c\min_y\Bigl(\pi_cg(y)+\tfrac{L+1}2\lambda n_c^{1/(L+1)}(\kappa y)^p\Bigr),$$
#    $g(y)=\frac{(1-y)^2}2$, $\kappa=1$ for squared error; $g(y)=\log(1+(K-1)e^{-y})$, $\kappa=\sqrt{(K-1)/K}$ for
#    cross-entropy. A block of $k$ classes of one size $n$ on neurons of its own is $nK/N$ times the same block of $K$
#    classes of one size with $\lambda N/(nK)$ for every factor.
# 7. Cross-entropy, any $\epsilon_{c}\in(0,1)$, $H$ the entropy of $(1-\epsilon,\frac\epsilon{K-1},\dots)$: the fit is
#    at least $\sum_c\pi_cH(\epsilon_c)-\sigma t$, $\sigma=\frac K{K-1}\max_c\frac{\epsilon_c\sqrt{n_c}}N$,
#    $t=\|Z\operatorname{diag}(\sqrt{n_c})\|_*$, and a network with these logits costs at least $c\,t^p$.
#
# **Sources.** The chain is that of sukenik2024 and of Jacot (2022, representation cost). New here: the closed form with
# the best last weight matrix, its independence of $\lambda$ but for a power, and (5), which refutes the assumption that
# the ReLU does not raise the nuclear norm.
#
# Cells say **proof** or **check**.

# %%
"""Price of a relu network, squared error with the best last weight matrix, and a nuclear norm that relu raises."""

import mpmath as mp
import numpy as np
import sympy as sp

rng = np.random.default_rng(7)
L, n, K, u, lam = sp.symbols("L n K u lambda", positive=True)

# %% [markdown]
# ## 1. The price
# **Proof.** The ReLU is positively homogeneous, so scales of factors only multiply layers: given the layers up to
# scales, each $W_l$ is fixed on the columns of $X_l$ up to its scale, and is least when it vanishes on their
# complement: $W_l=M_{l+1}X_l^+$. The first two factors have $W_1H=M_2$ and cost at least $\|M_2\|_*$ each, with
# equality for the halves of its singular value decomposition; all $n$ samples of a class have its column, so the
# squared norm of $H$ is $n$ times that of one column a class. With squared norms $N_0,\dots,N_L$ at unit scale and
# scales $t_i$ of product $\alpha$, AM-GM gives
# $\sum\frac{\lambda_i}2t_i^2N_i\ge\frac{L+1}2\bigl(\alpha^2\prod\lambda_iN_i\bigr)^{1/(L+1)}$ with equality where all
# terms agree.


# %%
def price_of(norms):
    """rho of squared norms at unit scale."""
    return np.prod(norms) ** (1 / len(norms))


def check_am_gm(power=1.0):
    """No scales of product alpha are cheaper, and the balanced ones attain the price to ``power``."""
    norms, regs, alpha = rng.uniform(0.1, 5, 5), rng.uniform(0.1, 2, 5), 3.7
    least = 5 / 2 * (alpha**2 * np.prod(regs * norms)) ** (power / 5)
    balanced = np.sqrt((alpha**2 * np.prod(regs * norms)) ** (1 / 5) / (regs * norms))
    assert abs(np.prod(balanced) - alpha) < 1e-12
    assert abs(np.sum(regs / 2 * balanced**2 * norms) - least) < 1e-10 * least, (
        "the balanced scales cost something else"
    )
    for _ in range(200):
        scales = np.exp(rng.normal(0, 1, 5))
        scales *= (alpha / np.prod(scales)) ** (1 / 5)
        assert np.sum(regs / 2 * scales**2 * norms) >= least * (1 - 1e-12)


check_am_gm()
M = rng.normal(size=(4, 6))
half = np.linalg.svd(M, compute_uv=False).sum()
for _ in range(50):
    Q = rng.normal(size=(4, 4))
    assert (np.sum((M.T @ np.linalg.inv(Q).T) ** 2) + np.sum(Q**2)) / 2 >= half * (1 - 1e-12)

# %% [markdown]
# ## 2. The best last weight matrix
# **Proof.** $\frac1{2K}\|WX-I\|^2+\frac{\lambda_L}2\|W\|^2$ is least at $W=(X^\top X+\lambda_LK)^{-1}X^\top$, where it
# is $\frac{\lambda_L}2\operatorname{tr}(X^\top X+\lambda_LK)^{-1}=\frac1{2K}\sum_i\frac1{1+u\mu_i^2}$. The other $L$
# factors make $X_L$ at the scale $s=\sqrt{u\lambda_LK}$ and cost, by AM-GM, $\frac
# L2(n\lambda_H\lambda_1\cdots\lambda_{L-1} q^Ls^2)^{1/L}$, in which
# $n\lambda_H\lambda_1\cdots\lambda_{L-1}\cdot\lambda_L=\lambda_e^{L+1}$. The data loss alone is
# $\frac1{2K}\sum(1-x_i)^2$, and $\frac{\lambda_L}2\|W_L\|^2=\frac1{2K}\sum x_i(1-x_i)$.

# %%
others, q = sp.symbols("Lambda q", positive=True)  # Lambda = n lambda_H lambda_1 ... lambda_{L-1}
effective = (others * lam) ** (1 / (L + 1))
cost = L / 2 * (others * q**L * u * lam * K) ** (1 / L)
claimed = L / 2 * effective ** ((L + 1) / L) * K ** (1 / L) * q * u ** (1 / L)
assert sp.simplify(sp.expand_log(sp.log(cost / claimed), force=True)) == 0


def check_ridge(share=1.0):
    """The least over W, and its data loss and penalty, at random layers; ``share`` of lambda K is in the inverse."""
    X, reg, size = rng.normal(size=(5, 4)), 0.03, 4
    W = np.linalg.solve(X.T @ X + share * reg * size * np.eye(size), X.T)
    value = np.sum((W @ X - np.eye(size)) ** 2) / (2 * size) + reg / 2 * np.sum(W**2)
    x = 1 - 1 / (1 + np.linalg.svd(X, compute_uv=False) ** 2 / (reg * size))
    assert abs(value - np.sum(1 - x) / (2 * size)) < 1e-13, "the last weight matrix is not the best"
    assert abs(reg / 2 * np.sum(W**2) - np.sum(x * (1 - x)) / (2 * size)) < 1e-13


check_ridge()

# %% [markdown]
# ## 3. The elasticity
# **Proof.** $-G'(u)=\frac1{2K}\sum\frac{\mu_i^2}{(1+u\mu_i^2)^2}=\frac1{2Ku}\sum x_i(1-x_i)$, whose logarithm has the
# slope $-2\langle x\rangle$ in $v=\log u$ at fixed $\mu$. As $x_i'=x_i(1-x_i)$ and the weights $w_i$ have
# $w_i'/w_i=-2x_i$, with moments $m_k=\langle x^k\rangle$
# $$\tfrac12E'=m_1-3m_2+2m_1^2=m_1(1-m_1)-3\operatorname{Var}x,\qquad
#   \tfrac12E''=(1+4m_1)\tfrac{E'}2-6m_2+12m_3-6m_1m_2 .$$
# From $m_1^2\le m_2\le m_1$: $-\frac12\le\frac12E'\le\frac14$. From $m_2^2/m_1\le m_3\le m_2$: the last three terms
# are at most $6m_2(1-m_1)\le\frac32$, and at least $12m_2^2/m_1-6m_2(1+m_1)$, a parabola in $m_2$ that on
# $[m_1^2,m_1]$ is at least $-\frac34m_1(1+m_1)^2\ge-\frac49$ where its vertex $m_1(1+m_1)/4$ is there
# ($m_1\le\frac13$), else $6m_1^2(m_1-1)\ge-\frac89$. So $\bigl|\frac12E''\bigr|\le\frac52+\frac32=4$.

# %%
m1, m2, m3 = sp.symbols("m_1 m_2 m_3")


def rate(moments):
    """d/dv of a polynomial in moments: D m_k = k (m_k - m_{k+1}) - 2 (m_{k+1} - m_k m_1)."""
    ladder = (m1, m2, m3)
    step = {m: k * (m - ladder[k]) - 2 * (ladder[k] - m * m1) for k, m in enumerate(ladder[:2], start=1)}
    return sp.expand(sum(sp.diff(moments, m) * step[m] for m in ladder[:2]))


slope = rate(m1)
assert sp.expand(slope - (m1 - 3 * m2 + 2 * m1**2)) == 0
assert sp.expand(rate(slope) - ((1 + 4 * m1) * slope - 6 * m2 + 12 * m3 - 6 * m1 * m2)) == 0


def check_elasticity(steepest=1.0, bent=8.0):
    """E = 2<x> and its bounds, at random spectra."""
    v = np.linspace(-20, 20, 4001)
    lowest, highest = 0.0, 0.0
    for _ in range(30):
        mu2 = np.exp(rng.normal(0, 6, 3))
        x = 1 / (1 + np.exp(-v)[:, None] / mu2)
        weight = x * (1 - x) * rng.uniform(1, 20, 3)
        E = 2 * np.sum(weight * x, axis=1) / np.sum(weight, axis=1)
        first = np.gradient(E, v)
        lowest, highest = min(lowest, first.min()), max(highest, np.abs(np.gradient(first, v)).max())
    assert lowest >= -steepest, "the elasticity falls faster"
    assert highest <= bent, "the elasticity bends more"


check_elasticity()

# %% [markdown]
# ## 4. The nuclear norm is a lower bound
# **Proof.** $\|Z\|_*\le\|W_L\|_F\|X_L\|_F$, and $\|X_l\|_F\le\|M_l\|_F\le\|W_{l-1}\|_F\|X_{l-1}\|_F$ because the ReLU
# does not raise the size of an entry. So the product of all norms is at least $\|Z\|_*$, and AM-GM gives
# $\rho\ge\|Z\|_*^p$. For squared error the mean $t$ of the diagonal has $\frac1{2K}\|Z-I\|^2\ge\frac{(1-t)^2}2$
# (Jensen) and $\|Z\|_*\ge\operatorname{tr}Z=Kt$.


# %%
def check_product(factor=1.0):
    """||Z||_* is at most ``factor`` times the product of the norms, for random networks."""
    for _ in range(50):
        H, W1, W2, W3 = (rng.normal(size=shape) for shape in ((3, 5), (6, 3), (4, 6), (5, 4)))
        Z = W3 @ np.maximum(W2 @ np.maximum(W1 @ H, 0), 0)
        norms = np.prod([np.linalg.norm(F) for F in (H, W1, W2, W3)])
        assert np.linalg.svd(Z, compute_uv=False).sum() <= factor * norms, "the product of norms is smaller"


check_product()

# %% [markdown]
# ## 5. The ReLU can raise the nuclear norm
# **Proof.** $M$ is the circulant matrix of $\cos$, with singular values $N/2$ twice: $\|M\|_*=N$. The eigenvalues of
# $\max(M,0)$ are the discrete Fourier sums of $\max(\cos,0)$, which divided by $N$ tend to its Fourier coefficients:
# $\frac1\pi$ at $0$, $\frac14$ at $\pm1$, $\frac{\cos(\pi k/2)}{\pi(1-k^2)}$ at even $k$. Their absolute values add up
# to
# $$\frac1\pi+\frac12+\frac2\pi\sum_{j\ge1}\frac1{4j^2-1}=\frac1\pi+\frac12+\frac1\pi=\frac12+\frac2\pi=1.1366\ldots$$


# %%
def check_cosine(N, ratio):
    """||max(M, 0)||_* / ||M||_* for the circulant cosine is above ``ratio``."""
    angles = 2 * np.pi * (np.arange(N)[:, None] - np.arange(N)) / N
    plain, rectified = (
        np.linalg.svd(f(np.cos(angles)), compute_uv=False).sum() for f in (np.asarray, lambda c: np.maximum(c, 0))
    )
    assert abs(plain - N) < 1e-9 * N
    assert rectified > ratio * plain, "relu does not raise the nuclear norm so much"


check_cosine(200, 1.13)
j = sp.symbols("j", integer=True, positive=True)
assert sp.simplify(sp.summation(1 / (4 * j**2 - 1), (j, 1, sp.oo)) - sp.Rational(1, 2)) == 0
for k in (0, 1, 2, 4, 6):
    coefficient = mp.quad(lambda t, k=k: mp.cos(t) * mp.cos(k * t), [-mp.pi / 2, mp.pi / 2]) / (2 * mp.pi)
    expected = mp.mpf(1) / 4 if k == 1 else mp.cos(mp.pi * k / 2) / (mp.pi * (1 - k**2))
    assert abs(coefficient - expected) < 1e-12

# %% [markdown]
# ## 6. Classes of different sizes
# **Proof.** The regulariser of a network whose classes $c$ have neurons of their own is a sum over $c$. Class $c$ has
# $L$ numbers $h,w_1,\dots,w_{L-1}>0$ and the column $w$ of $W_L$, with logits $z=w\,w_{L-1}\cdots h$ and $\lambda_H$
# times $n_c$; by AM-GM the least is $\frac{L+1}2\lambda n_c^{1/(L+1)}\|z\|^p$. Of all $z$ of one norm
# $\sqrt{(K-1)/K}\,y$ the fit of cross-entropy, convex and the same for all rivals, is least at $y(e_c-1/K)$; that of
# squared error at $ye_c$. For a block, $\pi_c=\frac{nK}N\cdot\frac1K$, and the rest is that of the objective after
# division by $\frac{nK}N$.


# %%
def check_one_class(size=1.0):
    """The least cost of a class with logits z is ((L+1)/2) lambda (``size`` n)^(1/(L+1)) ||z||^p."""
    regs, n, z = rng.uniform(0.1, 2, 4), 5, rng.normal(size=6)
    best = np.inf
    for _ in range(200):
        scales = rng.uniform(0.3, 3, 3)
        # H, W_1, W_2 and what is left for W_3: first random, then of equal costs.
        norms = np.array([*scales, np.linalg.norm(z) / np.prod(scales)]) ** 2
        costs = regs * norms * np.array([n, 1, 1, 1])
        best = min(best, np.sum(costs) / 2)
    least = 2 * (np.prod(regs) * size * n) ** (1 / 4) * np.linalg.norm(z) ** (1 / 2)
    assert least <= best, "the regulariser is smaller"
    assert best < 1.5 * least, "the regulariser is larger"


check_one_class()

# %% [markdown]
# ## 7. Cross-entropy from below
# **Proof.** $\log\sum_je^{z_j}\ge H(q)+\langle q,z\rangle$ for every probability vector $q$ (Gibbs). With
# $q_c=e_c-\frac{K\epsilon_c}{K-1}(e_c-\frac1K\mathbf 1)$ the sum over the classes is
# $\sum\pi_cH(\epsilon_c)-\langle A,Z\operatorname{diag}(\sqrt{n_c})\rangle$ with
# $A=\frac K{K-1}(I-\frac JK)\operatorname{diag}(\epsilon_c\sqrt{n_c}/N)$, whose norm is at most $\sigma$. The price is
# that of 4, with the factor $n_c$ on the columns of $H$.


# %%
def check_shares(steepness=1.0):
    """The fit is above h - ``steepness`` sigma t, at logits of which some are along the worst direction."""
    K, sizes = 4, np.array([9.0, 4, 1, 1])
    N = sizes.sum()
    for _ in range(200):
        shares = rng.uniform(0.01, 0.7, K)
        own = 1 - shares
        h = (sizes / N) @ -(own * np.log(own) + shares * np.log(shares / (K - 1)))
        sigma = K / (K - 1) * np.max(shares * np.sqrt(sizes)) / N
        # The logits whose probabilities these are, and others.
        Z = np.diag(np.log(own * (K - 1) / shares)) + 0.3 * rng.normal(size=(K, K)) * (rng.random() < 0.5)
        Z = Z - Z.mean(axis=0)
        fit = (sizes / N) @ (np.log(np.sum(np.exp(Z), axis=0)) - np.diag(Z))
        t = np.linalg.svd(Z * np.sqrt(sizes), compute_uv=False).sum()
        assert fit >= h - steepness * sigma * t - 1e-12, "the fit is below the line"


check_shares()
