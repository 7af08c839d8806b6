# %% [markdown]
# # The least rank of a diagonally superior matrix
#
# **Statement.** A $K\times K$ matrix is diagonally superior when $M_{cc}>M_{jc}$ for all $j\ne c$. The least rank
# $q_K$ of such a matrix is $1$ for $K=2$ and $2$ for every $K\ge3$.
#
# **Sources.** The number $q_K$ is that of garrod2025, Theorem 3. The proof is elementary.
#
# Cells say **proof** (all $K$).

# %%
"""q_K: one for two classes, two for more."""

import sympy as sp

theta = sp.Symbol("theta", positive=True)

# %% [markdown]
# ## 1. Rank one separates at most two classes
# **Proof.** $M=uv^\top$: in column $c$ with $v_c>0$ the largest entry is where $u$ is largest, with $v_c<0$ where $u$
# is smallest, with $v_c=0$ there is no strictly largest entry. So the strict winner of a column is one of two classes,
# and a third class never wins its own column. For $K=2$, $u=v=(1,-1)$ works. **Check** over all sign patterns: the set
# of classes that can win is that of argmax and argmin of $u$.


# %%
def winners(u):
    """Classes that strictly win a column of u v^T for some sign of v."""
    won = set()
    for sign in (1, -1, 0):
        column = [sign * x for x in u]
        best = [i for i, x in enumerate(column) if x == max(column)]
        won |= set(best) if len(best) == 1 else set()
    return won


def check_rank_one(classes):
    """No matrix of rank one is diagonally superior on this many classes (orders of u up to ties suffice)."""
    import itertools

    patterns = itertools.product(range(classes), repeat=classes)
    assert all(len(winners(u)) < classes for u in patterns), "rank one is enough"


check_rank_one(3)
check_rank_one(4)
assert winners((1, -1)) == {0, 1}

# %% [markdown]
# ## 2. Rank two is enough
# **Proof.** The polygon $M_{ij}=\cos\frac{2\pi(i-j)}K=x_i^\top x_j$, $x_i=(\cos\frac{2\pi i}K,\sin\frac{2\pi i}K)$,
# has rank two, $M_{cc}=1$ and $M_{jc}=\cos\frac{2\pi(j-c)}K\le\cos\frac{2\pi}K<1$.

# %%
first, second = sp.symbols("i j", integer=True)
inner = sp.cos(theta * first) * sp.cos(theta * second) + sp.sin(theta * first) * sp.sin(theta * second)
assert sp.simplify(inner - sp.cos(theta * (first - second))) == 0


def check_polygon(classes, rank=2):
    """The polygon on this many classes has rank two and is diagonally superior."""
    M = sp.Matrix(classes, classes, lambda i, j: sp.cos(2 * sp.pi * (i - j) / classes))
    basis = sp.Matrix(classes, 2, lambda i, j: (sp.cos, sp.sin)[j](2 * sp.pi * i / classes))
    assert (basis * basis.T - M).applyfunc(sp.simplify).is_zero_matrix
    assert basis.cols == rank, "the polygon has another rank"
    assert all(sp.N(M[c, c] - M[j, c]) > 1e-3 for c in range(classes) for j in range(classes) if j != c)


for classes in (3, 4, 5, 6, 8):
    check_polygon(classes)
