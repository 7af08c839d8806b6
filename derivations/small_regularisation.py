# %% [markdown]
# # Small regularisation to second order
#
# **Statement.** One block with fit $G$, no rival at margin zero, least margin $\mu$, $\nu_1=\sum_im_i(\sigma_i/\mu)^p$
# the Schatten sum at margin one, $A=\sum_ow_oN_{o\mu}$ the mean number of rivals at the least margin,
# $\kappa=\log(A/\nu_1)$, $\ell=\log\frac1\lambda$. As $\lambda\to0$
# $$\mu a=\ell+(1-p)\log\ell+\kappa+o(1),\qquad
#   V=c\,\nu_1\ell^p\Bigl(1+\frac
#   p\ell\bigl[(1-p)\log\ell+\kappa+1\bigr]+O\Bigl(\frac{\log^2\ell}{\ell^2}\Bigr)\Bigr).$$
#
# **Sources.** The leading order is in structure_losses.py (section 12) and in garrod2026depth; the second order is
# worked out here. Two shapes with the same $\nu_1$ are separated by $\kappa$: the one with fewer nearest rivals wins.
#
# Cells say **proof** or **check** (50 digits).

# %%
"""The optimal loss of one block as lambda tends to zero."""

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50

# %% [markdown]
# ## 1. Scale
# **Proof.** In units of the least margin let $y=\mu a$; then $-\frac{dG}{dy}=Ae^{-y}(1+O(e^{-\epsilon y}))$ and the
# penalty is $\frac{\lambda\nu_1}py^p$. Stationarity, $Ae^{-y}(1+\dots)=\lambda\nu_1y^{p-1}$, is
# $$y=\ell+\kappa+(1-p)\log y+O(e^{-\epsilon y}),$$
# so $y\sim\ell$, $\log y=\log\ell+O(\frac{\log\ell}\ell)$ and $y=\ell+(1-p)\log\ell+\kappa+O(\frac{\log\ell}\ell)$.
#
# ## 2. Value
# **Proof.** The fit is $Ae^{-y}(1+\dots)=\lambda\nu_1y^{p-1}(1+\dots)$, so
# $V=\frac{\lambda\nu_1}py^p(1+\frac py+\dots)$. With $y=\ell(1+\epsilon)$,
# $\epsilon=\frac{(1-p)\log\ell+\kappa}\ell+O(\frac{\log\ell}{\ell^2})$, the bracket is
# $(1+\epsilon)^p(1+\frac p\ell+\dots)=1+p\epsilon+\frac p\ell+O(\epsilon^2)$.

# %%
ell, p, e, y, lam, nu, A = sp.symbols("ell p epsilon y lambda nu_1 A", positive=True)
stationary = sp.log(A) - y - sp.log(lam) - sp.log(nu) - (p - 1) * sp.log(y)
kappa = sp.log(A / nu)
assert sp.simplify(sp.expand_log(stationary - (-sp.log(lam) + kappa + (1 - p) * sp.log(y) - y), force=True)) == 0


def check_bracket(fit=1):
    """(1 + e)^p (1 + fit p / l) = 1 + p e + fit p / l to first order, with fit = 1 the stationary fit."""
    value = lam * nu / p * y**p + fit * lam * nu * y ** (p - 1)
    assert sp.simplify(value / (lam * nu / p * y**p) - (1 + p / y)) == 0, "the fit has another size"
    small = sp.Symbol("t", positive=True)
    bracket = ((1 + small * e) ** p * (1 + p * small)).series(small, 0, 2).removeO()
    assert sp.expand(bracket - (1 + small * p * (e + 1))) == 0


check_bracket()


# %% [markdown]
# ## 3. Numbers
# **Check** of the remainder times $\ell^2/\log^2\ell$ for the simplex, pairs and the pentagon,
# $\lambda=10^{-10^2},\dots, 10^{-10^8}$: it stays bounded, while without the second order it grows like
# $\ell/\log\ell$.


# %%
def block(name, K):
    """Margins with numbers of rivals, and singular values with multiplicities."""
    if name == "simplex":
        return [(mp.mpf(1), K - 1)], [(mp.mpf(1), K - 1)]
    if name == "pairs":
        return [(mp.mpf(1), K - 2), (mp.mpf(2), 1)], [(mp.mpf(2), K // 2)]
    return [(1 - mp.cos(2 * mp.pi * j / K), 2) for j in range(1, (K - 1) // 2 + 1)], [(mp.mpf(K) / 2, 2)]


def remainder(name, K, depth, digits, order=2):
    """(V / expansion - 1) l^2 / log^2 l at lambda = 10^-digits, solved at 50 digits in units of lambda."""
    rivals, singular = block(name, K)
    q, length = mp.mpf(2) / (depth + 1), digits * mp.log(10)
    least = min(margin for margin, _ in rivals)
    nearest = mp.fsum(count for margin, count in rivals if margin == least)
    schatten = mp.fsum(count * (sigma / least) ** q for sigma, count in singular)
    k = mp.log(nearest / schatten)

    def excess(x):
        """log(-G') - log(lambda) - log(nu_1 y^(p-1)), free of underflow."""
        far = mp.fsum(count * margin / least * mp.exp(-x * (margin / least - 1)) for margin, count in rivals)
        full = 1 + mp.fsum(count * mp.exp(-x * margin / least) for margin, count in rivals)
        return mp.log(far / full) - x + length - mp.log(schatten) - (q - 1) * mp.log(x)

    x = mp.findroot(excess, length + (1 - q) * mp.log(length) + k)
    fit = mp.fsum(count * mp.exp(length - x * margin / least) for margin, count in rivals)
    value = fit + schatten / q * x**q
    second = q / length * ((1 - q) * mp.log(length) + k + 1) if order == 2 else 0
    predicted = schatten / q * length**q * (1 + second)
    return (value / predicted - 1) * (length / mp.log(length)) ** 2


def check_remainder(name, K, depth, order=2):
    """The scaled remainder stays bounded as lambda falls to 10^-(10^8)."""
    found = [abs(remainder(name, K, depth, 10**digits, order)) for digits in (2, 4, 6, 8)]
    assert max(found) < 3, "the expansion is not of second order"


for name, K in (("simplex", 10), ("pairs", 10), ("pentagon", 5)):
    for depth in (1, 2, 5):
        check_remainder(name, K, depth)
