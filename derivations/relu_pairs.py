# %% [markdown]
# # Pairs in a ReLU network
#
# **Statement.** Let $K=2m$, $X=I_m\otimes\begin{pmatrix}1&-1\\-1&1\end{pmatrix}$, $Y=\mathbf 1\mathbf 1^\top$. The ReLU
# network with features $\varphi_l(X+Y)$ in layer $l\ge2$, $W_l=\psi(X+\frac2KY)$ for $2\le l\le L-1$ and
# $W_L=\psi\sqrt{(K+2)/K}\,X$ has logits $aX$; with the best first two factors and
# $\varphi_2=\psi^2\frac{K+2}{K\sqrt n}$ all its $L+1$ factors have one norm, and its regulariser is
# $$\frac{L+1}2\lambda\,(\sqrt na)^{\frac2{L+1}}\,\rho_K,\qquad
#   \rho_K=(2K+4)\,2^{-\frac{2(L-1)}{L+1}}\Bigl(\frac K{K+2}\Bigr)^{\frac3{L+1}}.$$
# It is below the regulariser of a linear simplex, $\rho=K-1$, iff
# $$2K+4<(K-1)\,2^{\frac{2(L-1)}{L+1}}\Bigl(\frac{K+2}K\Bigr)^{\frac3{L+1}}.\tag{*}$$
# For even $K$, (*) holds for $L=4$ iff $K\ge14$, and for every $L\ge5$ when $K\ge10$. For odd $K$ the last class gets
# its own chain of $L+1$ numbers; the comparison is then (*) at $K-1$: for $L=4$ iff $K\ge15$, for every $L\ge5$ when
# $K\ge11$.
#
# **Sources.** garrod2025, Theorem 7 (whose assumption on global means says that a network with deep neural collapse
# pays at least the linear penalty of the simplex), for $K\ge10$, $L\ge5$ or $K\ge16$, $L=4$. New here: the exact
# domain of the inequality, and the reduction of odd $K$ to even $K-1$.
#
# Cells say **proof** or **check** (exact).

# %%
"""Theorem 7 of garrod2025: the construction, its cost and the inequality."""

import sympy as sp

K, L, psi, n, a = sp.symbols("K L psi n a", positive=True)

# %% [markdown]
# ## 1. The algebra of X and Y
# **Proof.** $X^2=2X$, $XY=YX=0$, $Y^2=KY$ (each block of $X$ squares to twice itself and its rows sum to zero).
# Matrices $xX+yY$ become pairs $(x,y)$ with product $(2xx',Kyy')$, singular values $2x$ ($K/2$ times) and $Ky$ (once),
# and squared norm $2Kx^2+K^2y^2$. All entries of $X+Y$ (2 on the diagonal, 0 at the partner, 1 elsewhere) are
# nonnegative, so the ReLU changes nothing in any layer.


# %%
def times(left, right):
    """Product in the algebra of X and Y."""
    return (2 * left[0] * right[0], K * left[1] * right[1])


def square_norm(x):
    """Squared Frobenius norm."""
    return 2 * K * x[0] ** 2 + K**2 * x[1] ** 2


def matrices(size):
    """X and Y."""
    X = sp.Matrix(size, size, lambda i, j: int(i == j) - int(i == j ^ 1))
    return X, sp.ones(size, size)


for size in (4, 6, 10):
    X, Y = matrices(size)
    assert X * X == 2 * X
    assert (X * Y).is_zero_matrix
    assert size * Y == Y * Y
    assert min(X + Y) == 0
    assert X.rank() == size // 2
    for x, y in ((1, 1), (3, sp.Rational(2, size))):
        assert sum(entry**2 for entry in x * X + y * Y) == square_norm((x, y)).subs(K, size)

# %% [markdown]
# ## 2. The network
# **Proof.** $W_l(X+Y)=\psi(2X+\frac2KKY)=2\psi(X+Y)$, so $\varphi_{l+1}=2\psi\varphi_l$ and
# $\varphi_L=(2\psi)^{L-2}\varphi_2$; the logits are $W_L\varphi_L(X+Y)=2\psi\sqrt{(K+2)/K}\,\varphi_LX=aX$.
# Every $\|W_l\|_F^2=\psi^2(2K+4)$, also $\|W_L\|_F^2=\psi^2\frac{K+2}K2K$. The first two factors multiply to
# $\varphi_2(X+Y)R$, and the least $\frac12(\|W_1\|_F^2+\|H\|_F^2)$ for a given product is its nuclear norm
# (schatten_reduction.py with $L=1$), here $\varphi_2\sqrt n(2\cdot\frac K2+K)=\varphi_2\sqrt n\,2K$; with the given
# $\varphi_2$ it equals $\psi^2(2K+4)$, so the first two factors have that squared norm each (balanced).


# %%
def check_network(first=None):
    """Norms of all factors agree, and the scale of the logits is a; ``first`` is phi_2 sqrt(n) / psi^2."""
    first = (K + 2) / K if first is None else first
    middle = (psi, psi * 2 / K)
    last = (psi * sp.sqrt((K + 2) / K), 0)
    norm = psi**2 * (2 * K + 4)
    assert all(sp.simplify(x - 2 * psi) == 0 for x in times(middle, (1, 1))), "the features change their shape"
    assert sp.simplify(square_norm(middle) - norm) == 0
    assert sp.simplify(square_norm(last) - norm) == 0
    nuclear = psi**2 * first * 2 * K
    assert sp.simplify(nuclear - norm) == 0, "the first two factors have another norm"
    top = (2 * psi) ** (L - 2) * psi**2 * first / sp.sqrt(n)
    scale = times(last, (top, top))[0]
    wanted = 2 ** (L - 1) * psi ** (L + 1) * ((K + 2) / K) ** sp.Rational(3, 2) / sp.sqrt(n)
    ratio = sp.expand_log(sp.log(scale) - sp.log(wanted), force=True)
    assert sp.simplify(ratio) == 0, "the logits have another scale"


check_network()


# %% [markdown]
# ## 3. The cost
# **Proof.** The regulariser is $\frac\lambda2(L+1)(2K+4)\psi^2$, and $a\sqrt n=2^{L-1}\psi^{L+1}(\frac{K+2}K)^{3/2}$
# gives $\psi^2=(\sqrt na)^{2/(L+1)}2^{-2(L-1)/(L+1)}(\frac{K+2}K)^{-3/(L+1)}$: $\rho_K$ as stated. The fit of pairs is
# smaller than that of the simplex at the same scale (pairs_beat_simplex.py), so the network wins at every
# $\lambda$ and $n$ once $\rho_K<K-1$.


# %%
def check_cost(power=3):
    """(2K+4) psi^2 in terms of a has the factor (K/(K+2))^(power/(L+1))."""
    y = sp.sqrt(n) * a
    wanted = (
        (2 * K + 4)
        * y ** (2 / (L + 1))
        * 2 ** (-2 * (L - 1) / (L + 1))
        * (K / (K + 2)) ** (sp.Integer(power) / (L + 1))
    )
    scale = 2 ** (L - 1) * psi ** (L + 1) * ((K + 2) / K) ** sp.Rational(3, 2)
    ratio = sp.expand_log(sp.log(wanted.subs(y, scale)) - sp.log((2 * K + 4) * psi**2), force=True)
    assert sp.simplify(sp.expand(ratio)) == 0, "the cost has another exponent"


check_cost()


# %% [markdown]
# ## 4. The inequality for all K and L
# **Proof.** Raise (*) to the power $L+1$ and divide:
# $$\Bigl(\frac{2K+4}{4(K-1)}\Bigr)^{L+1}\cdot16<\Bigl(\frac{K+2}K\Bigr)^3,\quad\text{in integers}\quad
#   16\,K^3(2K+4)^{L+1}<(K+2)^3\,(4K-4)^{L+1},$$
# because $2^{2(L-1)}=4^{L+1}/16$. The ratio $q=\frac{2K+4}{4K-4}=\frac{K+2}{2(K-1)}$ is below one for $K>4$, so then
# more depth only helps: for each $K$ there is a least depth.
#
# *In $K$ at fixed $L\ge4$*, with $\ell(K)=3\log\frac{K+2}K-(L+1)\log q-\log16$, that is
# $\ell=(2-L)\log(K+2)-3\log K+(L+1)\log(K-1)+(L+1)\log2-\log16$:
# $$\ell'(K)=\frac{2-L}{K+2}-\frac3K+\frac{L+1}{K-1}=\frac{3(L-1)K+6}{K(K-1)(K+2)}>0,$$
# so for each $L\ge2$ there is a least $K$ from which (*) holds. Corners, exact: $L=4$: false at $K=12$, true at
# $K=14$; $L=5$: false at $K=8$, true at $K=10$. At $L=3$: $q^4\cdot16=\bigl(\frac{K+2}{K-1}\bigr)^4>
# \bigl(\frac{K+2}K\bigr)^3$, never; less depth is worse where $q<1$, and for $K\le4$ $q\ge1$ makes the left side at
# least 16 against at most 8 (for $K\ge2$): never.


# %%
def wins(classes, depth):
    """(*) in integers."""
    k = classes
    return 16 * k**3 * (2 * k + 4) ** (depth + 1) < (k + 2) ** 3 * (4 * k - 4) ** (depth + 1)


def check_corner(classes, depth):
    """(*) holds at a corner, and therefore for all larger even K and L."""
    assert wins(classes, depth), "the construction costs more at this corner"


gap = 3 * sp.log((K + 2) / K) - (L + 1) * sp.log((K + 2) / (2 * (K - 1))) - sp.log(16)
slope = sp.together(gap.diff(K))
assert sp.simplify(slope - (3 * (L - 1) * K + 6) / (K * (K - 1) * (K + 2))) == 0
check_corner(classes=14, depth=4)
check_corner(classes=10, depth=5)
assert not wins(12, 4)
assert not wins(8, 5)
assert not wins(8, 4)
shifted = sp.Symbol("x", positive=True) + 2
never = sp.expand(((K + 2) ** 4 * K**3 - (K + 2) ** 3 * (K - 1) ** 4).subs(K, shifted))
assert all(coefficient > 0 for coefficient in sp.Poly(never).all_coeffs())  # L = 3, all K >= 2

# %% [markdown]
# ## 5. Odd K
# **Proof.** On the first $k=K-1$ classes take the network above, and for the last class one more feature in every
# layer, carried from layer to layer by one positive number per factor: features and weights are direct sums, all
# nonnegative where a ReLU acts. The logits are $aX\oplus a$, the published odd pairs. A chain of $L+1$ numbers with
# product $\sqrt na$ costs $\frac{L+1}2\lambda(\sqrt na)^{2/(L+1)}$ (AM-GM with equality), that is $\rho=1$. So the
# network wins iff $\rho_k+1<K-1=k$, that is $\rho_k<k-1$: (*) at $k$. The least odd $K$ are 15 for $L=4$ and 11 for
# $L=5$.

# %%
k = sp.Symbol("k", positive=True)
rho = sp.Symbol("rho", positive=True)
assert sp.expand(((k + 1) - 1 - (rho + 1)) - ((k - 1) - rho)) == 0


def wins_any(classes, depth):
    """Whether the construction wins, for even and odd K."""
    return wins(classes - classes % 2, depth)


assert wins_any(15, 4)
assert not wins_any(13, 4)
assert wins_any(11, 5)
assert not wins_any(9, 5)
