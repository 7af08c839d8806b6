# %% [markdown]
# # Losses of the named structures, and their stationary scales
#
# **Statement.** A structure fixes the shape of the class-mean logits and leaves a scale $a$ (one for each block of
# classes). Its reduced cross-entropy loss, with $n=1$ and $\lambda$ standing for $\lambda_{\rm eff}$, is
# $$f(a)=G(a)+\tfrac{L+1}2\lambda\,\nu\,a^p,\quad G(a)=\sum_ow_o\log\Bigl(b_o+\sum_jN_{oj}e^{-a\mu_{oj}}\Bigr),
#   \quad\nu=\sum_im_i\sigma_i^p,\quad p=\tfrac2{L+1},$$
# where class orbits $o$ have weight $w_o$ (their share of the $K$ classes), $N_{oj}$ rivals at margin $\mu_{oj}>0$
# and $b_o-1$ rivals at margin zero, and $\sigma_i$ are the nonzero singular values at scale one with multiplicities
# $m_i$. Sections 1-6 prove the margins and singular values of every named structure; sections 7-11 the facts about
# $G$ on which the solvers rely.
#
# **Sources.** Simplex and pairs: garrod2025 (Proposition 1, Theorems 1 and 4). Codes: garrod2026depth. Strongly
# regular graphs, circulants and characters: textbook algebra. Worked out here: the radius of the minimum at zero, the
# fold of the simplex in closed form, the sign of the elasticity's slope for antipodal pairs, and the brackets that
# make every scale a safeguarded scalar root.
#
# Cells say **proof** (all $K$, $L$) or **check** (exact or 50-digit arithmetic, seeded).

# %%
"""Singular values, margins and stationary scales of the named structures."""

import random
from collections import Counter
from itertools import combinations, pairwise, product

import mpmath
import sympy as sp

mp = mpmath.mp.clone()
mp.dps = 50
TINY = mp.mpf(10) ** -40
rng = random.Random(20250102)

a, lam, nu, L = sp.symbols("a lambda nu L", positive=True)
p = 2 / (L + 1)


def orbits(matrix):
    """Columns of an exact matrix counted by their rivals: {((margin, rivals), ...): columns}."""
    out = Counter()
    for j in range(matrix.cols):
        rivals = Counter(sp.nsimplify(matrix[j, j] - matrix[i, j]) for i in range(matrix.rows) if i != j)
        out[tuple(sorted(rivals.items()))] += 1
    return dict(out)


def check_projection(matrix, sigma, rank):
    """All nonzero singular values are sigma, ``rank`` of them: M = M^T, M^2 = sigma M, tr M = sigma rank."""
    assert matrix == matrix.T, "M is not symmetric"
    assert (matrix * matrix - sigma * matrix).applyfunc(sp.simplify).is_zero_matrix, "M is not sigma times a projection"
    assert sp.simplify(matrix.trace() - sigma * rank) == 0, "M has another rank"


# %% [markdown]
# ## 0. Zero
# $M=0$ has loss $\log K$. **Proof** that for $L\ge2$ it is a strict local minimum, with an explicit radius: $g$
# is convex and $\nabla g(0)=-\frac1K(I-\mathbf 1\mathbf 1^\top/K)$ has spectral norm $1/K$, so
# $f(M)-\log K\ge\sum_is_i(c\,s_i^{p-1}-\frac1K)>0$ for all $M\ne0$ whose singular values are below $(cK)^{1/(1-p)}$.

# %%
K = sp.Symbol("K", positive=True)
c = (L + 1) / 2 * lam
radius = (c * K) ** (1 / (1 - p))
assert sp.simplify(sp.expand_log(sp.log(c * radius ** (p - 1) * K), force=True)) == 0
z = sp.symbols("z:4", real=True)
loss_of_first = sp.log(sum(map(sp.exp, z))) - z[0]
gradient = [loss_of_first.diff(x).subs(dict.fromkeys(z, 0)) for x in z]
assert gradient == [sp.Rational(1, 4) - 1, *[sp.Rational(1, 4)] * 3]

# %% [markdown]
# ## 1. Two-distance matrices: simplex, even pairs, strongly regular codes
# A strongly regular graph on $K$ vertices of degree $k$ has
# $A^2=kI+\lambda_GA+\mu_G(J-I-A)$, $J=\mathbf 1\mathbf 1^\top$. With $B=J-I-A$, the span of $I,A,B$ is closed under
# multiplication: $AJ=kJ$ gives $AB=(k-1-\lambda_G)A+(k-\mu_G)B$ and $B^2=(K-k-1)J-B-AB$. Counting the entries of
# a column of $A^2$ gives $k(k-\lambda_G-1)=(K-k-1)\mu_G$. Matrices become coefficient vectors and their products
# rational functions, so the following are **proofs** for all parameters with $\mu_G\ne0$ and $K-k-1\ne0$ (a graph with
# $\mu_G=0$ is a disjoint union of complete graphs: $t=k$, and the code does not separate neighbours):
#
# * $S=I-J/K$ satisfies $S^2=S$, $\operatorname{tr}S=K-1$: singular value 1, $K-1$ times, and every rival at margin 1.
# * $t^2=(\lambda_G-\mu_G)t+k-\mu_G$ for the eigenvalues $t$ other than $k$. The code
#   $M=I+\frac tkA-\frac{1+t}{K-k-1}B$ satisfies $AM=tM$, $JM=0$, $M^2=\frac KfM$, $\operatorname{tr}M=K$, with $f$ the
#   multiplicity of $t$ (from $\operatorname{tr}A=0$). So $M$ is $K/f$ times the projection on the eigenspace: singular
#   value $K/f$, $f$ times. Margins: $1-t/k$ ($k$ rivals) and $1+\frac{1+t}{K-k-1}$ ($K-k-1$ rivals).
# * The complement graph has degree $K-k-1$ and eigenvalues $-1-t$; its code for $-1-t$ is the same matrix.


# %%
def product_table(K, k, common, apart):
    """Products of I, A, B = J - I - A as coefficient vectors in (I, A, B)."""
    AA = (k, common, apart)
    AB = (0, k - 1 - common, k - apart)
    rest = K - k - 1
    BB = (rest, rest - AB[1], rest - 1 - AB[2])
    unit = {0: (1, 0, 0), 1: (0, 1, 0), 2: (0, 0, 1)}
    return {(0, i): unit[i] for i in unit} | {(1, 1): AA, (1, 2): AB, (2, 2): BB}


def multiply(x, y, table):
    """Product of two coefficient vectors (the algebra is commutative)."""
    terms = [(x[i] * y[j], table[min(i, j), max(i, j)]) for i, j in product(range(3), repeat=2)]
    return [sum(weight * entry[n] for weight, entry in terms) for n in range(3)]


def same(x, y):
    """Whether two coefficient vectors agree identically."""
    return all(sp.simplify(u - v) == 0 for u, v in zip(x, y, strict=True))


def check_two_distance(sign=1):
    """The code of an eigenvalue t is K/f times the projection on its eigenspace, for all parameters."""
    t, common, apart = sp.symbols("t lambda_G mu_G")
    k = t**2 - (common - apart) * t + apart
    K = 1 + k + k * (k - common - 1) / apart
    table = product_table(K, k, common, apart)
    other = common - apart - t
    multiplicity = -(k + (K - 1) * other) / (t - other)
    assert sp.simplify(k + multiplicity * t + (K - 1 - multiplicity) * other) == 0
    code = (1, t / k, -sign * (1 + t) / (K - k - 1))
    assert same(multiply((0, 1, 0), code, table), [t * x for x in code]), "not in the eigenspace of t"
    assert same(multiply((1, 1, 1), code, table), [0, 0, 0]), "not centred"
    assert same(multiply(code, code, table), [K / multiplicity * x for x in code]), "not K/f times a projection"
    simplex = (1 - 1 / K, -1 / K, -1 / K)
    assert same(multiply(simplex, simplex, table), simplex), "I - J/K is not a projection"
    degree, eigenvalue = K - k - 1, -1 - t
    assert same(code, (1, -(1 + eigenvalue) / (K - degree - 1), eigenvalue / degree)), "the complement's code differs"


check_two_distance()

# %% [markdown]
# **Proof** for even pairs, all even $K$: with $A$ the permutation that swaps the members of each pair ($k=1$,
# $\lambda_G=\mu_G=0$), $X=I-A$ has $X^2=2X$ and $\operatorname{tr}X=K$: singular value 2, $K/2$ times; the partner is
# at margin 2 and the $K-2$ others at margin 1. So $f=\log(1+(K-2)e^{-a}+e^{-2a})+c\,\frac K2(2a)^p$, and for the
# simplex $f=\log(1+(K-1)e^{-a})+c\,(K-1)a^p$.
#
# **Checks**: the matrices themselves; the Petersen graph and its complement; the 5-cycle, whose code is the pentagon.

# %%
pairs_table = product_table(K, 1, 0, 0)
assert same(multiply((1, -1, 0), (1, -1, 0), pairs_table), (2, -2, 0))


def simplex_shape(K):
    """I - J/K."""
    return sp.eye(K) - sp.ones(K, K) / K


def pairs_shape(K, pairs):
    """[[1, -1], [-1, 1]] on each of the first pairs of classes."""
    return sp.Matrix(K, K, lambda i, j: 0 if max(i, j) >= 2 * pairs else (int(i == j) - int(i == j ^ 1)))


def code(adjacency, t):
    """The two-distance code of an eigenvalue."""
    K, k = adjacency.rows, sum(adjacency.row(0))
    return sp.eye(K) + t / k * adjacency - (1 + t) / (K - k - 1) * (sp.ones(K, K) - sp.eye(K) - adjacency)


for size in range(2, 9):
    check_projection(simplex_shape(size), 1, size - 1)
    assert orbits(simplex_shape(size)) == {((1, size - 1),): size}
for size in range(4, 11, 2):
    check_projection(pairs_shape(size, size // 2), 2, size // 2)
    assert orbits(pairs_shape(size, size // 2)) == {((1, size - 2), (2, 1)): size}

points = list(combinations(range(5), 2))
petersen = sp.Matrix(10, 10, lambda i, j: int(not {*points[i]} & {*points[j]}))
check_projection(code(petersen, sp.Integer(1)), 2, 5)
check_projection(code(petersen, sp.Integer(-2)), sp.Rational(5, 2), 4)
assert orbits(code(petersen, sp.Integer(1))) == {((sp.Rational(2, 3), 3), (sp.Rational(4, 3), 6)): 10}
cycle = sp.Matrix(5, 5, lambda i, j: int((i - j) % 5 in (1, 4)))
golden = (sp.sqrt(5) - 1) / 2
check_projection(code(cycle, golden), sp.Rational(5, 2), 2)
for j in range(5):
    assert sp.simplify(code(cycle, golden)[0, j] - sp.expand_func(sp.cos(2 * sp.pi * j / 5))) == 0

# %% [markdown]
# ## 2. Polygon and cyclic codes
# $M_{ij}=\sum_{k\in T}w_k\cos(2\pi k(i-j)/K)$, $w_k=1$ for $1\le k<K/2$ and $\frac12$ for $k=K/2$.
#
# **Proof.** Roots of unity: $(x-1)\sum_{j<K}x^j=x^K-1$ (induction over $K$), so the sum vanishes for $x^K=1\ne x$ and
# is $K$ for $x=1$. Hence the eigenvectors $(e^{2\pi\mathrm i mj/K})_j$ of the circulant have the eigenvalues
# $\sum_jM_{j0}e^{-2\pi\mathrm i mj/K}$, which by $\cos\theta=\frac12(e^{\mathrm i\theta}+e^{-\mathrm i\theta})$ is
# $K/2$ for $m\equiv\pm k$, $k\in T$, and zero otherwise; at $k=K/2$ both exponentials are the same and $w_k=\frac12$
# gives $K/2$ once. So $M$ is $K/2$ times a projection of rank $r$, $r=2|T|$ less one if $K/2\in T$. Margins are
# $\sum_kw_k(1-\cos(2\pi kj/K))$, for the polygon at least $1-\cos(2\pi/K)$. **Check** at 50 digits: $M^2=\frac K2M$,
# trace, centring.


# %%
def check_circulant(K, frequencies, sigma=None):
    """All nonzero singular values of a cyclic code are K/2 at 50 digits."""
    sigma = mp.mpf(K) / 2 if sigma is None else sigma
    weight = {k: mp.mpf(1) / (2 if 2 * k == K else 1) for k in frequencies}
    rank = sum(1 if 2 * k == K else 2 for k in frequencies)
    row = [mp.fsum(weight[k] * mp.cos(2 * mp.pi * k * j / K) for k in frequencies) for j in range(K)]
    matrix = mp.matrix([[row[(i - j) % K] for j in range(K)] for i in range(K)])
    assert mp.mnorm(matrix * matrix - sigma * matrix, "f") < TINY, "M is not sigma times a projection"
    assert abs(K * row[0] - sigma * rank) < TINY, "M has another rank"
    assert abs(mp.fsum(row)) < TINY, "not centred"
    return [row[0] - x for x in row[1:]]


x, size = sp.symbols("x N")
partial_sum = (x**size - 1) / (x - 1)
assert sp.simplify(partial_sum.subs(size, size + 1) - partial_sum - x**size) == 0
for size in range(3, 11):
    assert min(check_circulant(size, (1,))) > 1 - mp.cos(2 * mp.pi / size) - TINY
    if size >= 6:
        check_circulant(size, (1, size // 2))
        check_circulant(size, (1, 2))

# %% [markdown]
# ## 3. Hadamard codes
# $M_{xy}=\sum_{t\in T}(-1)^{\langle t,x+y\rangle}$ on $K=2^k$ classes. **Proof.**
# $(-1)^{\langle t,x+y\rangle}= \chi_t(x)\chi_t(y)$, and $\sum_x\chi_s(x)\chi_t(x)=\prod_i(1+(-1)^{s_i+t_i})$ is $K$
# for $s=t$ and zero otherwise, so $M=\sum_t\chi_t\chi_t^\top$ is $K$ times the projection on $|T|$ orthogonal
# vectors: singular value $K$, $|T|$ times, margins $|T|-\chi_T(x)$. **Checks**: the orthogonality for $k\le4$; the
# cube at $K=8$; at $K=16$ the folded cube is five times the code of the complement of the Clebsch graph ($k=10$,
# $t=2$, $f=5$).


# %%
def character(t, size):
    """The character of t as a vector over all x."""
    return [(-1) ** (t & x).bit_count() for x in range(size)]


def hadamard(size, T):
    """Logits of the Hadamard code of the characters T."""
    row = [sum(values) for values in zip(*(character(t, size) for t in T), strict=True)]
    return sp.Matrix(size, size, lambda x, y: row[int(x) ^ int(y)])


for bits in (1, 2, 3, 4):
    for s, t in product(range(2**bits), repeat=2):
        inner = sum(u * v for u, v in zip(character(s, 2**bits), character(t, 2**bits), strict=True))
        assert inner == (2**bits if s == t else 0)
check_projection(hadamard(8, (1, 2, 4)), 8, 3)
assert orbits(hadamard(8, (1, 2, 4))) == {((2, 3), (4, 3), (6, 1)): 8}
folded = hadamard(16, (1, 2, 4, 8, 15))
check_projection(folded, 16, 5)
clebsch = sp.Matrix(16, 16, lambda x, y: int(int(x) ^ int(y) in (7, 11, 13, 14, 15)))
assert folded == 5 * code(sp.ones(16, 16) - sp.eye(16) - clebsch, sp.Integer(2))

# %% [markdown]
# ## 4. Pairs for odd $K$
# *Published form*: $\frac{K-1}2$ pairs and $a\,e_Ke_K^\top$. **Proof**: the last row and column are separate, so the
# singular values are 2 ($\frac{K-1}2$ times) and 1; the paired classes have the last class among their $K-2$ rivals
# at margin 1, and the last class has all $K-1$ rivals at margin 1.
#
# *Pairs-free*: pairs at scale $a_1$ and the last column $a_2(e_K-\mathbf 1/K)$. **Proof**: the paired columns sum to
# zero and vanish in row $K$, so they are orthogonal to the last column, whose length is $a_2\sqrt{1-1/K}$. Margins as
# before. *Never above*: at $a_1=a_2$ the fit is that of the published form, and the last term of the penalty carries
# the factor $(1-1/K)^{p/2}<1$.

# %%
assert sp.expand((1 - 1 / K) ** 2 + (K - 1) / K**2 - (1 - 1 / K)) == 0
for size in (3, 5, 7, 9):
    half = (size - 1) // 2
    published = pairs_shape(size, half)
    published[-1, -1] = 1
    square = (published.T * published).eigenvals()
    assert square == {4: half, 1: 1, **({0: half} if half else {})}
    free = pairs_shape(size, half)
    free[:, -1] = -sp.ones(size, 1) / size
    free[-1, -1] += 1
    assert orbits(free) == orbits(published)
    gram = free.T * free
    assert gram[:-1, -1].is_zero_matrix
    assert gram[-1, -1] == 1 - sp.Rational(1, size)
    assert orbits(published) == {((1, size - 1),): 1, ((1, size - 2), (2, 1)): size - 1}

# %% [markdown]
# ## 5. Mixed: simplex on $s$ classes, $m$ pairs
# **Proof.** The blocks share neither rows nor columns, so the singular values are those of the parts: $a_1$ ($s-1$
# times) and $2a_2$ ($m$ times). A simplex class has its own entry $1-1/s$, the $s-1$ others at $-1/s$ (margin 1) and
# $2m$ classes at 0 (margin $1-1/s$); a paired class has its partner at margin 2 and the $K-2$ others at margin 1.

# %%
for rest, pairs in ((3, 1), (3, 2), (4, 1), (5, 2)):
    size = rest + 2 * pairs
    shape = sp.diag(simplex_shape(rest), pairs_shape(2 * pairs, pairs))
    assert orbits(shape) == {
        ((1 - sp.Rational(1, rest), 2 * pairs), (1, rest - 1)): rest,
        ((1, size - 2), (2, 1)): 2 * pairs,
    }

# %% [markdown]
# ## 6. Tight codes; several blocks
# *Tight spherical codes* (root systems, dual lattices, regular polytopes, ...). Let $x_1,\dots,x_K$ be the rows of $X$,
# unit vectors of $\mathbb R^r$ with $\sum_ix_i=0$ and $X^\top X=\frac KrI$, that all see the same inner products, and
# $M=XX^\top$. **Proofs**:
#
# * $M^2=X(X^\top X)X^\top=\frac KrM$ and $\operatorname{tr}M=K$: singular value $K/r$, $r$ times. Margins are
#   $1-\langle x_i,x_j\rangle$, the same for every class. Conversely $rG^2=KNG$ for inner products $G$ of $K$ vectors
#   with $\langle x,x\rangle=N$ makes $G/(KN/r)$ a projection of trace $r$.
# * The orbit of a point under a finite group that is irreducible over $\mathbb R$ is such a code: $X^\top X$ is
#   symmetric and commutes with the group, so its eigenspaces are invariant and it is a multiple of $I$, of trace $K$;
#   the sum of the orbit is fixed, hence zero.
# * $A_n$, $N=n+1$: $\sum_{i\ne j}(e_i-e_j)(e_i-e_j)^\top=2(NI-J)$, which is $2N=2K/n$ on $\mathbf 1^\perp$, for
#   $K=nN$ vectors of square length 2. $D_n$: the mixed terms of $\sum(\pm e_i\pm e_j)(\pm e_i\pm e_j)^\top$ cancel,
#   each $e_ie_i^\top$ occurs $4(n-1)=2K/n$ times for $K=2n(n-1)$.
# * A simplex on $m=n+1$ vertices and its negative, $\frac mn(I-J/m)\otimes E$ with
#   $E=\begin{pmatrix}1&-1\\-1&1\end{pmatrix}$: singular value $\frac mn\cdot2=K/n$, $n$ times.
# * Conference matrices, $C=C^\top$, $C^2=qI$ of order $q+1$: $(I+C/\sqrt q)\otimes E$ has the square
#   $2(I+C/\sqrt q)\otimes2E$; so $K/r=4$ and $r=\frac{q+1}2$ for $K=2(q+1)$.
#
# **Checks** in exact arithmetic: small $A_n$ and $D_n$, $E_8$, the icosahedron with coordinates in
# $\mathbb Z[\sqrt5]$, and the conference matrix of order 6 with the cosines of the icosahedron.


# %%
def check_tight(points, rank):
    """Points on a sphere see the same inner products, add up to zero, and X^T X is K N / r on r dimensions."""
    norm = points[0].dot(points[0])
    seen = {frozenset(Counter(sp.expand(x.dot(y)) for y in points).items()) for x in points}
    assert len(seen) == 1, "the points see different inner products"
    assert sum(points, sp.zeros(*points[0].shape)).applyfunc(sp.expand).is_zero_matrix, "not centred"
    frame = sum((x * x.T for x in points), sp.zeros(len(points[0]))).applyfunc(sp.expand)
    factor = sp.Rational(len(points), rank) * norm
    assert (frame * frame - factor * frame).applyfunc(sp.expand).is_zero_matrix, "not a tight frame"
    assert sp.expand(frame.trace() - factor * rank) == 0, "another rank"


def unit(i, size):
    """The i-th unit vector."""
    return sp.Matrix(size, 1, lambda row, _: int(row == i))


def a_roots(n):
    """e_i - e_j."""
    return [unit(i, n + 1) - unit(j, n + 1) for i in range(n + 1) for j in range(n + 1) if i != j]


def d_roots(n):
    """+-e_i +- e_j."""
    return [
        s * unit(i, n) + t * unit(j, n) for i, j in combinations(range(n), 2) for s, t in product((1, -1), repeat=2)
    ]


def icosahedron():
    """(0, +-1, +-golden ratio) and cyclic images."""
    golden = (1 + sp.sqrt(5)) / 2
    seeds = [(0, s, t * golden) for s, t in product((1, -1), repeat=2)]
    return [sp.Matrix([seed[(i + k) % 3] for i in range(3)]) for seed in seeds for k in range(3)]


for n in (2, 3, 4):
    check_tight(a_roots(n), n)
check_tight(d_roots(4), 4)
check_tight(icosahedron(), 3)
# E_8 at twice its size, in integers: square length 8, so K N / r = 240.
halves = [signs for signs in product((1, -1), repeat=8) if sp.prod(signs) == 1]
e8 = [tuple(int(2 * x) for x in root) for root in d_roots(8)] + halves
assert len(e8) == 240
frame = [[sum(v[i] * v[j] for v in e8) for j in range(8)] for i in range(8)]
assert frame == [[240 * int(i == j) for j in range(8)] for i in range(8)]
assert {frozenset(Counter(sum(map(int.__mul__, v, w)) for w in e8).items()) for v in e8} == {
    frozenset({8: 1, 4: 56, 0: 126, -4: 56, -8: 1}.items())
}
conference = sp.Matrix(6, 6, lambda i, j: 0 if i == j else (1 if 0 in (i, j) or (i - j) % 5 in (1, 4) else -1))
assert conference * conference == 5 * sp.eye(6)
ends = sp.Matrix([[1, -1], [-1, 1]])
assert ends * ends == 2 * ends
cosines = Counter(sp.nsimplify((sp.eye(6) + conference / sp.sqrt(5))[0, j] * s) for j in range(6) for s in (1, -1))
assert cosines == {1: 1, -1: 1, 1 / sp.sqrt(5): 5, -1 / sp.sqrt(5): 5}

# %% [markdown]
# *Several blocks.* When the columns of different blocks are orthogonal the singular values are the union, and the fit
# is a sum over classes, so $f$ is a sum of functions of one scale each: scales are found block by block.
#
# ## 7. Stationary scales
# **Proof** (any $G$): $f'(a)=0$ iff $-G'(a)=\lambda\nu a^{p-1}$. With $\tau=\log(\lambda\nu)$ and
# $$h(a)=\log(-G'(a))+(1-p)\log a-\tau,\qquad \frac{dh}{d\log a}=(1-p)-E(a),\quad E(a)=\frac{aG''(a)}{-G'(a)},$$
# $f'(a)=\lambda\nu a^{p-1}(1-e^{h(a)})$: where $h$ rises through zero $f$ has a maximum, where it falls through zero
# a minimum. If $E$ crosses $1-p$ once, upwards, $h$ is single-humped: it is $-\infty$ at both ends of $(0,\infty)$
# for $L\ge2$, so there are zero, one or two stationary scales, the inner one a maximum and the outer one a minimum.
# For $L=1$ ($p=1$), $h$ falls because $G$ is convex, and there is one stationary scale, a minimum, iff
# $\lambda<-G'(0)/\nu$.


# %%
def loss(G, depth=L):
    """Reduced loss of a fit with Schatten constant nu at scale a."""
    return G + (depth + 1) / 2 * lam * nu * a ** (2 / (depth + 1))


def elasticity(G):
    """E(a) = a G'' / (-G')."""
    return a * G.diff(a, 2) / (-G.diff(a))


G = sp.Function("G")(a)
exp_h = -G.diff(a) * a ** (1 - p) / (lam * nu)
assert sp.simplify(a * sp.log(exp_h).diff(a) - ((1 - p) - elasticity(G))) == 0
assert sp.simplify(sp.powsimp(sp.expand(loss(G).diff(a) - lam * nu * a ** (p - 1) * (1 - exp_h)))) == 0

# %% [markdown]
# **Simplex, proof**: $\lambda=a^{(L-1)/(L+1)}/(e^a+K-1)$; at $L=1$ $a=\log(1/\lambda-K+1)$. $E=a/(1+(K-1)e^{-a})$ is
# a product of two positive increasing functions, so there is one fold, where $E=1-p=\kappa=\frac{L-1}{L+1}$. It is
# explicit: $a_*=\kappa+W_0(\kappa(K-1)e^{-\kappa})$ with Lambert's $W$.


# %%
def check_simplex_curve(power=None):
    """On the curve lam = a^power / (e^a + K - 1), power = (L-1)/(L+1), the simplex is stationary."""
    power = (L - 1) / (L + 1) if power is None else power
    G = sp.log(1 + (K - 1) * sp.exp(-a))
    slope = loss(G).diff(a).subs(nu, K - 1)
    on_curve = slope.subs(lam, a**power / (sp.exp(a) + K - 1))
    assert sp.simplify(on_curve) == 0, "the simplex is not stationary on this curve"


check_simplex_curve()
simplex_fit = sp.log(1 + (K - 1) * sp.exp(-a))
assert sp.simplify(elasticity(simplex_fit) - a / (1 + (K - 1) * sp.exp(-a))) == 0
at_one = 1 / (sp.exp(a) + K - 1)
assert sp.simplify(sp.log(1 / at_one - K + 1) - a) == 0
kappa, W = sp.symbols("kappa W", positive=True)  # W e^W = kappa (K-1) e^(-kappa)
fold_equation = a * sp.exp(a) - kappa * (sp.exp(a) + K - 1)
at_fold = sp.expand(sp.powsimp(sp.expand(fold_equation.subs(a, kappa + W))))
assert sp.simplify(at_fold.subs(K, 1 + W * sp.exp(W) * sp.exp(kappa) / kappa)) == 0

# %% [markdown]
# ## 8. One margin, and antipodal pairs
# *One margin* $\mu$, the same number $N$ of rivals in every orbit (so it is when every rival has that margin: $N=K-1$).
# **Proof**: $E=a\mu\,b/(b+Ne^{-a\mu})$, a product of positive increasing functions. With *different* numbers of rivals
# this may fail: the cell ends with two orbits, $N=10^6$ and $N=1$, for which $E$ falls somewhere.
#
# *Antipodal pairs*, $K\ge4$. With $x=e^{-a}$ and $B=K-2$
# $$E=a\,\frac{B+4x+Bx^2}{(B+2x)(1+Bx+x^2)},$$
# and the derivative in $x$ of the rational factor has the numerator
# $$-2Bx^4-16x^3+(B^3-16B)x^2-4B^2x-B^3+2B=-\bigl[2Bx^4+16x^3+14Bx^2+4B^2x+B(B^2-2)(1-x^2)\bigr].$$
# **Proof**: every term in the bracket is nonnegative for $0<x<1$ and $B\ge2$, so the factor falls in $x$, rises in
# $a$, and $E$ rises. (For $K=2$ there is one margin. For $K=3$ the bracket is negative near $x=0$: no proof this
# way.)


# %%
def pairs_bracket(B, x):
    """Minus the numerator of the derivative, as a sum of terms."""
    return [2 * B * x**4, 16 * x**3, 14 * B * x**2, 4 * B**2 * x, B * (B**2 - 2) * (1 - x**2)]


def check_pairs_slope(least_classes):
    """Every term of the bracket is nonnegative for all K >= least_classes and 0 < x < 1."""
    t, x = sp.symbols("t x", nonnegative=True)
    for term in pairs_bracket(least_classes - 2 + t, x):
        factor = sp.cancel(term / (1 - x**2)) if term.has(1 - x**2) else term
        coefficients = sp.Poly(factor, t, x).coeffs()
        assert all(value >= 0 for value in coefficients), "a term of the bracket is negative for some K"


B, x = sp.symbols("B x", positive=True)
factor = (B + 4 * x + B * x**2) / ((B + 2 * x) * (1 + B * x + x**2))
pairs_fit = sp.log(1 + B * sp.exp(-a) + sp.exp(-2 * a))
assert sp.simplify(elasticity(pairs_fit) - a * factor.subs(x, sp.exp(-a))) == 0
numerator = -2 * B * x**4 - 16 * x**3 + (B**3 - 16 * B) * x**2 - 4 * B**2 * x - B**3 + 2 * B
assert sp.simplify(factor.diff(x) * ((B + 2 * x) * (1 + B * x + x**2)) ** 2 - numerator) == 0
assert sp.expand(numerator + sum(pairs_bracket(B, x))) == 0
check_pairs_slope(4)

margin, N, base = sp.symbols("mu N b", positive=True)
one_margin = elasticity(sp.log(base + N * sp.exp(-a * margin)))
assert sp.simplify(one_margin - a * margin * base / (base + N * sp.exp(-a * margin))) == 0


# %%
def moments(block, a, powers=4):
    """<mu^k> for k = 0..powers-1 in each orbit (weight, base, ((margin, rivals), ...)) of a block at 50 digits."""
    out = []
    for _, base, rivals in block:
        terms = [(mp.mpf(margin), count * mp.exp(-a * margin)) for margin, count in rivals]
        total = base + mp.fsum(term for _, term in terms)
        out.append([mp.fsum(term * margin**k for margin, term in terms) / total for k in range(powers)])
    return out


def cumulants(block, a):
    """kappa_1, kappa_2, kappa_3 of the margins, averaged over the classes."""
    rows = []
    for (weight, *_), (_, one, two, three) in zip(block, moments(block, a), strict=True):
        rows.append([weight * k for k in (one, two - one**2, three - 3 * two * one + 2 * one**3)])
    return [mp.fsum(column) for column in zip(*rows, strict=True)]


def elasticity_at(block, a):
    """E(a) = a kappa_2 / kappa_1 at 50 digits."""
    one, two, _ = cumulants(block, a)
    return a * two / one


def check_increasing(block, scales):
    """E rises from each scale to the next."""
    values = [elasticity_at(block, mp.mpf(s)) for s in scales]
    assert all(x < y for x, y in pairwise(values)), "E falls"


def one_margin_block(*counts):
    """Orbits of equal weight, all rivals at margin 1."""
    return [(mp.mpf(1) / len(counts), 1, ((1, count),)) for count in counts]


def pairs_block(K):
    """Antipodal pairs on K classes, K even."""
    return [(mp.mpf(1), 1, ((1, K - 2), (2, 1)))]


GRID = [mp.mpf(10) ** (mp.mpf(k) / 8) for k in range(-24, 17)]
for size in (4, 6, 10, 100, 10**6):
    check_increasing(pairs_block(size), GRID)
    check_increasing(one_margin_block(size - 1, size - 1), GRID)
uneven = [elasticity_at(one_margin_block(10**6, 1), s) for s in GRID]
assert any(x > y for x, y in pairwise(uneven))

# %% [markdown]
# ## 9. Cumulants of the margins
# Let $S_k(a)=\sum_jN_j\mu_j^ke^{-a\mu_j}$ ($S_0$ with $b$ added), so $S_k'=-S_{k+1}$, and
# $\langle\mu^k\rangle=S_k/S_0$ the moments of the margin under the softmax weights. **Proof**, for any number of
# rivals:
# $$\frac{d\langle\mu^k\rangle}{da}=-\bigl(\langle\mu^{k+1}\rangle-\langle\mu^k\rangle\langle\mu\rangle\bigr)
#   =-\tfrac12\sum_{ij}q_iq_j(\mu_i^k-\mu_j^k)(\mu_i-\mu_j)\le0,$$
# because $\mu^k$ rises with $\mu\ge0$: *all moments decrease in $a$*, and on $[a,b]$ they are enclosed by their end
# values. With cumulants $\kappa_1=\langle\mu\rangle$, $\kappa_2=\langle\mu^2\rangle-\langle\mu\rangle^2$,
# $\kappa_3=\langle\mu^3\rangle-3\langle\mu^2\rangle\langle\mu\rangle+2\langle\mu\rangle^3$ it gives
# $\kappa_1'=-\kappa_2$, $\kappa_2'=-\kappa_3$. Averaged over classes, $-G'=\kappa_1$, $G''=\kappa_2$, so
# $E=a\kappa_2/\kappa_1$ and
# $$\frac{d\log E}{d\log a}=1+E-a\,\frac{\kappa_3}{\kappa_2}.$$


# %%
S = [sp.Function(f"S_{k}")(a) for k in range(5)]
falling = {S[k].diff(a): -S[k + 1] for k in range(4)}
mean = [S[k] / S[0] for k in range(4)]
for k in (1, 2, 3):
    change = mean[k].diff(a).subs(falling)
    assert sp.simplify(change + S[k + 1] / S[0] - mean[k] * mean[1]) == 0
kappa_1, kappa_2 = mean[1], mean[2] - mean[1] ** 2
kappa_3 = mean[3] - 3 * mean[2] * mean[1] + 2 * mean[1] ** 3
assert sp.simplify(kappa_1.diff(a).subs(falling) + kappa_2) == 0
assert sp.simplify(kappa_2.diff(a).subs(falling) + kappa_3) == 0
assert sp.simplify(sp.log(S[0]).diff(a).subs(falling) + kappa_1) == 0

q, mu = [*sp.symbols("q:2")], sp.symbols("mu:3", nonnegative=True)
q.append(1 - sum(q))
for k in (1, 2, 3):
    moment = lambda k: sum(q[i] * mu[i] ** k for i in range(3))
    covariance = sum(q[i] * q[j] * (mu[i] ** k - mu[j] ** k) * (mu[i] - mu[j]) for i, j in product(range(3), repeat=2))
    assert sp.expand(moment(k + 1) - moment(k) * moment(1) - covariance / 2) == 0
    quotient = sum(mu[0] ** i * mu[1] ** (k - 1 - i) for i in range(k))
    assert sp.expand((mu[0] ** k - mu[1] ** k) - (mu[0] - mu[1]) * quotient) == 0


def check_growth(sign=1):
    """dlog E / dlog a = 1 + E - sign a kappa_3 / kappa_2 whatever the averaged cumulants."""
    one, two = sp.Function("kappa_1")(a), sp.Function("kappa_2")(a)
    three = sp.Symbol("kappa_3")
    E = a * two / one
    growth = a * sp.log(E).diff(a).subs({one.diff(a): -two, two.diff(a): -three})
    assert sp.simplify(growth - (1 + E - sign * a * three / two)) == 0, "the elasticity grows otherwise"


check_growth()


# %% [markdown]
# **Check** on random blocks of two orbits, against numerical derivatives; moments fall.


# %%
def random_block():
    """Two orbits with three margins between 1/5 and 4."""
    weight = mp.mpf(rng.randint(1, 9)) / 10
    rivals = lambda: tuple((mp.mpf(rng.randint(1, 20)) / 5, rng.randint(1, 30)) for _ in range(3))
    return [(weight, 1, rivals()), (1 - weight, rng.randint(1, 4), rivals())]


blocks = [random_block() for _ in range(6)]
for block in blocks:
    for scale in (mp.mpf(1) / 10, mp.mpf(1), mp.mpf(5)):
        one, two, three = cumulants(block, scale)
        E = elasticity_at(block, scale)
        growth = scale * mp.diff(lambda s, block=block: mp.log(elasticity_at(block, s)), scale)
        assert abs(growth - (1 + E - scale * three / two)) < mp.mpf(10) ** -20
        early, late = moments(block, scale), moments(block, scale * mp.mpf("1.01"))
        assert all(x > y for u, v in zip(early, late, strict=True) for x, y in zip(u[1:], v[1:], strict=True))

# %% [markdown]
# ## 10. Where $E$ is known without a search
# Let $\mu_{\min}$, $\mu_{\max}$ be the extreme positive margins and $\mathrm{reach}=\max_o\sum_jN_{oj}\mu_{oj}$.
# **Proofs**:
#
# * *Small scales.* $\kappa_2\le\langle\mu^2\rangle\le\mu_{\max}\langle\mu\rangle$, so $E\le a\mu_{\max}$. And
#   $\kappa_3=\langle(\mu-\bar\mu)^3\rangle\le\mu_{\max}\kappa_2$, because $\mu-\bar\mu\le\mu_{\max}$; hence $E$
#   increases for $a\le1/\mu_{\max}$.
# * *Large scales.* $\langle\mu\rangle_o\le\mathrm{reach}\,e^{-a\mu_{\min}}$ (the sum in the denominator is at least
#   one), so $\langle\mu\rangle_o\le\mu_{\min}/2$ once $a\mu_{\min}\ge\log(2\,\mathrm{reach}/\mu_{\min})$. With
#   $\langle\mu^2\rangle\ge\mu_{\min}\langle\mu\rangle$ (a rival at margin zero adds nothing to either),
#   $\kappa_2\ge\langle\mu\rangle(\mu_{\min}-\langle\mu\rangle)\ge\langle\mu\rangle\mu_{\min}/2$, and
#   $E\ge a\mu_{\min}/2\ge1$ for $a\ge\max(2,\log(2\,\mathrm{reach}/\mu_{\min}))/\mu_{\min}$: the curve $h$ falls
#   there at every depth.


# %%
def extremes(block):
    """Smallest margin, largest margin and reach."""
    margins = [margin for *_, rivals in block for margin, _ in rivals]
    reach = max(sum(margin * count for margin, count in rivals) for *_, rivals in block)
    return min(margins), max(margins), reach


def check_far(block, share=1):
    """E >= 1 from share max(2, log(2 reach / mu_min)) / mu_min on (share = 1 is proved)."""
    least, _, reach = extremes(block)
    high = share * max(mp.mpf(2), mp.log(2 * reach / least)) / least
    for factor in (1, mp.mpf("1.5"), 3, 10):
        assert elasticity_at(block, factor * high) >= 1, "E is below one"


def check_near(block):
    """E <= a mu_max, and E rises up to 1 / mu_max."""
    _, most, _ = extremes(block)
    scales = [mp.mpf(k) / (20 * most) for k in range(1, 21)]
    check_increasing(block, scales)
    assert all(elasticity_at(block, s) <= s * most for s in scales)


for block in [*blocks, pairs_block(4), pairs_block(1000), one_margin_block(9)]:
    check_far(block)
    check_near(block)
mean, most, value = sp.symbols("mean mu_max mu", nonnegative=True)
assert sp.factor((most - mean) * (value - mean) ** 2 - (value - mean) ** 3 - (most - value) * (value - mean) ** 2) == 0
first, second, least = sp.symbols("m_1 m_2 mu_min", positive=True)
assert sp.expand((second - first**2) - first * (least - first) - (second - least * first)) == 0

# %% [markdown]
# ## 11. Brackets of the two roots
# **Proofs**, with $R=\sum_ow_o\sum_jN_{oj}\mu_{oj}$ and $\mathrm{excess}=\log R-\tau-(1-p)\log\mu_{\min}$:
#
# * *Outer.* $-G'(a)\le Re^{-a\mu_{\min}}$, so with $x=a\mu_{\min}$, $h\le\mathrm{excess}-x+(1-p)\log x$. At
#   $x=2\max(\mathrm{excess},0)+2$, where $\log x>0$, put $e=\max(\mathrm{excess},0)$:
#   $h\le e-(2e+2)+\log(2e+2)=(\log(1+e)-e)+\log2-2<0$. The bound falls for $x>1$, so the root lies below.
# * *Inner.* $G$ is convex, so $-G'(a)\le-G'(0)$ and $h(a)\le\log(-G'(0))+(1-p)\log a-\tau$, which is zero at
#   $\log a=(\tau-\log(-G'(0)))/(1-p)$. The root lies above.
# * *Fold.* $E\le a\mu_{\max}$ puts the fold above $(1-p)/\mu_{\max}$, and section 10 puts it below where $E\ge1$.


# %%
def curve_at(block, a, flat, tau):
    """h(a) at 50 digits."""
    return mp.log(cumulants(block, a)[0]) + flat * mp.log(a) - tau


def check_brackets(block, flat, tau, twice=2):
    """h is negative at the outer bracket x = twice max(excess, 0) + twice and at the inner one."""
    least, _, _ = extremes(block)
    reach = mp.fsum(weight * mp.fsum(margin * count for margin, count in rivals) for weight, _, rivals in block)
    excess = mp.log(reach) - tau - flat * mp.log(least)
    outer = (twice * max(excess, 0) + twice) / least
    assert curve_at(block, outer, flat, tau) < 0, "the outer bracket is inside the root"
    if flat > 0:
        inner = mp.exp((tau - mp.log(cumulants(block, mp.mpf(0))[0])) / flat)
        assert curve_at(block, inner, flat, tau) <= TINY, "the inner bracket is inside the roots"


e = sp.Symbol("e", nonnegative=True)
bound = e - (2 * e + 2) + sp.log(2 * e + 2)
remainder = sp.log(1 + e) - e
assert sp.simplify(sp.exp(bound) - sp.exp(remainder + sp.log(2) - 2)) == 0
assert remainder.subs(e, 0) == 0
assert sp.simplify(remainder.diff(e) + e / (1 + e)) == 0  # so the remainder falls from zero
assert sp.log(2) - 2 < 0
for block in [*blocks, pairs_block(10), one_margin_block(9)]:
    for flat, log_reg in product((mp.mpf(0), mp.mpf(1) / 3, mp.mpf("0.98")), (-1000, -20, -3, 2)):
        check_brackets(block, flat, mp.mpf(log_reg))

# %% [markdown]
# ## 12. Small regularisation
# **Proof** that $f\sim c\,\nu_1(\log1/\lambda)^p$ as $\lambda\to0$, where $\nu_1=\nu\mu_{\min}^{-p}$ belongs to the
# shape scaled to margin one and no rival is at margin zero. $-G'(a)=e^{-a\mu_{\min}+O(1)}$ for large $a$, so $h=0$ on
# the outer branch reads $a\mu_{\min}=\log(1/\lambda)+(1-p)\log a+O(1)$, that is $a\mu_{\min}\sim\log(1/\lambda)$; the
# penalty is $c\nu a^p\sim c\nu_1(\log1/\lambda)^p$, and the fit $G=O(-G')=O(\lambda a^{p-1})$ is of lower order.
# **Check**: the ratio tends to one for three structures, and reference scales and losses at $K=10$, $n=5$ (the first
# two belong to Figure 1 of garrod2025).


# %%
def optimum(block, singular, depth, reg):
    """Outer stationary scale and reduced loss of a block with (singular value, multiplicity) pairs."""
    power = mp.mpf(2) / (depth + 1)
    nu = mp.fsum(multiplicity * mp.mpf(sigma) ** power for sigma, multiplicity in singular)
    tau = mp.log(reg * nu)
    low, high = mp.mpf(1), mp.mpf(1)
    while curve_at(block, high, 1 - power, tau) > 0:
        low, high = high, 2 * high
    scale = mp.findroot(lambda s: curve_at(block, s, 1 - power, tau), (low, high), solver="anderson")
    fit = mp.fsum(
        weight * mp.log(base + mp.fsum(count * mp.exp(-scale * margin) for margin, count in rivals))
        for weight, base, rivals in block
    )
    return scale, fit + reg / power * nu * scale**power


def pentagon():
    """The regular pentagon as a block."""
    return [(mp.mpf(1), 1, tuple((1 - mp.cos(2 * mp.pi * j / 5), 2) for j in (1, 2)))]


for block, singular in (
    (one_margin_block(9), ((1, 9),)),
    (pairs_block(10), ((2, 5),)),
    (pentagon(), ((mp.mpf(5) / 2, 2),)),
):
    errors = []
    for digits in (10, 100, 10000):
        reg, depth, power = mp.mpf(10) ** -digits, 3, mp.mpf(1) / 2
        least, _, _ = extremes(block)
        nu_1 = mp.fsum(multiplicity * (mp.mpf(sigma) / least) ** power for sigma, multiplicity in singular)
        ratio = optimum(block, singular, depth, reg)[1] / (2 * reg * nu_1 * mp.log(1 / reg) ** power)
        errors.append(abs(ratio - 1))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < mp.mpf("0.001")


def check_reference(structure, depth, log2_reg, scale, value):
    """A reference scale and loss at K = 10, n = 5, to all their digits."""
    block, singular = {"simplex": (one_margin_block(9), ((1, 9),)), "pairs": (pairs_block(10), ((2, 5),))}[structure]
    reg = mp.mpf(2) ** log2_reg * mp.mpf(5) ** (mp.mpf(1) / (depth + 1))
    found = optimum(block, singular, depth, reg)
    for digits, number in zip((scale, value), found, strict=True):
        last_place = mp.mpf(10) ** -len(digits.partition(".")[2])
        assert abs(mp.mpf(digits) - number) <= last_place / 2, "a reference value is off"


check_reference("simplex", 2, -10, "7.03753849442636294105", "0.0906621832128544109223")
check_reference("pairs", 2, -10, "7.04704868833874057139", "0.0800126592451275299200")
check_reference("simplex", 3, -9, "6.78303348007749901571", "0.147060765694726951461")
check_reference("pairs", 3, -9, "6.91888870421903964989", "0.116525256479039123879")
