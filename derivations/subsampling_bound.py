# %% [markdown]
# # Fewer classes bound more classes from below
#
# **Statement.** Balanced classes, $n=1$, width at least the rank in question, $p=\frac2{L+1}\le1$, and
# $$f_K(Z)=\frac1K\sum_c\log\Bigl(1+\mu\sum_{j\ne c}e^{z_{jc}-z_{cc}}\Bigr)+c\sum_is_i(Z)^p .$$
# For $2\le k\le K$
# $$\min f_K(c,\mu)\;\ge\;\min f_k\Bigl(c\,\bigl(\tfrac Kk\bigr)^p,\;\mu\,\tfrac{K-1}{k-1}\Bigr),$$
# also when both are restricted to rank at most $r$. For a uniformly random set $T$ of $k$ classes the two parts are
#
# 1. $\mathbb E_T\operatorname{fit}_k(Z_{TT})\le\operatorname{fit}_K(Z)$, with equality when all logits agree;
# 2. $\mathbb E_T\sum_is_i(Z_{TT})^p\le\bigl(\frac kK\bigr)^p\sum_is_i(Z)^p$, with equality for $Z=11^\top$.
#
# **Sources.** Part 1 is Jensen's inequality. Part 2 needs that $(A,B)\mapsto\operatorname{tr}(A^{1/2}ZBZ^\top
# A^{1/2})^q$ is jointly concave for $0<q\le\frac12$: a case of Hiai (2013) and of Carlen, Frank and Lieb (2016); the
# proof below is elementary, by the factorisation that also gives the factors of a rung. The arrangement is new here.
#
# Cells say **proof**, **check** (exact) or **check in digits** (30 digits, random matrices).

# %%
"""Random sets of classes: fit and penalty of submatrices."""

import itertools
import math

import mpmath as mp
import numpy as np
import sympy as sp

mp.mp.dps = 30

# %% [markdown]
# ## 1. The fit
# **Proof.** Given $c\in T$, the other $k-1$ members are a uniform subset of the $K-1$ rivals, so
# $\mathbb E\sum_{j\in T\setminus c}e^{z_{jc}-z_{cc}}=\frac{k-1}{K-1}\sum_{j\ne c}e^{z_{jc}-z_{cc}}$. The logarithm is
# concave, so with $\mu'=\mu\frac{K-1}{k-1}$ the mean over such $T$ of class $c$'s term is at most that of $f_K$; and
# $\frac1kP(c\in T)=\frac1K$.
#
# **Check**: the mean of the sums over all subsets, and equality at equal logits; a larger $\mu'$ breaks it.


# %%
def check_mean_of_rivals(K, k):
    """The mean over subsets of k - 1 of K - 1 rivals of their sum is (k-1)/(K-1) of the whole."""
    odds = sp.symbols(f"x1:{K}")
    subsets = list(itertools.combinations(odds, k - 1))
    mean = sp.Rational(1, len(subsets)) * sum(sum(subset) for subset in subsets)
    assert sp.expand(mean - sp.Rational(k - 1, K - 1) * sum(odds)) == 0


for K, k in ((3, 2), (5, 3), (6, 4)):
    check_mean_of_rivals(K, k)


def fit(Z, rivals):
    """Mean cross-entropy of logits (a list of rows), rivals counted so many times."""
    K = len(Z)
    odds = [sum(mp.exp(Z[j][c] - Z[c][c]) for j in range(K) if j != c) for c in range(K)]
    return sum(mp.log1p(rivals * x) for x in odds) / K


def submatrices(Z, k):
    """Z_TT for all sets T of k classes."""
    return [[[Z[i][j] for j in T] for i in T] for T in itertools.combinations(range(len(Z)), k)]


def check_fit(Z, k, factor=None):
    """The mean fit of the submatrices is at most the fit, rivals counted ``factor`` = (K-1)/(k-1) times."""
    factor = mp.mpf(len(Z) - 1) / (k - 1) if factor is None else factor
    parts = submatrices(Z, k)
    mean = sum(fit(part, factor) for part in parts) / len(parts)
    assert mean <= fit(Z, mp.mpf(1)) * (1 + mp.mpf(10) ** -25), "the submatrices have a larger fit"


rng = np.random.default_rng(0)


def random_logits(K):
    """The rows of a K x K matrix."""
    return [[mp.mpf(x) for x in row] for row in rng.uniform(-2, 2, (K, K))]


for K, k in ((3, 2), (5, 2), (5, 3), (6, 4)):
    check_fit(random_logits(K), k)
    check_fit([[mp.mpf(0)] * K] * K, k)

# %% [markdown]
# ## 2. A variational formula
# For $0<r\le1$ and invertible $Z$, $A\succ0$, $B\succ0$
# $$\sum_is_i(A^{1/2}ZB^{1/2})^r=\min_{S\succ0}\tfrac12\operatorname{tr}(S^{1/2}Z^\top AZS^{1/2})^r
#   +\tfrac12\operatorname{tr}(S^{-1/2}BS^{-1/2})^r .$$
# **Proof.** With $X=A^{1/2}ZS^{1/2}$ and $Y=S^{-1/2}B^{1/2}$, Horn's inequality gives $\sum s_i(XY)^r\le\sum
# s_i(X)^rs_i(Y)^r\le\frac12\sum s_i(X)^{2r}+\frac12\sum s_i(Y)^{2r}$, the right side above. Equality: let
# $A^{1/2}ZB^{1/2}=U\Sigma V^\top$, $G=\Sigma^{1/2}V^\top B^{-1/2}$ and $S=(G^\top G)^{-1}$, so that $G=OS^{-1/2}$ with
# $O$ orthogonal. Then $Y=O^\top\Sigma^{1/2}V^\top$ and $X=U\Sigma V^\top B^{-1/2}S^{1/2}=U\Sigma^{1/2}O$: all four have
# singular values $\Sigma^{1/2}$.
#
# **Check in digits**: equality at that $S$, and the right side is larger at others.


# %%
def singular_sum(M, power):
    """Sum of the singular values to a power."""
    return sum(s**power for s in mp.svd_r(M, compute_uv=False) if s > mp.mpf(10) ** -20)


def power_of(P, exponent):
    """P^exponent of a positive definite matrix."""
    values, vectors = mp.eigsy((P + P.T) / 2)
    return vectors * mp.diag([value**exponent for value in values]) * vectors.T


def as_matrix(rows):
    """mpmath's matrix."""
    return mp.matrix(rows)


def right_side(Z, A, B, S, r):
    """Half the sum of the two concave traces."""
    X = power_of(A, mp.mpf(1) / 2) * Z * power_of(S, mp.mpf(1) / 2)
    Y = power_of(S, -mp.mpf(1) / 2) * power_of(B, mp.mpf(1) / 2)
    return (singular_sum(X, 2 * r) + singular_sum(Y, 2 * r)) / 2


def positive(K):
    """A random positive definite matrix."""
    R = as_matrix(random_logits(K))
    return R * R.T + mp.eye(K) / 10


def check_formula(K, r):
    """The minimum is attained at S = (G^T G)^(-1)."""
    Z, A, B = as_matrix(random_logits(K)), positive(K), positive(K)
    half = mp.mpf(1) / 2
    product = power_of(A, half) * Z * power_of(B, half)
    _, s, V = mp.svd_r(product)
    G = mp.diag([mp.sqrt(value) for value in s]) * V * power_of(B, -half)
    S = (G.T * G) ** -1
    left = singular_sum(product, r)
    assert abs(left - right_side(Z, A, B, S, r)) < mp.mpf(10) ** -20 * left
    for _ in range(3):
        assert left <= right_side(Z, A, B, positive(K), r)


for r in (mp.mpf(1), mp.mpf(2) / 3, mp.mpf(1) / 2, mp.mpf(1) / 5):
    check_formula(3, r)

# %% [markdown]
# ## 3. Joint concavity
# **Proof.** $x\mapsto x^r$ is concave for $0<r\le1$, hence so is $P\mapsto\operatorname{tr}P^r$ on positive
# semidefinite matrices, and so are $A\mapsto\operatorname{tr}(S^{1/2}Z^\top AZS^{1/2})^r$ and
# $B\mapsto\operatorname{tr}(S^{-1/2}BS^{-1/2})^r$, whose inner maps are linear. A minimum over $S$ of concave functions
# of $(A,B)$ is concave. Both sides are continuous in $Z$, $A$, $B$, so this holds for singular ones, too. With $q=\frac
# r2$ this is the case $q\le\frac12$ of the theorem.
#
# **Check in digits**: the value at the middle is at least the mean of the values at the ends. For $r>1$ (that is
# $q>\frac12$) it is not: $A=B=\operatorname{diag}(1,0)$ and $\operatorname{diag}(0,1)$ with $Z=1$.


# %%
def joint(Z, A, B, r):
    """Sum of s_i(A^(1/2) Z B^(1/2))^r."""
    half = mp.mpf(1) / 2
    return singular_sum(power_of(A, half) * Z * power_of(B, half), r)


def check_concave(ends, Z, r):
    """F at the mean of two pairs is at least the mean of F."""
    (A, B), (C, D) = ends
    middle = joint(Z, (A + C) / 2, (B + D) / 2, r)
    mean = (joint(Z, A, B, r) + joint(Z, C, D, r)) / 2
    assert middle >= mean * (1 - mp.mpf(10) ** -20), "the function is not concave"


def halves():
    """Pairs (A, A) of the two projections on the axes of the plane."""
    first, second = mp.diag([1, 0]), mp.diag([0, 1])
    return [(first, first), (second, second)]


for r in (mp.mpf(1), mp.mpf(2) / 3, mp.mpf(1) / 5):
    check_concave([(positive(3), positive(3)), (positive(3), positive(3))], as_matrix(random_logits(3)), r)
    check_concave(halves(), mp.eye(2), r)

# %% [markdown]
# ## 4. The penalty
# **Proof.** Let $P_T$ be the coordinate projection on $T$; $\mathbb E P_T=\frac kK1$. The nonzero singular values of
# $Z_{TT}$ are those of $P_TZP_T$, $P_T^{1/2}=P_T$, so $\mathbb E\sum s_i(Z_{TT})^p=\mathbb E F(P_T,P_T)\le F(\tfrac
# kK1,\tfrac kK1)=\sum s_i(\tfrac kKZ)^p$ with $r=p$, by Jensen's inequality for the jointly concave $F$.
#
# **Check** (exact): for $Z=11^\top$ every submatrix has the one singular value $k$ and $Z$ has $K$: equality, so no
# factor below $(k/K)^p$ will do. **Check in digits**: random $Z$; at $p>1$ the identity breaks the inequality.


# %%
def check_ones(power):
    """For Z = 1 1^T the penalty shrinks by (k/K)^p; a factor (k/K)^``power`` must not be smaller."""
    for K, k in ((3, 2), (6, 3), (10, 4)):
        p = sp.Rational(2, 3)
        assert sp.Integer(k) ** p <= sp.Rational(k, K) ** power(p) * sp.Integer(K) ** p, "smaller than the submatrices"


check_ones(lambda p: p)


def check_penalty(Z, k, p):
    """The mean over T of sum s_i(Z_TT)^p is at most (k/K)^p sum s_i(Z)^p."""
    parts = submatrices(Z, k)
    mean = sum(singular_sum(as_matrix(part), p) for part in parts) / len(parts)
    whole = (mp.mpf(k) / len(Z)) ** p * singular_sum(as_matrix(Z), p)
    assert mean <= whole * (1 + mp.mpf(10) ** -20), "the submatrices have a larger penalty"


def identity(K):
    """The rows of the unit matrix."""
    return [[mp.mpf(i == j) for j in range(K)] for i in range(K)]


for p in (mp.mpf(1), mp.mpf(2) / 3, mp.mpf(1) / 2, mp.mpf(2) / 11):
    for K, k in ((3, 2), (4, 2), (4, 3), (5, 3)):
        check_penalty(random_logits(K), k, p)
        check_penalty(identity(K), k, p)

# %% [markdown]
# ## 5. The bound
# **Proof.** Let $c'=c(\frac Kk)^p$. By 1 and 4, $\mathbb E_Tf_k(Z_{TT};c',\mu')\le f_K(Z;c,\mu)$, and each term is at
# least $\min f_k$. $\operatorname{rank}Z_{TT}\le\operatorname{rank}Z$; centring its columns changes no logit
# differences and raises no singular value and no rank, so rank $\min(r,k-1)$ suffices on the right.
#
# **Check in digits**: the mean of $f_k$ over all submatrices is at most $f_K$, at random logits and at the simplex.


# %%
def check_bound(Z, k, depth, strength):
    """E_T f_k(Z_TT) <= f_K(Z)."""
    K, p = len(Z), mp.mpf(2) / (depth + 1)
    parts = submatrices(Z, k)
    rivals, larger = mp.mpf(K - 1) / (k - 1), strength * (mp.mpf(K) / k) ** p
    mean = sum(fit(part, rivals) + larger * singular_sum(as_matrix(part), p) for part in parts) / len(parts)
    assert mean <= fit(Z, mp.mpf(1)) + strength * singular_sum(as_matrix(Z), p)


simplex = [[5 * (mp.mpf(i == j) - mp.mpf(1) / 6) for j in range(6)] for i in range(6)]
for depth in (1, 2, 5):
    for strength in (mp.mpf("0.001"), mp.mpf("0.1")):
        check_bound(random_logits(4), 3, depth, strength)
        check_bound(simplex, 3, depth, strength)
assert math.comb(6, 3) == len(submatrices(simplex, 3))
