# %% [markdown]
# # Forecast of singular values before training
#
# **Statement.** (1) Squared error, linear head of $L$ matrices on free features, class sizes $n_c$, $N=\sum n_c$,
# $\lambda$ the geometric mean of the $L+1$ regularisations. At the global minimum class $c$ has one singular value
# $\sigma_c$ of the logits, the larger root of
# $$\tfrac1N(\sqrt{n_c}-\sigma)=\lambda\,\sigma^{\frac2{L+1}-1}$$
# or zero where that costs less, and each factor with regularisation $\lambda_l$ has
# $\sqrt{\lambda/\lambda_l}\,\sigma_c^{1/(L+1)}$.
#
# (2) Of all $W_L\cdots W_1=P$ with $PX=YX^+X$ the sum of squared norms is least for $P=YX^+$, all layers
# with the singular values $s_i(YX^+)^{1/L}$.
#
# **Sources.** zangrando2025 forecasts singular values; both formulas are worked out here. The singular values decouple
# by `squared_error.py`, factors are balanced by `schatten_reduction.py`.

# %%
"""Singular values of a head, and of a linear network on data."""

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50

# %% [markdown]
# **Proof of (1).** $M\,\mathrm{diag}(\sqrt{n_c})$ has the targets $\mathrm{diag}(\sqrt{n_c})$, so mode $c$ costs
# $\varphi(\sigma)=\frac{(\sqrt{n_c}-\sigma)^2}{2N}+\frac{L+1}2\lambda\sigma^{2/(L+1)}$, with the slope

# %%
s, n, N, lam, L = sp.symbols("s n N lambda L", positive=True)


def check_slope(power=None):
    """phi' = 0 is the equation."""
    phi = (sp.sqrt(n) - s) ** 2 / (2 * N) + (L + 1) / 2 * lam * s ** (2 / (L + 1))
    power = 2 / (L + 1) - 1 if power is None else power
    assert sp.simplify(sp.diff(phi, s) - (lam * s**power - (sp.sqrt(n) - s) / N)) == 0


check_slope()

# %% [markdown]
# The right-hand side times $\sigma^{1-2/(L+1)}$, $\sigma^{(L-1)/(L+1)}(\sqrt n-\sigma)/N$, rises and then falls, so
# there are at most two roots: the larger one is the minimum of $\varphi$ besides zero. **Check** of the losses on
# record:


# %%
def check_numbers(sizes=(1, 2, 4)):
    """n = (1, 2, 4), lambda = 2e-3, L = 2."""
    total, reg, depth = sum(sizes), mp.mpf(2) / 1000, 2
    loss, factors = mp.mpf(0), []
    for size in sizes:
        slope = lambda x, size=size: (mp.sqrt(size) - x) / total - reg * x ** (mp.mpf(2) / (depth + 1) - 1)
        root = mp.findroot(slope, mp.sqrt(size))
        loss += (mp.sqrt(size) - root) ** 2 / (2 * total) + (depth + 1) * reg / 2 * root ** (mp.mpf(2) / (depth + 1))
        factors.append(root ** (mp.mpf(1) / (depth + 1)))
    assert abs(loss - mp.mpf("0.011507919698")) < 1e-12
    for found, wanted in zip(factors, ("0.9952890872", "1.1191426224", "1.2575790203"), strict=True):
        assert abs(found - mp.mpf(wanted)) < 1e-10


check_numbers()

# %% [markdown]
# **Proof of (2).** $P=YX^++Q$ with $QX=0$; the rows of $YX^+$ lie in the range of $X$, so $YX^+Q^T=0$ and
# $PP^T=YX^+(YX^+)^T+QQ^T$: by Weyl no singular value of $P$ is below that of $YX^+$, and the least sum of squared
# norms of factors of $P$ is $L\sum_is_i(P)^{2/L}$ (`schatten_reduction.py`), which rises in each. The cross term, for
# a range along the first axes and any $Q$ that vanishes there:

# %%
A = sp.Matrix(2, 3, sp.symbols("a:6")) * sp.diag(1, 1, 0)
Q = sp.Matrix(2, 3, sp.symbols("q:6")) * sp.diag(0, 0, 1)
assert sp.expand((A + Q) * (A + Q).T - A * A.T - Q * Q.T) == sp.zeros(2, 2)
