# %% [markdown]
# # The reduction of the linear model to its logits
#
# **Statement.** Let $m = L+1$ factors $W_L,\dots,W_1,H$ have weights $\lambda_L,\dots,\lambda_1,\lambda_H>0$, and let
# $\lambda$ be their geometric mean. For every $Z\in\mathbb R^{K\times N}$ with $\operatorname{rank} Z\le d$
# $$\min_{W_L\cdots W_1H=Z}\ \sum_{l}\tfrac{\lambda_l}{2}\|W_l\|_F^2+\tfrac{\lambda_H}{2}\|H\|_F^2
#   =\tfrac{L+1}{2}\,\lambda\sum_i s_i(Z)^{p},\qquad p=\tfrac{2}{L+1}.$$
# Consequences: (i) at every critical point of the full problem the factors are balanced, and the right-hand side *is*
# the regulariser there; (ii) averaging the columns of a class, and centring the columns for cross-entropy, never
# raise $f(Z)=g(Z)+c\sum_i s_i(Z)^p$, $c=\frac{L+1}{2}\lambda$; (iii) with $n$ samples in every class, $n$ enters only
# through $\lambda_{\rm eff}=\lambda\,n^{1/(L+1)}$; (iv) for $L\ge2$ a local minimum among the matrices of its own
# rank is a local minimum of $f$.
#
# **Sources.** One $\lambda$: garrod2025 (Lemma 1 for balancedness); $\lambda_W,\lambda_H$: garrod2026spectra; one
# weight per factor: sukenik2024. Horn's inequality for singular values of products and the Weyl-Horn step from it to
# sums are textbook results (Horn and Johnson, *Topics in Matrix Analysis*, section 3.3); both are proved below from
# the Cauchy-Binet formula, the only result taken without proof besides the singular value decomposition and Weyl's
# monotonicity of eigenvalues. New here: nothing but the arrangement, with one weight per factor throughout.
#
# Cells say **proof** (valid for all sizes) or **check** (exact or 50-digit arithmetic on seeded random rationals).

# %%
"""The regulariser of a linear network is a Schatten penalty on its logits."""

import itertools
import random

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40
rng = random.Random(20250101)


def rational_matrix(rows, columns):
    """Random rational matrix, exact."""
    return sp.Matrix(rows, columns, lambda *_: sp.Rational(rng.randint(-9, 9), rng.randint(1, 9)))


def orthogonal(size):
    """Random rational orthogonal matrix: the Cayley transform of a skew matrix."""
    square = rational_matrix(size, size)
    skew = square - square.T
    return (sp.eye(size) - skew) * (sp.eye(size) + skew).inv()


def number(value):
    """An exact number at 50 digits."""
    return mp.mpf(sp.N(value, 60)) if isinstance(value, sp.Expr) else mp.mpf(value)


def floating(matrix):
    """An exact matrix at 50 digits."""
    return mp.matrix([[number(x) for x in row] for row in matrix.tolist()])


def singular_values(matrix):
    """Singular values at 50 digits, descending."""
    matrix = floating(matrix) if isinstance(matrix, sp.MatrixBase) else matrix
    return sorted(mp.svd_r(matrix, compute_uv=False), reverse=True)


def product(factors):
    """Product of matrices from left to right."""
    out = factors[0]
    for factor in factors[1:]:
        out = out * factor
    return out


# %% [markdown]
# ## 1. Horn's inequality
# The $k$-th compound $C_k(A)$ holds all $k\times k$ minors of $A$. **Cauchy-Binet**: $C_k(AB)=C_k(A)C_k(B)$.
#
# **Proof** of $s_1(C_k(A))=s_1(A)\cdots s_k(A)$: for $A=U\Sigma V^\top$ with square orthogonal $U, V$, Cauchy-Binet
# gives $C_k(A)=C_k(U)\,C_k(\Sigma)\,C_k(V)^\top$ and $C_k(U)^\top C_k(U)=C_k(I)=I$, and $C_k(\Sigma)$ has the
# products of $k$ different $s_i$ on its diagonal and zeros elsewhere. The spectral norm is submultiplicative, so
# $$\prod_{i\le k}s_i(AB)=s_1(C_k(A)C_k(B))\le\prod_{i\le k}s_i(A)s_i(B)\qquad\text{(Horn)},$$
# and the same for any number of factors.
#
# Below: Cauchy-Binet as an identity of polynomials for one size (**check** of the textbook formula), on rational
# matrices for others, the norm of a compound, and Horn's inequality itself.


# %%
def compound(matrix, k):
    """Matrix of all k x k minors."""
    rows = list(itertools.combinations(range(matrix.rows), k))
    columns = list(itertools.combinations(range(matrix.cols), k))
    minor = lambda i, j: matrix.extract(list(rows[i]), list(columns[j])).det(method="berkowitz")
    return sp.Matrix(len(rows), len(columns), minor)


def check_horn(factors, order=1):
    """prod_{i<=k} s_i(product) <= prod_{i<=k} prod of s_i(factors), for every k (order=-1 reverses it)."""
    least = min(min(f.shape) for f in factors)
    whole, parts = singular_values(product(factors)), [singular_values(f) for f in factors]
    for k in range(1, least + 1):
        left = mp.fprod(whole[:k])
        right = mp.fprod(part[i] for part in parts for i in range(k))
        assert order * (right - left) >= -TINY * right, "Horn's inequality fails"


A, B = sp.Matrix(3, 3, sp.symbols("a:9")), sp.Matrix(3, 3, sp.symbols("b:9"))
assert (compound(A * B, 2) - compound(A, 2) * compound(B, 2)).applyfunc(sp.expand).is_zero_matrix
for k in (1, 2, 3):
    A, B = rational_matrix(4, 3), rational_matrix(3, 5)
    assert compound(A * B, k) == compound(A, k) * compound(B, k)
    assert abs(singular_values(compound(A, k))[0] - mp.fprod(singular_values(A)[:k])) < TINY
for depth in (1, 2, 4):
    check_horn([rational_matrix(3, 4), *(rational_matrix(4, 4) for _ in range(depth - 1)), rational_matrix(4, 5)])

# %% [markdown]
# ## 2. From products to sums (Weyl-Horn)
# **Proof.** Let $x_1\ge\dots\ge x_r$ and $\sum_{i\le k}x_i\le\sum_{i\le k}y_i$ for all $k\le r$. From $e^u\ge1+u$
# (its minimum over $u$ is at $u=0$), $e^{y}-e^{x}\ge e^{x}(y-x)$. Summation by parts with
# $D_k=\sum_{i\le k}(y_i-x_i)\ge0$ and $w_i=e^{x_i}$, which falls with $i$:
# $$\sum_{i\le r}w_i(y_i-x_i)=\sum_{k<r}(w_k-w_{k+1})D_k+w_rD_r\ge0,
#   \qquad\text{so}\quad\sum_i e^{x_i}\le\sum_i e^{y_i}.$$
# Summation by parts is proved by induction on $r$: raising $r$ by one adds
# $(w_{r-1}-w_r)D_{r-1}+w_rD_r-w_{r-1}D_{r-1}=w_r(D_r-D_{r-1})$ to the right-hand side.
#
# With $x_i=q\log s_i(Z)$, $y_i=q\sum_l\log s_i(W_l)$, $i\le r=\operatorname{rank}Z$ (every factor has rank at least
# $r$), Horn gives $\sum_i s_i(Z)^q\le\sum_i\prod_l s_i(W_l)^q$ for every $q>0$.

# %%
u = sp.Symbol("u", real=True)
gap = sp.exp(u) - 1 - u
assert sp.solveset(gap.diff(u), u, sp.S.Reals) == sp.FiniteSet(0)
assert gap.subs(u, 0) == 0
assert gap.diff(u, 2).is_positive
w_before, w_last, D_before, D_last = sp.symbols("w_before w_last D_before D_last")
step = (w_before - w_last) * D_before + w_last * D_last - w_before * D_before
assert sp.expand(step - w_last * (D_last - D_before)) == 0

# %% [markdown]
# ## 3. The lower bound
# **Proof.** AM-GM, again from $e^u\ge1+u$ with $u=\log(t_l/\bar t)$ and $\bar t$ the geometric mean:
# $\frac1m\sum_l t_l\ge\bar t$. For each $i$ take $t_l=\lambda_l s_i(W_l)^2$, whose geometric mean is
# $\lambda\prod_l s_i(W_l)^{2/m}$. Summing over $i$ and using step 2 with $q=2/m$
# $$\sum_l\tfrac{\lambda_l}{2}\|W_l\|_F^2=\tfrac m2\sum_i\tfrac1m\sum_l\lambda_l s_i(W_l)^2
#   \ge\tfrac m2\lambda\sum_i\prod_l s_i(W_l)^{2/m}\ge\tfrac m2\lambda\sum_i s_i(Z)^{2/m}.$$
# **Check** on random factors: both links of the chain.


# %%
def geometric_mean(values):
    """(v_1 ... v_m)^(1/m) at 50 digits."""
    return mp.fprod(number(v) for v in values) ** (mp.mpf(1) / len(values))


def regulariser(factors, regs):
    """sum_l (lam_l / 2) ||W_l||_F^2 of exact factors, exact."""
    return sum(reg * sum(x**2 for x in factor) / 2 for factor, reg in zip(factors, regs, strict=True))


def check_lower_bound(factors, regs):
    """Regulariser >= (m/2) lam sum_i prod_l s_i(W_l)^(2/m) >= (m/2) lam sum_i s_i(Z)^(2/m)."""
    m = len(factors)
    p, scale = mp.mpf(2) / m, m * geometric_mean(regs) / 2
    parts = [singular_values(f) for f in factors]
    middle = scale * mp.fsum(mp.fprod(s) ** p for s in zip(*parts, strict=False))
    lowest = scale * mp.fsum(s**p for s in singular_values(product(factors)))
    assert number(regulariser(factors, regs)) >= middle - TINY, "AM-GM fails"
    assert middle >= lowest - TINY, "the Weyl-Horn inequality fails"


for depth in (1, 2, 3, 5):
    square = [rational_matrix(4, 4) for _ in range(depth - 1)]
    regs = [sp.Rational(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(depth + 1)]
    check_lower_bound([rational_matrix(3, 4), *square, rational_matrix(4, 5)], regs)

# %% [markdown]
# ## 4. Attainment
# **Proof.** Let $Z=U\operatorname{diag}(s)V^\top$ of rank $r\le d$, $U_L=U$, $U_{-1}=V$, and $U_{L-1},\dots,U_0$ any
# $d\times r$ matrices with orthonormal columns. The factors
# $$W_l=\sqrt{\lambda/\lambda_l}\;U_l\operatorname{diag}(s^{1/m})U_{l-1}^\top\quad(l=1..L),\qquad
#   H=\sqrt{\lambda/\lambda_H}\;U_0\operatorname{diag}(s^{1/m})V^\top$$
# multiply to $\prod_l\sqrt{\lambda/\lambda_l}\;Z=Z$, because $\prod_l\lambda_l=\lambda^m$ by the definition of the
# geometric mean, and $\lambda_l\|W_l\|_F^2=\lambda\sum_i s_i^{2/m}$ for each of the $m$ factors.
#
# **Check**, exact: $s_i=q_i^m$ with $q_i$ rational, orthonormal bases from Cayley transforms, and
# $\lambda_l=\lambda t_l^2$ with $\prod t_l=1$, so that every number is rational.


# %%
def check_attainment(depth, exponent=None, mean=geometric_mean):
    """Balanced factors multiply to Z and their regulariser is (1/p) lam sum s_i^p, p = 2/(L+1) unless given."""
    m, rank, width, rows, columns = depth + 1, 2, 3, 3, 4
    p = sp.Rational(2, m) if exponent is None else exponent
    roots = [sp.Rational(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(rank)]
    ratios = [sp.Rational(rng.randint(2, 9), rng.randint(10, 19)) for _ in range(depth)]
    ratios.append(1 / sp.prod(ratios))
    lam = sp.Rational(rng.randint(1, 9), rng.randint(1, 9))
    regs = [lam * t**2 for t in ratios]
    bases = [orthogonal(size)[:, :rank] for size in (rows, *[width] * depth, columns)]
    diagonal = sp.diag(*roots)
    factors = [left * diagonal * right.T / t for left, right, t in zip(bases[:-1], bases[1:], ratios, strict=True)]
    wanted = bases[0] * sp.diag(*(q**m for q in roots)) * bases[-1].T
    assert product(factors) == wanted, "the balanced factors do not multiply to Z"
    penalty = number(mean(regs)) / number(p) * mp.fsum(number(q) ** (m * number(p)) for q in roots)
    value = number(regulariser(factors, regs))
    assert abs(value - penalty) < TINY * value, "the balanced factors do not attain the bound"


for depth in (1, 2, 3, 4):
    check_attainment(depth)
regs = sp.symbols("lambda_1:6", positive=True)
mean = sp.prod(regs) ** sp.Rational(1, 5)
assert sp.simplify(sp.expand_log(sp.log(sp.prod(sp.sqrt(mean / reg) for reg in regs)), force=True)) == 0

# %% [markdown]
# ## 5. Critical points are balanced (garrod2025, Lemma 1)
# Write $Z=A\,W_{l+1}W_l\,B$ and $G=\nabla g(Z)$. The gradient of $\langle G,AWB\rangle$ in $W$ is $A^\top GB^\top$,
# so the full gradients are $\Gamma_{l+1}=A^\top G(W_lB)^\top+\lambda_{l+1}W_{l+1}$ and
# $\Gamma_l=(AW_{l+1})^\top GB^\top+\lambda_lW_l$. **Proof**, for all shapes at once (symbolic sizes) and every $G$:
# $$W_{l+1}^\top\Gamma_{l+1}-\Gamma_lW_l^\top=\lambda_{l+1}W_{l+1}^\top W_{l+1}-\lambda_lW_lW_l^\top,$$
# so where the gradients vanish, $\lambda_{l+1}W_{l+1}^\top W_{l+1}=\lambda_lW_lW_l^\top$ (with $W_0=H$,
# $\lambda_0=\lambda_H$).


# %%
def check_balanced(sign=-1):
    """The commutator of gradients and weights is the imbalance, whatever the data loss."""
    K, N, d, e, f = sp.symbols("K N d e f", integer=True, positive=True)
    low, high = sp.symbols("lambda_l lambda_{l+1}", positive=True)
    A, W2, W1 = sp.MatrixSymbol("A", K, d), sp.MatrixSymbol("W_{l+1}", d, e), sp.MatrixSymbol("W_l", e, f)
    B, G = sp.MatrixSymbol("B", f, N), sp.MatrixSymbol("G", K, N)
    upper = A.T * G * (W1 * B).T + high * W2
    lower = (A * W2).T * G * B.T + low * W1
    commutator = W2.T * upper + sign * lower * W1.T
    imbalance = high * W2.T * W2 - low * W1 * W1.T
    assert sp.expand((commutator - imbalance).doit()) == sp.ZeroMatrix(e, e), "the gradients do not commute so"


check_balanced()
G, A, W, B = (sp.Matrix(2, 2, sp.symbols(f"{name}:4")) for name in "gawb")
inner = sum(x * y for x, y in zip(G, A * W * B, strict=True))
assert sp.Matrix(2, 2, [sp.expand(inner.diff(x)) for x in W]) == (A.T * G * B.T).applyfunc(sp.expand)

# %% [markdown]
# ## 6. The reduced value is exact at every critical point
# **Proof.** Let $Z_l=W_l\cdots W_1H$. By induction $Z_lZ_l^\top=\kappa_l(W_lW_l^\top)^{l+1}$ with
# $\kappa_l=\lambda_l^{l+1}/(\lambda_0\lambda_1\cdots\lambda_l)$. It holds for $l=0$, and with
# $W_lW_l^\top=(\lambda_{l+1}/\lambda_l)W_{l+1}^\top W_{l+1}$
# $$Z_{l+1}Z_{l+1}^\top=\kappa_l(\lambda_{l+1}/\lambda_l)^{l+1}\,W_{l+1}(W_{l+1}^\top W_{l+1})^{l+1}W_{l+1}^\top
#   =\kappa_{l+1}(W_{l+1}W_{l+1}^\top)^{l+2}.$$
# At $l=L$: $\lambda^{L+1}s_i(Z)^2=(\lambda_Ls_i(W_L)^2)^{L+1}$, so $\lambda_Ls_i(W_L)^2=\lambda s_i(Z)^p$. By
# balancedness $\lambda_ls_i(W_l)^2$ is the same number for every factor (the nonzero eigenvalues of $W^\top W$ and
# $WW^\top$ agree), and the regulariser is $\frac{L+1}2\lambda\sum_is_i(Z)^p$ exactly. With one $\lambda$ the factors
# share their nonzero singular values, as in garrod2025; with several it is $\sqrt{\lambda_l}\,s_i(W_l)$ that they
# share.

# %%
order, last, following, before = sp.symbols("l lambda_l lambda_{l+1} P", positive=True)
kappa = last ** (order + 1) / before
kappa_next = following ** (order + 2) / (before * following)
assert sp.simplify(kappa * (following / last) ** (order + 1) / kappa_next) == 1
V, Vt = sp.symbols("W W^T", commutative=False)
for power in (1, 2, 3, 4):
    assert sp.expand(V * (Vt * V) ** power * Vt - (V * Vt) ** (power + 1)) == 0

# %% [markdown]
# **Check** at a critical point that is *no minimum*: the simplex at the smaller root of
# $\lambda_{\rm eff}=a^{(L-1)/(L+1)}/(e^a+K-1)$, $K=3$, $L=2$, $n=2$, three different weights. All gradients vanish to
# 45 digits, the factors are balanced, and the objective equals the reduced value.


# %%
def softmax(column):
    """Softmax of a column at 50 digits."""
    weights = [mp.exp(z) for z in column]
    return [w / mp.fsum(weights) for w in weights]


def simplex_point(bracket, factor):
    """Balanced factors of the simplex at factor times a stationary scale; weights, samples, scale, geometric mean."""
    n, regs = 2, [mp.mpf(1) / 50, mp.mpf(1) / 20, mp.mpf(1) / 100]
    lam = geometric_mean(regs)
    effective = lam * mp.cbrt(n)
    a = mp.findroot(lambda x: mp.cbrt(x) - effective * (mp.exp(x) + 2), bracket, solver="anderson") * factor
    left = mp.matrix([[1, 1], [-1, 1], [0, -2]])
    for j, length in enumerate((mp.sqrt(2), mp.sqrt(6))):
        for i in range(3):
            left[i, j] /= length
    right = mp.matrix(6, 2)
    for c, i, j in itertools.product(range(3), range(n), range(2)):
        right[n * c + i, j] = left[c, j] / mp.sqrt(n)
    root = mp.cbrt(mp.sqrt(n) * a)
    hidden = [floating(orthogonal(4)[:, :2]) for _ in range(2)]
    chain = [left, hidden[1], hidden[0], right]
    factors = [mp.sqrt(lam / reg) * root * x * y.T for x, y, reg in zip(chain[:-1], chain[1:], regs, strict=True)]
    return factors, regs, n, a, lam


def check_critical(bracket, factor=1):
    """The lifted stationary simplex is a critical point of the full objective, balanced, with the reduced value."""
    (W2, W1, H), regs, n, a, lam = simplex_point(bracket, factor)
    Z = W2 * W1 * H
    slope = mp.matrix(3, 3 * n)
    for j in range(3 * n):
        for i, q in enumerate(softmax(Z[:, j])):
            slope[i, j] = (q - (i == j // n)) / (3 * n)
    gradients = [
        slope * (W1 * H).T + regs[0] * W2,
        W2.T * slope * H.T + regs[1] * W1,
        (W2 * W1).T * slope + regs[2] * H,
    ]
    assert max(mp.mnorm(gradient, "f") for gradient in gradients) < mp.mpf(10) ** -45, "not a critical point"
    assert mp.mnorm(regs[0] * W2.T * W2 - regs[1] * W1 * W1.T, "f") < TINY, "not balanced"
    assert mp.mnorm(regs[1] * W1.T * W1 - regs[2] * H * H.T, "f") < TINY, "not balanced"
    total = sum(reg / 2 * mp.mnorm(factor, "f") ** 2 for reg, factor in zip(regs, (W2, W1, H), strict=True))
    reduced = mp.mpf(3) / 2 * lam * 2 * (mp.sqrt(n) * a) ** (mp.mpf(2) / 3)
    assert abs(total - reduced) < TINY, "the reduced penalty is not the regulariser"
    return a


inner, outer = check_critical((mp.mpf(0), mp.mpf(1) / 100)), check_critical((mp.mpf(1), mp.mpf(5)))
assert 0 < inner < mp.mpf(1) / 100 < 1 < outer

# %% [markdown]
# ## 7. Averaging and centring never raise the value
# Let $P$ be an orthogonal projection: $P=P^\top=P^2$. **Proof** that no singular value of $ZP$ exceeds that of $Z$:
# $ZZ^\top-(ZP)(ZP)^\top=(Z(I-P))(Z(I-P))^\top\succeq0$, and eigenvalues are monotone in the Loewner order (Weyl). The
# same for $QZ$, from $Z^\top Z$. The rank does not rise either, so a width bound stays satisfied.
#
# * *Class averaging*: $P=R^\top(RR^\top)^{-1}R$, with $R\in\{0,1\}^{K\times N}$ the class memberships, is such a
#   projection and replaces every column by the mean of its class. Each column's loss is a convex function of the
#   column, the same one for all columns of a class, so Jensen's inequality gives $g(ZP)\le g(Z)$: for cross-entropy
#   the Hessian of $\log\sum_ie^{z_i}$ is $\operatorname{diag}(q)-qq^\top$, with
#   $v^\top(\operatorname{diag}(q)-qq^\top)v=\frac12\sum_{ij}q_iq_j(v_i-v_j)^2\ge0$ (**proof**: expand, using
#   $\sum q_i=1$).
# * *Centring*: $Q=I-\mathbf 1\mathbf 1^\top/K$ takes each column's mean away, which changes neither $\log\sum e^{z_i}$
#   minus $z_y$, nor raises a singular value.


# %%
def check_projection_lowers(matrix, projection):
    """No singular value of Z P exceeds the corresponding one of Z (P must be an orthogonal projection)."""
    assert projection == projection.T, "P is not symmetric"
    assert projection * projection == projection, "P is not idempotent"
    rest = sp.eye(projection.rows) - projection
    assert matrix * matrix.T - matrix * projection * matrix.T == (matrix * rest) * (matrix * rest).T
    for old, new in zip(singular_values(matrix), singular_values(matrix * projection), strict=True):
        assert new <= old + TINY, "a singular value rose"


Z, P = sp.symbols("Z P", commutative=False)
Zt = sp.Symbol("Z^T", commutative=False)
square = sp.expand(Z * (1 - P) * (1 - P) * Zt).subs(P**2, P)
assert sp.expand(square - (Z * Zt - Z * P * Zt)) == 0

sizes = (3, 1, 2)
labels = [c for c, size in enumerate(sizes) for _ in range(size)]
R = sp.Matrix(3, 6, lambda c, j: int(labels[j] == c))
averaging = R.T * (R * R.T).inv() * R
check_projection_lowers(rational_matrix(3, 6), averaging)
check_projection_lowers(rational_matrix(3, 4), sp.eye(4) - sp.ones(4, 4) / 4)

size = 4
q = [*sp.symbols("q:3", nonnegative=True)]
q.append(1 - sum(q))
v = sp.symbols("v:4", real=True)
variance = sum(q[i] * v[i] ** 2 for i in range(size)) - sum(q[i] * v[i] for i in range(size)) ** 2
spread = sum(q[i] * q[j] * (v[i] - v[j]) ** 2 for i in range(size) for j in range(size)) / 2
assert sp.expand(variance - spread) == 0
z = sp.symbols("z:3", real=True)
lse = sp.log(sum(map(sp.exp, z)))
share = [sp.exp(x) / sum(map(sp.exp, z)) for x in z]
for i, j in itertools.product(range(3), repeat=2):
    assert sp.simplify(lse.diff(z[i], z[j]) - (share[i] * int(i == j) - share[i] * share[j])) == 0
shift = sp.Symbol("t", real=True)
moved = [x + shift for x in z]
assert sp.simplify(sp.exp(sp.log(sum(map(sp.exp, moved))) - moved[0]) - sp.exp(lse - z[0])) == 0

# %% [markdown]
# ## 8. Class-mean logits, and how the number of samples enters
# **Proof.** For $Z=MR$: $ZZ^\top=M\,RR^\top M^\top$ with $RR^\top=\operatorname{diag}(n_c)$, so
# $s(Z)=s(M\operatorname{diag} (\sqrt{n_c}))$, and the fit is $\sum_c(n_c/N)\,g_c(M_{:c})$. With equal classes
# $s(Z)=\sqrt n\,s(M)$ and
# $$\tfrac{L+1}2\lambda\sum_i(\sqrt n\,s_i(M))^{2/(L+1)}=\tfrac{L+1}2\,\lambda n^{1/(L+1)}\sum_is_i(M)^{2/(L+1)},$$
# while the fit does not depend on $n$: the problem with $n$ samples is that with one sample and
# $\lambda_{\rm eff}=\lambda n^{1/(L+1)}$.


# %%
def check_samples(power=None):
    """lam (sqrt(n) s)^p = lam n^power s^p with power = 1/(L+1) unless given."""
    lam, n, s, L = sp.symbols("lambda n s L", positive=True)
    power = 1 / (L + 1) if power is None else power(L)
    p = 2 / (L + 1)
    ratio = lam * (sp.sqrt(n) * s) ** p / (lam * n**power * s**p)
    assert sp.simplify(sp.expand_log(sp.log(ratio), force=True)) == 0, "n enters with another power"


check_samples()
assert sp.diag(*sizes) == R * R.T
M = rational_matrix(3, 3)
weighted = floating(M) * mp.diag([mp.sqrt(n) for n in sizes])
for one, two in zip(singular_values(M * R), singular_values(weighted), strict=True):
    assert abs(one - two) < TINY

# %% [markdown]
# ## 9. The ladder of ranks
# **Proof** that for $L\ge2$ a local minimum $Z_0$ of $f$ among the matrices of its own rank $r$ is a local minimum of
# $f$. Let $Z$ be near $Z_0$, $Z_r$ its truncated singular value decomposition and $\epsilon_i=s_{r+i}(Z)$. Then $Z_r$
# has rank $r$ and is near $Z_0$ too, so $f(Z_r)\ge f(Z_0)$. The penalty splits exactly, and
# $g(Z)\ge g(Z_r)-b\sum_i\epsilon_i$ with $b$ a bound of the spectral norm of $\nabla g$ nearby (convexity and
# $|\langle G,E\rangle|\le\|G\|_2\|E\|_*$). Hence
# $$f(Z)-f(Z_0)\ge\sum_i\epsilon_i\bigl(c\,\epsilon_i^{p-1}-b\bigr)\ge0
#   \quad\text{once all }\epsilon_i\le(c/b)^{1/(1-p)},$$
# a positive radius because $p<1$. For $L=1$ ($p=1$) there is none. $Z_0=0$ is the case $r=0$.

# %%
c, b, p = sp.symbols("c b p", positive=True)
radius = (c / b) ** (1 / (1 - p))
assert sp.simplify(sp.expand_log(sp.log(c * radius ** (p - 1) / b), force=True)) == 0
eps = sp.Symbol("epsilon", positive=True)
assert sp.simplify((c * eps ** (p - 1)).diff(eps) / (c * eps ** (p - 2))) == p - 1  # falls while p < 1
