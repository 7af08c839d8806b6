# %% [markdown]
# # Depth two: collapse is not optimal with many classes
#
# **Statement.** $K$ classes in groups of $b$, $T$ the $m\times K$ matrix of an orthogonal array of strength two: one
# class of each group a row, two classes of different groups together in $m/b^2$ rows. $M_2$ is $\frac b{b-1}(I-J/b)$
# on each group, on top of $\sqrt{eb/m}\,T$. With $n=\frac{K(b-1)}b$ and $s_0=\frac b{b-1}$ the price of the targets at
# $L=2$ is
# $$G^3=\Bigl(n\sqrt{s_0^2+e}+\sqrt{eK/b}\Bigr)^2\Bigl(\frac n{1+e}+K-n-1+\frac1{1+eK/b}\Bigr),$$
# below $K^3$ for $b=3$, $K=138$ at $e=\frac13$: with squared error and two weight layers deep neural collapse is not
# optimal there, for any $\lambda$ and $n$ at which it is not zero.
# With any regular graph in place of the groups, and the sets that attain Hoffman's bound in place of the transversals,
# no smaller $K$ has a price below $K$ (section 3).
#
# **Sources.** New here. Optimality of collapse at $L=2$ was published under the assumption that the ReLU does not raise
# the nuclear norm (network_price.py, section 5).
#
# Cells say **proof** or **check**.

# %%
"""Groups and transversals at depth two."""

import numpy as np
import sympy as sp

K, e, b = sp.symbols("K e b", positive=True)

# %% [markdown]
# ## 1. Eigenvalues
# **Proof.** $T^\top T$ is $\frac mb$ on the diagonal, $0$ within groups, $\frac m{b^2}$ between them: with $P$ the
# projection on differences within groups and $Q$ that on the mean, $\frac bmT^\top T=P+\frac KbQ$. The groups give
# $s_0^2P$ to $M_2^\top M_2$, and $\frac b{b-1}(I-J/b)$ has ones on the diagonal and negative entries else, so its ReLU
# is $I$: $X_2^\top X_2=I+e(P+\frac KbQ)$, with $1+e$ ($n$ times), $1+eK/b$ (once) and $1$.


# %%
def array(groups):
    """Nine transversals of up to four groups of three: lines of the affine plane over three elements."""
    slopes = [(1, 0), (0, 1), (1, 1), (1, 2)][:groups]
    levels = [[(x * p + y * q) % 3 for p, q in slopes] for x in range(3) for y in range(3)]
    return sp.Matrix([[int(level == j) for level in row for j in range(3)] for row in levels])


def check_array(T):
    """(b/m) T^T T = P + (K/b) Q."""
    groups = T.cols // 3
    P = sp.kronecker_product(sp.eye(groups), sp.eye(3) - sp.ones(3, 3) / 3)
    Q = sp.ones(T.cols, T.cols) / T.cols
    assert sp.Rational(3, T.rows) * T.T * T == P + sp.Rational(T.cols, 3) * Q, "the array has not strength two"


for groups in (2, 3, 4):
    check_array(array(groups))

# %% [markdown]
# ## 2. The corner
# **Check** (exact up to the sign of a number evaluated to 30 digits).


# %%
def check_corner(classes, share):
    """G < K at b = 3."""
    n = 2 * classes / sp.Integer(3)
    nuclear = n * sp.sqrt(sp.Rational(9, 4) + share) + sp.sqrt(share * classes / sp.Integer(3))
    output = n / (1 + share) + classes - n - 1 + 1 / (1 + share * classes / sp.Integer(3))
    assert sp.N(nuclear**2 * output - sp.Integer(classes) ** 3, 30) < 0, "it costs more than collapse"


check_corner(138, sp.Rational(1, 3))

# %% [markdown]
# ## 3. Other graphs
# Let $C$ be the adjacency matrix of a $k$-regular graph on the classes with least eigenvalue $-\tau k$, $n$ times, and
# $P$ the projection on its eigenspace; $M_2$ is $I-C/k$ on top of independent sets of Hoffman's size
# $\alpha=\frac{K\tau}{1+\tau}$, whose indicators lie in the range of $P+Q$. Groups of $b$: $\tau=\frac1{b-1}$.
#
# **Proof.** $|1_C|^2=\alpha$ has the part $\alpha^2/K$ on the mean, $\tau$ times that on $P$: where the sets are
# balanced they give $e(P+n\tau Q)$, and with the eigenvalues $1-\lambda_i/k\ge0$ of trace $K$
# $$G^3=\bigl(n\sqrt{(1+\tau)^2+e}+K-n(1+\tau)+\sqrt{en\tau}\bigr)^2
#   \Bigl(\frac n{1+e}+K-n-1+\frac1{1+en\tau}\Bigr),\qquad n\le\frac K{1+\tau},\ 0<\tau\le1.$$
# It is the formula of the statement for groups, which have the largest $n$. **Check** by a scan of $n$, $\tau$ and $e$
# (floats): at $K=137$ it is above $K^3$ ($G^3/K^3\ge1.00003$).


# %%
def of_graph(classes, least, share, part=1.0):
    """G^3 / K^3 with n that part of its largest."""
    n = part * classes / (1 + least)
    nuclear = n * np.sqrt((1 + least) ** 2 + share) + classes - n * (1 + least) + np.sqrt(share * n * least)
    return nuclear**2 * (n / (1 + share) + classes - n - 1 + 1 / (1 + share * n * least)) / classes**3


def check_graphs(classes):
    """No graph is below collapse."""
    axes = np.linspace(0.02, 1, 50), np.linspace(0.03, 1, 195), np.geomspace(0.01, 30, 400)
    part, least, share = np.meshgrid(*axes, indexing="ij")
    assert of_graph(classes, least, share, part).min() > 1, "a graph is below collapse"


check_graphs(137)
assert abs(of_graph(138, 0.5, 0.33709) - 0.999904) < 1e-6
