# %% [markdown]
# # Where collapse loses
#
# **Statement.** Squared error, ReLU, $K$ classes, $G$ the price of the targets $Y=I$ of some network at depth $L$.
#
# 1. If $G<K$, deep neural collapse is not a global minimum at any $\lambda$, $\lambda_l$ and $n$ at which it is not
#    zero; the same network with collapse on neurons of its own for the classes more does this for every larger $K$.
# 2. If the copied layers of a network have rank $r<K$ then $(G/K)^{L+1}$ falls by $r/K$ with each layer more: a network
#    that wins at a depth wins at all larger ones.
# 3. So collapse is not optimal for $K\ge10$, $L=3$ and $K\ge6$, $L\ge4$ (the network of sukenik2024), and also for
#    $K\ge7$ at $L=3$, $K\ge3$ at $L\ge4$, $K\ge138$ at $L=2$.
# 4. With the other sign in its last hidden layer the network of sukenik2024 costs at $L=3$ more than collapse, at every
#    $r\ge5$; at $r=4$ the two are the same up to the order of classes.
# 5. All 3-subsets of $r$ points ($K=35,56$) cost at $L=3$ $.8403$ and $.7963$ of collapse; the network of sukenik2024
#    on at most as many classes, with collapse on the others, more than $.94$.
#
# **Sources.** The construction in (3) is that of sukenik2024, where it is shown to beat collapse from the same $K$ on;
# proof and price are derived here. The other thresholds are new here.
#
# Cells say **proof** or **check** (exact, or the sign of a number evaluated to 30 digits).

# %%
"""From how many classes on collapse is not optimal."""

from math import comb

import sympy as sp

K, k, L, G, r = sp.symbols("K k L G r", positive=True)
y, c, p = sp.symbols("y c p", positive=True)

# %% [markdown]
# ## 1. From prices to losses
# **Proof.** With logits $yI$ the data loss is $\frac{(1-y)^2}2$ and the least regulariser $cGy^p$,
# $c=\frac{L+1}2\lambda n^{1/(L+1)}$ (network_price.py); for collapse $G=K$. If its best $y$ is positive, the network is
# lower there already. Factors of two networks on blocks of classes and neurons add their squared norms for each factor;
# at equal scale $\alpha$ of the logits each is balanced, and so is their sum: prices add, $G+(K'-K)<K'$.

# %%
collapse, network = (1 - y) ** 2 / 2 + c * K * y**p, (1 - y) ** 2 / 2 + c * G * y**p
assert sp.simplify(collapse - network - c * (K - G) * y**p) == 0


def check_sum(shares=(1, 1)):
    """Balanced blocks: the squared norms of every factor add to the sum of the prices at one scale of the logits."""
    first, second, depth = sp.Rational(23, 10), sp.Rational(7, 2), 3
    # Each of the L + 1 factors of a block of price rho has squared norm rho at alpha = 1.
    norms = [shares[0] * first + shares[1] * second for _ in range(depth + 1)]
    assert sum(norms) / (depth + 1) == first + second, "the prices do not add"


check_sum()

# %% [markdown]
# ## 2. Layers more
# **Proof.** A copied layer is $W=X X^+$, the projection on the range, of squared norm $r$: $G^{L+1}=C\,r^{L-l}$
# (network_price.py).

# %%
C, least = sp.symbols("C l", positive=True)
ratio = lambda depth: C * r ** (depth - least) / K ** (depth + 1)
assert sp.simplify(ratio(L + 1) / ratio(L) - r / K) == 0

# %% [markdown]
# ## 3. Thresholds
# **Proof** by (1) and (2) from the corners: network_subsets.py has the price of edges against points,
# network_triangle.py three classes ($r=2$, $G^{L+1}=2^{L-3}g^2$, $g<10.4396$), network_pointed_edges.py seven, and
# network_transversal.py depth two at $K=138$.


# %%
def srg(points, depth, far=True):
    """G^(L+1) of the network of sukenik2024 and of the one with the other sign, and K."""
    classes = sp.Integer(points * (points - 1) // 2)
    nuclear = (points - 1) * sp.sqrt(points - 2) + sp.sqrt(2 * points - 2)
    inverse = classes
    if far:
        inverse = sp.Rational(4, ((points - 2) * (points - 3)) ** 2) + sp.Rational(points - 1, (points - 3) ** 2)
        inverse += sp.Rational(points * (points - 3), 2)
    return nuclear**2 * sp.Integer(points) ** (depth - 3) * classes * points / 4 * inverse, classes


def check_published(points, depth, far=True):
    """G < K, and the copied layers have a rank below K."""
    price, classes = srg(points, depth, far)
    assert points < classes
    assert sp.N(price - classes ** (depth + 1), 30) < 0, "it costs more than collapse"


check_published(5, 3)
check_published(4, 4)


def check_triangle(depth):
    """Three classes in the plane."""
    assert 2 ** (depth - 3) * sp.Rational("10.4396") ** 2 < 3 ** (depth + 1), "it costs more than collapse"


check_triangle(4)

# %% [markdown]
# ## 4. The other sign
# **Proof.** $s(V^\top V-J)=I$, all $\mu_i=1$, so that $G^4=N^2\frac{Kr}4K$ with
# $N^2=(r-1)^2(r-2)+2(r-1)+2(r-1)\sqrt{2(r-1)(r-2)}$ and $K=\frac{r(r-1)}2$. Therefore
# $r(r-1)\bigl(\frac{G^4}{K^4}-1\bigr)=2\bigl(\sqrt{2(r-1)(r-2)}-(r-2)\bigr)>0$, since $2(r-1)>r-2$.


# %%
def check_other_sign(cross=2):
    """r (r-1) (G^4/K^4 - 1) is 2 (sqrt(2 (r-1) (r-2)) - (r - 2)); ``cross`` is the factor of the mixed term of N^2."""
    root = sp.Symbol("q", positive=True)
    square = (r - 1) ** 2 * (r - 2) + 2 * (r - 1) + cross * (r - 1) * root
    excess = r * (r - 1) * (square * r / 4 / (r * (r - 1) / 2) ** 2 - 1)
    assert sp.simplify(excess - 2 * (root - (r - 2))) == 0, "the excess is another"


check_other_sign()
nuclear = (r - 1) * sp.sqrt(r - 2) + sp.sqrt(2) * sp.sqrt(r - 1)
mixed = 2 * (r - 1) * sp.sqrt(2) * sp.sqrt(r - 1) * sp.sqrt(r - 2)
assert sp.simplify(sp.expand(nuclear**2) - (r - 1) ** 2 * (r - 2) - 2 * (r - 1) - mixed) == 0
for points in (5, 6, 10, 40):
    price, classes = srg(points, 3, far=False)
    assert sp.N(price - classes**4, 30) > 0
assert srg(4, 3, far=False)[0] == srg(4, 3)[0]

# %% [markdown]
# ## 5. Three-subsets
# **Proof.** $s(J-V^\top V)$ is the Kneser graph of disjoint 3-subsets, with eigenvalues
# $(-1)^j\binom{r-3-j}{3-j}$ of multiplicity $\binom rj-\binom r{j-1}$; with $k=3$, $c=1$ network_subsets.py gives the
# rest.


# %%
def three_subsets(points):
    """G / K at L = 3."""
    classes = sp.Integer(comb(points, 3))
    nuclear = (points - 1) * sp.sqrt(comb(points - 2, 2)) + sp.sqrt(3 * comb(points - 1, 2))
    counts = [comb(points, j) - (comb(points, j - 1) if j else 0) for j in range(4)]
    inverse = sum(sp.Rational(count, comb(points - 3 - j, 3 - j) ** 2) for j, count in enumerate(counts))
    stage = classes * (3 - 2 + sp.Rational(points, 9))
    return sp.N((nuclear**2 * stage * inverse) ** sp.Rational(1, 4) / classes, 30)


def srg_and_collapse(classes):
    """G / K at L = 3, on the largest number of points with at most so many edges, with collapse on the others."""
    points = max(points for points in range(4, classes) if comb(points, 2) <= classes)
    price, own = srg(points, 3)
    return sp.N((price ** sp.Rational(1, 4) + classes - own) / classes, 30)


def check_three_subsets(points, value):
    """G / K to four decimals."""
    assert abs(three_subsets(points) - value) < sp.Rational(1, 20000), "the price is another"


check_three_subsets(7, sp.Rational("0.8403"))
check_three_subsets(8, sp.Rational("0.7963"))
assert min(srg_and_collapse(classes) for classes in (35, 56)) > sp.Rational("0.94")
