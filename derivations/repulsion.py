# %% [markdown]
# # Repulsion of singular values, and why it ends where the regularised simplex becomes a minimum
#
# **Statement.** In a basis of characters, $m=L+1$, nearly equal singular values $\zeta_k=\rho(1+r_k)$ without
# regularisation have
# $$\frac{dr_k}{d\rho}=\Bigl(\frac{1-2/m}\rho-\frac1K\Bigr)r_k,\qquad
#   r_k=r_k(\rho_0)\Bigl(\frac\rho{\rho_0}\Bigr)^{1-2/m}e^{-(\rho-\rho_0)/K}$$
# to first order: they repel each other until $\rho^*=K\frac{L-1}{L+1}$ and attract each other afterwards. With two
# factors they
# only attract. **The bridge.** Let $h_k=\frac1K\zeta_k^{1-2/m}D_k$, $D_k=\sum_x\pi(x)(1-\chi_k(x))$. The flow is
# $\frac d{dt}\log\zeta_k=m\,h_k$ and the slope of the regularised loss in $\log\zeta_k$ is
# $\zeta_k^{2/m}(\lambda-h_k)$ ($n=1$). At a critical simplex all $h_k=\lambda$, so the second derivative in directions
# $\sum r_k=0$ is $-\zeta^{2/m}$ times that of $h$: both change sign at the same $\rho^*$, for every $\lambda$.
#
# **Sources.** garrod2026depth reports the repulsion of singular values early in training; the law, $\rho^*$ and the
# bridge to the Hessian
# (simplex_hessian.py) are ours.
#
# Cells say **proof** (all $K$, $L$) or **check** (exact, given sizes).

# %%
"""Repulsion up to rho* = K (L-1)/(L+1), and the Hessian of the regularised simplex."""

import itertools

import sympy as sp

K, L, m, rho, start, lam = sp.symbols("K L m rho rho_0 lambda", positive=True)

# %% [markdown]
# ## 1. Softmax to first order
# **Proof.** At $\zeta_k=\rho$ every rival has $\pi_0=1/(e^\rho+K-1)$. Moving $\zeta_k$ by $\rho r_k$ with $\sum_kr_k=0$
# changes $f$ by $\frac\rho K\sum_kr_k\chi_k(x)$, not at $x=0$. The normalisation changes by
# $\pi_0\sum_{x\ne0}\delta f(x)=-\pi_0\delta f(0)=0$, and
# $\delta D_k=\pi_0\sum_x\delta f(x)(1-\chi_k(x))=-\pi_0\rho r_k$, while $D=\pi_0K$. So $\delta\log D_k=-\frac\rho
# Kr_k$.


# %%
def check_softmax(orders, slope=None):
    """d log D_k / d r_j at equal values is -(rho/K) on traceless directions, exactly."""
    elements = list(itertools.product(*map(range, orders)))
    size = len(elements)
    slope = -rho / size if slope is None else slope
    phase = lambda x, k: sum(sp.Rational(a * b, o) for a, b, o in zip(x, k, orders, strict=True))
    chi = {(x, k): sp.cos(2 * sp.pi * phase(x, k)) for x in elements for k in elements[1:]}
    blocks = [k for k in elements[1:] if k <= tuple(-a % o for a, o in zip(k, orders, strict=True))]
    weight = {k: 1 if k == tuple(-a % o for a, o in zip(k, orders, strict=True)) else 2 for k in blocks}
    t = sp.Symbol("t")
    # One block against another, traceless with multiplicities.
    first, second = blocks[0], blocks[1]
    r = dict.fromkeys(blocks, 0) | {first: t / weight[first], second: -t / weight[second]}
    f = {x: sum(weight[k] * rho * (1 + r[k]) * chi[x, k] for k in blocks) / size for x in elements}
    total = sum(sp.exp(f[x]) for x in elements)
    for k in blocks:
        D = sum(sp.exp(f[x]) * (1 - chi[x, k]) for x in elements) / total
        found = sp.diff(sp.log(D), t).subs(t, 0)
        assert abs(sp.N((found - slope * sp.diff(r[k], t)).subs(rho, sp.Rational(7, 5)), 30)) < 1e-25, "another slope"


for orders in ((2, 2), (5,), (6,)):
    check_softmax(orders)


# %% [markdown]
# ## 2. The law of repulsion
# **Proof.** $\frac{d\log\zeta_k}{d\log\rho}=\frac{h_k}{\bar h}$, so $\frac{dr_k}{d\log\rho}=\delta\log h_k
# =\bigl(1-\frac2m-\frac\rho K\bigr)r_k$.


# %%
def check_law(power=None):
    """r = (rho/rho_0)^(1-2/m) e^(-(rho-rho_0)/K) solves it, and is largest at K (L-1)/(L+1)."""
    power = 1 - 2 / m if power is None else power
    r = (rho / start) ** power * sp.exp(-(rho - start) / K)
    rate = (1 - 2 / m) / rho - 1 / K
    assert sp.simplify(sp.diff(r, rho) / r - rate) == 0, "the law is another"
    (top,) = sp.solve(rate, rho)
    assert sp.simplify(top.subs(m, L + 1) - K * (L - 1) / (L + 1)) == 0, "rho* is elsewhere"


check_law()
assert sp.solve(((1 - 2 / m) / rho - 1 / K).subs(m, 2), rho) == []

# %% [markdown]
# ## 3. The bridge
# **Proof.** The reduced loss in these coordinates is $g(\zeta)+\frac m2\lambda\sum_k\zeta_k^{2/m}$ with
# $\partial g/\partial\zeta_k=-\frac1KD_k$, so $\zeta_k\partial_k=\zeta_k^{2/m}(\lambda-h_k)$. Its derivative at
# $h_k=\lambda$ is $-\zeta^{2/m}\,\delta h_k=-\zeta^{2/m}\lambda(1-\frac2m-\frac\rho K)r_k$: nonnegative exactly for
# $\rho\ge\rho^*$. In units of $\lambda$ and per factor this is the eigenvalue $(L+1)\frac aK-(L-1)$ of
# simplex_hessian.py.


# %%
def check_bridge(bound=None):
    """The curvature -(1 - 2/m - rho/K), times L + 1, is (L+1) rho/K - (L-1)."""
    curvature = -(1 - 2 / (L + 1) - rho / K) * (L + 1)
    assert sp.simplify(curvature - ((L + 1) * rho / K - (L - 1))) == 0, "the eigenvalue is another"
    bound = K * (L - 1) / (L + 1) if bound is None else bound
    assert sp.simplify(curvature.subs(rho, bound)) == 0, "the curvature vanishes elsewhere"


def check_slope():
    """zeta d/dzeta of -(D/K) dzeta + (m/2) lam zeta^(2/m) is zeta^(2/m) (lam - h)."""
    zeta, D = sp.symbols("zeta D", positive=True)
    slope = zeta * (-D / K + sp.diff(m / 2 * lam * zeta ** (2 / m), zeta))
    h = zeta ** (1 - 2 / m) * D / K
    assert sp.simplify(sp.expand(slope - zeta ** (2 / m) * (lam - h))) == 0, "the slope is another"


check_bridge()
check_slope()
