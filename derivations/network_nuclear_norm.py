# %% [markdown]
# # ReLU and the nuclear norm
#
# **Statement.**
#
# 1. For $M=\begin{pmatrix}1&0&1\\1&1&0\\0&1&-1\end{pmatrix}$, $\|M\|_*=2\sqrt3=3.4641\ldots$ and
#    $\|\max(M,0)\|_*=\frac1{\sin(\pi/14)}-1=3.4939\ldots$: the ReLU raises the nuclear norm of a matrix with three
#    columns.
# 2. For $X\ge0$ the least $\|M\|_*$ with $\max(M,0)=X$ is
#    $$N(X)=\max\{\langle Y,X\rangle:\ \|Y\|\le1,\ Y_{ij}\le0\text{ where }X_{ij}=0\}.$$
# 3. With $A=X^\top X$, $N(X)\ge\nu(A)=\max\{\operatorname{tr}SA:\ \|A^{1/2}S\|\le1,\ S_{ij}\le0\ (i\ne j)\}$, and
#    $\nu(A)=\min\{\|A^{-1/2}(A-R)\|_*:\ R\ge0,\ R_{ii}=0\}$.
# 4. With two columns the ReLU never raises it. At depth two this makes collapse optimal for two classes.
#
# **Sources.** New here. That the ReLU does not raise the nuclear norm is the assumption under which collapse was
# published to be optimal at $L=2$, as this project's theory restates it; network_transversal.py shows that collapse is
# not optimal there with many classes. Larger ratios: network_price.py, section 5.
#
# Cells say **proof** or **check**.

# %%
"""A matrix whose nuclear norm relu raises, and why there is none with two columns."""

import numpy as np
import sympy as sp

rng = np.random.default_rng(5)

# %% [markdown]
# ## 1. Three columns
# **Proof.** The rows of $M$ have the squared length two and inner products $\pm1$ with product $-1$: $MM^\top$ has the
# eigenvalues $3,3,0$. $\max(M,0)$ is the incidence of a path of six nodes, whose adjacency has the eigenvalues
# $2\cos\frac{k\pi}7$; $2\sum_{k=1}^3\cos\frac{k\pi}7=\frac1{\sin(\pi/14)}-1$.

# %%
M = sp.Matrix([[1, 0, 1], [1, 1, 0], [0, 1, -1]])


def check_raised(matrix, norm=None):
    """The nuclear norm of the matrix is ``norm`` and relu raises it; exact characteristic polynomials."""
    squares = (matrix * matrix.T).eigenvals()
    before = sum(count * sp.sqrt(value) for value, count in squares.items())
    if norm is not None:
        assert sp.simplify(before - norm) == 0
    rectified = matrix.applyfunc(lambda entry: max(entry, 0))
    polynomial = sp.Poly((rectified * rectified.T).charpoly().as_expr())
    after = sum(sp.sqrt(root) for root in polynomial.nroots(n=30))
    assert after > before.evalf(30), "relu does not raise the nuclear norm"
    return after


after = check_raised(M, 2 * sp.sqrt(3))
assert abs(after - (1 / sp.sin(sp.pi / 14) - 1).evalf(30)) < 1e-25

# %% [markdown]
# ## 2. Duality
# **Proof.** $M$ is $X$ where $X>0$ and any nonpositive number elsewhere, a convex set. For such $M$ and $Y$ as stated
# $\|M\|_*\ge\langle Y,M\rangle\ge\langle Y,X\rangle$, and by the minimax theorem the best $Y$ attains the least
# norm: $\min_M\max_{\|Y\|\le1}\langle Y,M\rangle$ is finite in $M$ only for those $Y$.
#
# ## 3. Two columns
# **Proof.** Let $X\ge0$ have rank two (else by continuity), $P=(X^\top X)^{1/2}$, $Y=XP^{-1}$, $\|Y\|=1$. $P$ is
# positive definite with $P^2\ge0$ in its entries, so $P=\frac{X^\top X+\sqrt{\det}\,I}{\operatorname{tr}P}$ has
# nonnegative entries too, and $P^{-1}$ nonpositive ones off the diagonal. A row $(x,0)$ of $X$ has $Y$-entry
# $xP^{-1}_{12}\le0$ at its zero. So $N(X)\ge\langle Y,X\rangle=\operatorname{tr}P=\|X\|_*$. At depth two
# $G^3=N(X)^2\|X^{+}\|_F^2\ge(s_1+s_2)^2(s_1^{-2}+s_2^{-2})\ge8=K^3$.

# %%
p, q, s = sp.symbols("p q s", positive=True)
P = sp.Matrix([[p, s], [s, q]])
assert sp.simplify(P**2 + (p * q - s**2) * sp.eye(2) - (p + q) * P) == sp.zeros(2, 2)


def check_polar(columns=2):
    """Y = X (X^T X)^(-1/2) is nonpositive where X is zero, for random X >= 0 with many zeros."""
    for _ in range(200):
        X = rng.uniform(0, 1, (6, columns)) * (rng.uniform(size=(6, columns)) < 0.6)
        U, s, V = np.linalg.svd(X, full_matrices=False)
        if s[-1] > 0.05:
            assert (U @ V)[X == 0].max(initial=0) < 1e-9, "the polar factor is no dual point"


check_polar()


def check_least(columns=2):
    """No matrix with the same rectified part has a lower nuclear norm, for random ones."""
    for _ in range(300):
        X = rng.uniform(0, 1, (4, columns)) * (rng.uniform(size=(4, columns)) < 0.6)
        below = X - rng.exponential(size=X.shape) * (X == 0) * rng.uniform(0, 0.5)
        assert np.linalg.svd(below)[1].sum() > np.linalg.svd(X)[1].sum() * (1 - 1e-12), "relu raises the nuclear norm"


check_least()

# %% [markdown]
# ## 4. A bound by inner products
# **Proof.** $Y=XS$ has $\|Y\|=\|A^{1/2}S\|\le1$, and where $X_{ic}=0$, $Y_{ic}=\sum_{j\ne c}X_{ij}S_{jc}\le0$; so
# $N(X)\ge\langle XS,X\rangle=\operatorname{tr}SA$. The second form is the dual: with $R\ge0$ for the signs,
# $\max_S\langle S,A-R\rangle$ over $\|A^{1/2}S\|\le1$ is $\|A^{-1/2}(A-R)\|_*$. So at depth two
# $G^3\ge\min_A\nu(A)^2\operatorname{tr}A^{-1}$, at $A=I$ equal to $K^3$.


# %%
def check_gram_bound(slack=1.0):
    """No matrix with the rectified part X is below tr SA, S random and scaled to ||A^(1/2) S|| = 1 / ``slack``."""
    for _ in range(300):
        X = rng.uniform(0, 1, (5, 3)) * (rng.uniform(size=(5, 3)) < 0.6)
        S = np.diag(rng.uniform(0.8, 1.2, 3)) - rng.uniform(0, 0.3, (3, 3)) * (1 - np.eye(3))
        S = S / max(np.linalg.norm(X @ S, 2), 1e-9) / slack
        below = X - rng.exponential(size=X.shape) * (X == 0) * rng.uniform(0, 0.5)
        assert np.linalg.svd(below)[1].sum() >= np.trace(S @ X.T @ X) * (1 - 1e-12), "a matrix is below the bound"


check_gram_bound()
