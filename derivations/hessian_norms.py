# %% [markdown]
# # Sharpness of deep neural collapse against that of pairs
#
# **Statement.** $K\ge4$ even, $h=K/2$, $L\ge2$, $n$ samples, one $\lambda$, any fixed width. As $\lambda\to0$ the norm
# of the Hessian of all parameters at the simplex over that at antipodal pairs tends to
# $$\text{trace norm:}\quad\frac{2(K-1)\,[(L+1)(K-1)+1+(n-1)K]}{K^2\,[L+1+2n]},\qquad\text{spectral norm:}\quad1,$$
# $$\text{Frobenius norm:}\quad\frac{K-2}{2K}\sqrt{\frac{F_S}{F_P}},\qquad
#   \begin{aligned}F_S&=(L+1)^2(K^3-K^2)+(K-1)[2(L+1)(K-2)+4]+(n-1)K(K-1)(K+2),\\
#   F_P&=h(h-1)\,[(L+1)^2h+2(2h+1)+2h(n-1)].\end{aligned}$$
# Both scales grow like $\log\frac1\lambda$, and both norms like $\lambda\log\frac1\lambda$.
#
# **Sources.** garrod2025, Theorem 6: the ratio tends to a constant. New here: the constants, and the full spectrum at
# pairs.
#
# Cells say **proof** (all $K$, $L$, $n$) or **check** (exact, given sizes).

# %%
"""Theorem 6 of garrod2025: leading order of the Hessians at the simplex and at pairs."""

import sympy as sp

K, L, n, a, rho = sp.symbols("K L n a rho", positive=True)
h = K / 2

# %% [markdown]
# ## 1. The curvature wins
# In units of $\lambda$ the Hessian at the simplex has curvature $x=a/K$ (simplex_hessian.py) and other entries of order
# one. At pairs, with $\rho$ the softmax of a rival and $\rho'=\rho e^{-a}$ that of the partner, stationarity in the
# range is $\lambda=[(K-2)\rho+2\rho']\frac{\sqrt n}Ns^{(L-1)/m}$, $s=2\sqrt na$, $m=L+1$, so that curvature $\rho/N$
# becomes
# $$x_P=\frac{\rho\,s^{2L/m}}{N\lambda}=\frac{2a}{K-2+2e^{-a}}.$$
# As $\lambda\to0$ both scales are $\sim\log\frac1\lambda$ (section 12 of structure_losses.py with least margin one), so
# $x\to\infty$ and $x_S/x_P\to\frac{K-2}{2K}$: the norms' ratio tends to this times the ratio of the curvature parts.


# %%
def check_unit(singular=2):
    """x_P = singular a / (K - 2 + 2 e^-a) with singular values ``singular`` sqrt(n) a."""
    m, s = L + 1, singular * sp.sqrt(n) * a
    reg = ((K - 2) * rho + 2 * rho * sp.exp(-a)) * sp.sqrt(n) / (K * n) * s ** ((L - 1) / m)
    unit = rho * s ** (2 * L / m) / (K * n) / reg
    assert sp.simplify(sp.expand_log(sp.log(unit) - sp.log(2 * a / (K - 2 + 2 * sp.exp(-a))), force=True)) == 0, (
        "the unit is another"
    )


check_unit()

# %% [markdown]
# ## 2. The curvature part
# Columns of $c$ carry, to leading order, $\rho\sum_{j}(v_j-v_c)^2$ over the rivals $j$ at the least margin: all
# $j\ne c$ at the simplex, all but the partner at pairs. A direction in the range moves the logits through $L+1$
# factors; one that leaves it on the left (on the right) through $W_L$ ($H$) only. Hence the nonzero eigenvalues of the
# curvature part are those of $D^{1/2}QD^{1/2}$ with $Q$ the form and $D=L+1$ inside, $1$ on one side.
#
# *Simplex* (simplex_hessian.py, $\delta\to1$): $(L+1)K$ once; $(L+1)$, $K^2-3K+1$ times;
# $\begin{pmatrix}(L+1)(K-1)&\sqrt{(L+1)(K-2)}\\\cdot&2\end{pmatrix}$, $K-1$ times; within classes $K$, $K(n-1)$ times,
# and $1$, $K(n-1)(K-2)$ times.
#
# *Pairs.* Bases $d_b=(e-e')/\sqrt2$ of the range and $p_b=(e+e')/\sqrt2$. **Proof**, from
# $\sum_{\pm}(\pm u\mp'w)^2$ over the signs of the two classes of a pair: for $z=\sum y_{ab}d_ad_b^\top$ the form is
# $\sum_{a\ne b}y_{ab}^2+(h-1)\sum_by_{bb}^2$, and it does not meet the other directions; for
# $z=\sum x_{ab}\,p_ad_b^\top+\sum w_{ab}\,d_ap_b^\top$ it is $\sum_{a\ne b}[w_{ab}^2+(x_{ab}-x_{bb}-w_{bb})^2]$. Per
# $b$ the last squares have the Gram matrix $I+2\,\mathbf 1\mathbf 1^\top$ of order $h-1$: eigenvalues $1$ ($h-2$
# times) and $K-1$. Within classes: $h-1$ once and $1$, $h-1$ times.


# %%
def form(z, partner):
    """sum over columns c and rivals j of (z_jc - z_cc)^2; ``partner`` leaves out the partner of c."""
    size = z.rows
    return sum(
        (z[j, c] - z[c, c]) ** 2 for c in range(size) for j in range(size) if j != c and not (partner and j == c ^ 1)
    )


def half_basis(size, sign):
    """d_b (sign -1) or p_b (sign 1) as columns."""
    columns = [[0] * b * 2 + [1, sign] + [0] * (size - 2 * b - 2) for b in range(size // 2)]
    return sp.Matrix(columns).T / sp.sqrt(2)


def check_pairs_form(size, inner=None):
    """The form at pairs in the bases d and p, with symbols; ``inner`` is the weight of y_bb."""
    half = size // 2
    inner = half - 1 if inner is None else inner
    y, x, w = (sp.Matrix(half, half, sp.symbols(f"{name}:{half**2}")) for name in "yxw")
    d, p = half_basis(size, -1), half_basis(size, 1)
    value = sp.expand(form(d * y * d.T + p * x * d.T + d * w * p.T, partner=True))
    wanted = sum(inner * y[b, b] ** 2 for b in range(half))
    for i in range(half):
        for b in range(half):
            if i != b:
                wanted += y[i, b] ** 2 + w[i, b] ** 2 + (x[i, b] - x[b, b] - w[b, b]) ** 2
    assert sp.expand(value - wanted) == 0, "the form is another"


for size in (4, 6):
    check_pairs_form(size)
gram = sp.eye(4) + 2 * sp.ones(4, 4)
assert gram.eigenvals() == {1: 3, 9: 1}  # h = 5: K - 1 = 9
for size in (4, 6, 8):
    d = half_basis(size, -1)
    laplacian = sp.zeros(size, size)
    for j in range(2, size):
        edge = sp.Matrix(size, 1, lambda i, _, j=j: int(i == j) - int(i == 0))
        laplacian += edge * edge.T
    eigenvalues = (d.T * laplacian * d).eigenvals()
    assert eigenvalues.get(size // 2 - 1, 0) >= 1
    assert sum(value * count for value, count in eigenvalues.items()) == size - 2


# %% [markdown]
# ## 3. The three constants
# **Proof**: sums over the two lists. The largest eigenvalue at the simplex is $(L+1)K$: the 2 x 2 matrix has
# trace $(L+1)(K-1)+2\le2(L+1)K$ and at $\mu=(L+1)K$ the value $(L+1)LK>0$ of its characteristic polynomial; at pairs
# it is $\max\{(L+1)(h-1),K-1\}$, the first for $L\ge2$, $K\ge4$. The spectral ratio is
# $\frac{K-2}{2K}\cdot\frac{(L+1)K}{(L+1)(K-2)/2}=1$.


# %%
def simplex_moments():
    """Sum of the eigenvalues of the curvature part at the simplex, and of their squares."""
    corner, side = (L + 1) * (K - 1), sp.sqrt((L + 1) * (K - 2))
    first = (L + 1) * K + (L + 1) * (K**2 - 3 * K + 1) + (K - 1) * (corner + 2) + (n - 1) * K * (K + K - 2)
    second = (L + 1) ** 2 * (K**2 + K**2 - 3 * K + 1) + (K - 1) * (corner**2 + 2 * side**2 + 4)
    return first, second + (n - 1) * K * (K**2 + K - 2)


def pairs_moments():
    """The same at pairs."""
    first = (L + 1) * (h * (h - 1) + h * (h - 1)) + h * (2 * h - 3 + K - 1) + (n - 1) * K * 2 * (h - 1)
    second = (L + 1) ** 2 * (h * (h - 1) + h * (h - 1) ** 2) + h * (2 * h - 3 + (K - 1) ** 2)
    return first, second + (n - 1) * K * ((h - 1) + (h - 1) ** 2)


def constants():
    """The limits of the ratios for the trace and Frobenius norms, in K, L, n."""
    unit = (K - 2) / (2 * K)
    trace = 2 * (K - 1) * ((L + 1) * (K - 1) + 1 + (n - 1) * K) / (K**2 * (L + 1 + 2 * n))
    F_S = (L + 1) ** 2 * (K**3 - K**2) + (K - 1) * (2 * (L + 1) * (K - 2) + 4) + (n - 1) * K * (K - 1) * (K + 2)
    F_P = h * (h - 1) * ((L + 1) ** 2 * h + 2 * (2 * h + 1) + 2 * h * (n - 1))
    return trace, unit * sp.sqrt(F_S / F_P)


def check_constants(unit=None):
    """The stated constants are unit times the ratios of the moments, unit = (K-2)/(2K) unless given."""
    unit = (K - 2) / (2 * K) if unit is None else unit
    (S1, S2), (P1, P2) = simplex_moments(), pairs_moments()
    trace, frobenius = constants()
    assert sp.simplify(unit * S1 / P1 - trace) == 0, "the trace constant is another"
    assert sp.simplify(unit**2 * S2 / P2 - frobenius**2) == 0, "the Frobenius constant is another"


check_constants()
mu = (L + 1) * K
polynomial = (mu - (L + 1) * (K - 1)) * (mu - 2) - (L + 1) * (K - 2)
assert sp.expand(polynomial - (L + 1) * L * K) == 0
more = sp.Symbol("t", nonnegative=True)
assert sp.expand(
    ((L + 1) * (h - 1) - (K - 1)).subs(L, 2 + more).subs(K, 4 + 2 * sp.Symbol("u", nonnegative=True))
).is_nonnegative
assert sp.simplify((K - 2) / (2 * K) * (L + 1) * K / ((L + 1) * (h - 1)) - 1) == 0
