# %% [markdown]
# # The Hessian of all parameters, and when deep neural collapse is a minimum of second order
#
# **Statement.** One $\lambda$, $n$ samples per class, width $d\ge K-1$, depth $L\ge2$, $m=L+1$. At the lift of a
# simplex with stationary scale $a$ put $x=a/K$ and $\delta=1-\frac K{e^a+K-1}\in(0,1)$. In units of $\lambda$ the
# Hessian of all parameters has the eigenvalues
# $(L+1)x(1+(K-1)\delta)-(L-1)$ [once], $(L+1)x-(L-1)$ [$\frac{K(K-3)}2$ times],
# $(L+1)(x+1)$ [$\frac{(K-1)(K-2)}2$], those of
# $$\begin{pmatrix}(L+1)x(1+(K-2)\delta)-(L-1)&\sqrt{(L+1)(K-2)}\,x\delta\\\cdot&x(1+\delta)+1\end{pmatrix}
#   \quad[K-1],$$
# and otherwise only nonnegative ones. For $K\ge4$ it is positive semidefinite **iff**
# $$a\ge\frac{L-1}{L+1}K.$$
# The larger root of $\lambda_{\rm eff}=a^{(L-1)/(L+1)}/(e^a+K-1)$ satisfies $a\sim\log\frac1\lambda$, so the condition
# holds for all small $\lambda$.
#
# **Sources.** garrod2025, Theorem 4 (positive semidefinite for small $\lambda$). New here: the whole spectrum, the
# exact condition, and that at the larger root close to the fold the simplex can be a saddle although it is a minimum
# along its scale.
#
# Cells say **proof** (all $K$, $L$, $n$, $d$) or **check** (exact, given sizes).

# %%
"""Theorem 4 of garrod2025: the Hessian at the simplex, block by block."""

import itertools

import sympy as sp

K, L, n, a, lam, s = sp.symbols("K L n a lambda s", positive=True)
x, delta, rho = sp.symbols("x delta rho", positive=True)


def equal(left, right):
    """Whether two positive expressions are identically equal."""
    return sp.simplify(sp.expand_log(sp.log(left) - sp.log(right), force=True)) == 0


# %% [markdown]
# ## 1. The second variation in singular bases
# Let $W_0=H$ and $\delta W_l=U_lY_lU_{l-1}^\top$ with complete orthonormal bases ($U_{-1}=V$), $A_l=W_L\cdots W_{l+1}$,
# $B_l=W_{l-1}\cdots W_0$. To second order the logits change by $\sum_lA_l\,\delta W_lB_l$ and
# $\sum_{l>k}A_l\,\delta W_lC_{lk}\,\delta W_kB_k$, $C_{lk}=W_{l-1}\cdots W_{k+1}$, so with $G=\nabla g(Z)$
# $$\tfrac12\,\delta^2F=\tfrac12\nabla^2g\Bigl[\sum_lA_l\delta W_lB_l\Bigr]^2
#   +\sum_{l>k}\langle A_l^\top GB_k^\top,\delta W_lC_{lk}\delta W_k\rangle+\tfrac\lambda2\sum_l\|Y_l\|^2.$$
# **Proof** of the middle coefficient. Stationarity in the last factor is $GV\Sigma^{L/m}=-\lambda U\Sigma^{1/m}$, so
# $U^\top GV=-\lambda\Sigma^{(1-L)/m}$ and $G$ has no block between range and complement. In the range
# $A_l^\top GB_k^\top=-\lambda\Sigma^{[(L-l)+(1-L)+k]/m}=-\lambda\Sigma^{-(l-k-1)/m}$ and
# $C_{lk}=\Sigma^{(l-k-1)/m}$: entry $(i,j)$ of $Y_l$ meets entry $(j,i)$ of $Y_k$ with coefficient
# $-\lambda(s_j/s_i)^{(l-k-1)/m}$. Only for $l=k+1$ is $C_{lk}=I$ on the complement too.
#
# Entries that leave the range in a hidden layer therefore meet their neighbour only: $Y_{l}[i,j]$ and $Y_{l-1}[j,i]$,
# $i\le r<j$, have the matrix $\lambda\begin{pmatrix}1&-1\\-1&1\end{pmatrix}$, eigenvalues $0$ and $2\lambda$, and
# entries outside on both sides have $\lambda$. All nonnegative.


# %%
def check_second_order(shift=1):
    """The exponents of the coupling of layers l > k: those of A_l, G, B_k add up to -(l-k-shift)/m."""
    low, high = sp.symbols("k l", positive=True)
    m = L + 1
    exponent = (L - high) / m + (1 - L) / m + low / m
    assert sp.simplify(exponent + (high - low - shift) / m) == 0, "the coupling has another exponent"


check_second_order()
last, total = sp.symbols("g t")
assert sp.solve(sp.Eq(last * s ** (L / (L + 1)), -lam * s ** (1 / (L + 1))), last)[0].equals(
    -lam * s ** ((1 - L) / (L + 1))
)
assert sp.Matrix([[1, -1], [-1, 1]]).eigenvals() == {0: 1, 2: 1}

# %% [markdown]
# ## 2. Equal singular values
# With all $s_i=s$ the powers of $s_j/s_i$ are one. A direction $y_l\,T$, the same $T\in\mathbb R^{r\times r}$ in each
# factor, with $T^\top=\tau T$, $\tau=\pm1$, moves the logits by $s^{L/m}(\sum_ly_l)T$. If $T$ has curvature $\eta$
# ($\nabla^2g[T,\cdot]=\eta T$ within these directions, $\|T\|=1$), the matrix over $(y_0,\dots,y_L)$ is
# $$(1+\tau)\lambda I+(h-\tau\lambda)\mathbf 1\mathbf 1^\top,\qquad h=\eta\,s^{2L/m}.$$
# **Proof**: diagonal $\lambda+h$, off-diagonal $h-\tau\lambda$. Eigenvalues: for $\tau=1$, $2\lambda$ ($L$ times) and
# $(L+1)h-(L-1)\lambda$; for $\tau=-1$, $0$ ($L$ times) and $(L+1)(h+\lambda)$.


# %%
def check_chain(depth, sign=1):
    """Eigenvalues over the layers for symmetric and antisymmetric directions; ``sign`` of the coupling."""
    h = sp.Symbol("h")
    for tau in (1, -1):
        matrix = sp.Matrix(depth + 1, depth + 1, lambda i, j, tau=tau: lam + h if i == j else h - sign * tau * lam)
        top = (depth + 1) * h - (depth - 1) * lam if tau == 1 else (depth + 1) * (h + lam)
        flat = 2 * lam if tau == 1 else 0
        ones = sp.ones(depth + 1, 1)
        assert sp.expand(matrix * ones - top * ones).is_zero_matrix, "the top eigenvalue is another"
        for i in range(depth):
            other = sp.Matrix(depth + 1, 1, lambda j, _, i=i: int(j == i) - int(j == i + 1))
            assert sp.expand(matrix * other - flat * other).is_zero_matrix, "the flat eigenvalue is another"


for depth in (1, 2, 3, 6):
    check_chain(depth)


# %% [markdown]
# ## 3. The unit of curvature
# **Proof.** At a stationary simplex with $\rho=1/(e^a+K-1)$ the softmax of a rival, $\lambda
# n^{1/m}=a^{(L-1)/m}\rho$. Carried to the factors, curvature $\rho/N$ per unit becomes, in units of $\lambda$,
# $$\frac{\rho\,s^{2L/m}}{Kn\,\lambda}=\frac aK,\qquad s=\sqrt na.$$


# %%
def check_unit(power=None):
    """rho s^(2L/m) / (K n lam) = a/K with lam = rho a^((L-1)/m) n^(-1/m)."""
    m = L + 1
    power = (L - 1) / m if power is None else power
    reg = rho * a**power * n ** (-1 / m)
    assert equal(rho * (sp.sqrt(n) * a) ** (2 * L / m) / (K * n * reg), a / K), "the unit is another"


check_unit()

# %% [markdown]
# ## 4. Curvature of cross-entropy at the simplex
# **Proof.** $v^\top(\operatorname{diag}q-qq^\top)v=\sum_{i<j}q_iq_j(v_i-v_j)^2$ (schatten_reduction.py). With own class
# $q=1-(K-1)\rho$ and rivals $\rho$ the column $c$ has
# $q\rho\sum_{j\ne c}(v_j-v_c)^2+\rho^2\sum_{j<k,\ne c}(v_j-v_k)^2
#  =\rho\,[\delta\,{\rm star}_c(v)+\rho(K|v|^2-(\mathbf 1^\top v)^2)]$
# with ${\rm star}_c(v)=\sum_{j\ne c}(v_j-v_c)^2$ and $q-\rho=1-K\rho=\delta$. On centred columns the curvature is
# $\rho$ times $\delta\,\sigma+(1-\delta)$, $\sigma$ an eigenvalue of the star form, because $\rho K=1-\delta$.

# %%
size = 5
v = sp.symbols(f"v:{size}")
q = [1 - (size - 1) * rho, *[rho] * (size - 1)]
form = sum(q[i] * q[j] * (v[i] - v[j]) ** 2 for i, j in itertools.combinations(range(size), 2))
star = sum((v[j] - v[0]) ** 2 for j in range(1, size))
spread = size * sum(z**2 for z in v) - sum(v) ** 2
assert sp.expand(form - rho * ((1 - size * rho) * star + rho * spread)) == 0

# %% [markdown]
# ## 5. Eigenvalues of the star form
# On matrices $z$ with centred columns, ${\rm star}(z)=\sum_c{\rm star}_c(z_{:c})$. Invariant under relabelling, it
# acts as a number on each irreducible part. **Proof** of the numbers, all $K$:
#
# * $z=S$: each term is 1, $K(K-1)$ terms, $|S|^2=K-1$: $\sigma=K$.
# * $z$ with zero diagonal: ${\rm star}(z)=|z|^2$: $\sigma=1$. Antisymmetric matrices with zero row sums
#   ($\frac{(K-1)(K-2)}2$ dimensions) and symmetric ones with zero diagonal and row sums ($\frac{K(K-3)}2$).
# * $z=S\operatorname{diag}(v)S$, $\sum v=0$ ($K-1$ dimensions): $z_{jc}-z_{cc}=-\frac{v_j}K-\frac{K-1}Kv_c$, and
#   $z=w\mathbf 1^\top/\sqrt K$, $\sum w=0$, the only directions with a column mean left (they belong to $H$ alone).
#   With $\sum_c\sum_{j\ne c}(\alpha v_j+\beta v_c)^2=[(K-1)(\alpha^2+\beta^2)-2\alpha\beta]|v|^2$ their form is, in
#   normalised coordinates, $\begin{pmatrix}K-1&\sqrt{K-2}\\\sqrt{K-2}&2\end{pmatrix}$.
#
# The dimensions add up: $1+\frac{K(K-3)}2+\frac{(K-1)(K-2)}2+(K-1)=(K-1)^2$. Within a class (directions of $H$ with
# zero class mean) the star form has the eigenvalues $K$ once and $1$, $K-2$ times, on $\mathbf 1^\perp$.


# %%
def double_sum(left, right):
    """sum over c, j != c of (al v_j + be v_c)(al' v_j + be' v_c) / |v|^2, for sum v = 0."""
    (al, be), (al2, be2) = left, right
    return (K - 1) * (al * al2 + be * be2) - (al * be2 + be * al2)


def check_standard(corner=None):
    """The 2 x 2 star form on the standard representation; ``corner`` is its first entry."""
    corner = K - 1 if corner is None else corner
    inner, outer = (-1 / K, -(K - 1) / K), (1 / sp.sqrt(K), -1 / sp.sqrt(K))
    norm = 1 - 2 / K  # |S diag(v) S|^2 / |v|^2
    assert sp.simplify(double_sum(inner, inner) / norm - corner) == 0, "the corner is another"
    assert sp.simplify(double_sum(outer, outer) - 2) == 0
    off = double_sum(inner, outer)
    assert sp.simplify(off**2 / norm - (K - 2)) == 0


check_standard()
assert sp.expand(1 + K * (K - 3) / 2 + (K - 1) * (K - 2) / 2 + (K - 1) - (K - 1) ** 2) == 0


def check_star(size, value=None):
    """The star form on explicit matrices of one size; ``value`` of the simplex direction is K unless given."""
    S = sp.eye(size) - sp.ones(size, size) / size
    form = lambda z: sum((z[j, c] - z[c, c]) ** 2 for c in range(size) for j in range(size) if j != c)
    square = lambda z: sum(entry**2 for entry in z)
    assert form(S) == (size if value is None else value) * square(S), "the simplex direction has another value"
    w = sp.Matrix([1, -1, *[0] * (size - 2)])
    z = S * sp.diag(*w) * S
    assert form(z) == (size - 1) * square(z)
    u = sp.Matrix([1, 1, -2, *[0] * (size - 3)])
    skew = w * u.T - u * w.T
    assert form(skew) == square(skew)
    assert (skew * sp.ones(size, 1)).is_zero_matrix
    shared = w * sp.ones(1, size) / sp.sqrt(size)
    assert form(shared) == 2 * square(shared)
    laplacian = sp.diag(size - 1, *[1] * (size - 1))
    laplacian[0, 1:] = -sp.ones(1, size - 1)
    laplacian[1:, 0] = -sp.ones(size - 1, 1)
    assert laplacian.eigenvals() == {0: 1, size: 1, 1: size - 2}


for size in (3, 4, 5, 7):
    check_star(size)


# %% [markdown]
# ## 6. Positive semidefinite exactly from $a=\frac{L-1}{L+1}K$ on
# Sections 2 to 5 give the list of the statement; the direction $w\mathbf 1^\top$ belongs to $H$ only, without
# second-order coupling, so its entry is $h+\lambda$. **Proof.** For $K\ge4$ the eigenvalue $(L+1)x-(L-1)$ occurs, so
# $x\ge\frac{L-1}{L+1}$ is necessary. Conversely write $x=\frac{L-1}{L+1}+t$, $t\ge0$: the first eigenvalue is
# $(L+1)t+(L+1)x(K-1)\delta\ge0$, the corner of the 2 x 2 matrix is $(L+1)t+(L+1)x(K-2)\delta\ge0$, and its
# determinant
# $$(L+1)t\,(x(1+\delta)+1)+(L+1)(K-2)\,x\delta\,(x+1)\ge0.$$
# For $K=3$ that eigenvalue is absent and the condition is weaker.


# %%
def check_semidefinite(bound=None):
    """With x = bound + t all eigenvalues are nonnegative for t >= 0, and bound is needed."""
    t = sp.Symbol("t", nonnegative=True)
    bound = (L - 1) / (L + 1) if bound is None else bound
    here = bound + t
    corner = (L + 1) * here * (1 + (K - 2) * delta) - (L - 1)
    off = sp.sqrt((L + 1) * (K - 2)) * here * delta
    determinant = corner * (here * (1 + delta) + 1) - off**2
    wanted = (L + 1) * t * (here * (1 + delta) + 1) + (L + 1) * (K - 2) * here * delta * (here + 1)
    assert sp.simplify(((L + 1) * here - (L - 1)).subs(t, 0)) == 0, "the bound is not where an eigenvalue vanishes"
    assert sp.simplify(corner - (L + 1) * t - (L + 1) * here * (K - 2) * delta) == 0
    assert sp.simplify(sp.expand(determinant - wanted)) == 0


check_semidefinite()

# %% [markdown]
# ## 7. The larger root diverges
# **Proof.** $\log\frac1{\lambda_{\rm eff}}=\log(e^a+K-1)-\frac{L-1}{L+1}\log a$ with $a\le\log(e^a+K-1)\le a+\log K$
# for $a\ge0$; so $\log(1/\lambda_{\rm eff})/a\to1$ as $a\to\infty$, and on the outer branch $\lambda\to0$ means
# $a\to\infty$ (structure_losses.py, section 7).

# %%
y = sp.Symbol("y", nonnegative=True)
assert sp.expand((sp.exp(y) + K - 1) - sp.exp(y)) == K - 1
bound = sp.expand(K * sp.exp(y) - (sp.exp(y) + K - 1))
assert sp.simplify(bound - (K - 1) * (sp.exp(y) - 1)) == 0  # nonnegative
assert sp.limit(sp.log(sp.exp(a) + 3) / a - sp.log(a) / (2 * a), a, sp.oo) == 1
