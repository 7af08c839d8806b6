# %% [markdown]
# # Which starts collapse without regularisation
#
# **Statement.** $K$ classes in $K/q$ groups of $q$; singular values $\rho$ of what tells the members of a group apart
# ($K-K/q$ of them) and $z$ of what tells groups apart ($K/q-1$). Such logits keep this form, and
# $$\frac{dz}{d\rho}=\Bigl(\frac z\rho\Bigr)^{2-2/m}R,\qquad R=\frac K{K-q+q\,e^{-(\rho-z)/q}}.$$
# For $m\ge3$ there is one solution, the separatrix, on which $z/\rho\to y^*=(1-\frac qK)^{m/(m-2)}$; above it
# $z/\rho\to1$ (collapse), below it $z$ stays bounded. With four classes $y^*=2^{-m/(m-2)}$. For $m=2$ all starts
# collapse. At $t\to\infty$ the bounded ones of four classes tend to the square, whose value
# $2\cdot2^{2/m}$ of $\sum s_i^{2/m}$ at margin one is below the $3$ of the simplex iff $m>2/\log_2\frac32$.
#
# **Sources.** garrod2026depth asks how depth shrinks the basin of neural collapse. The equation and its separatrix are
# ours; that directions tend to KKT points of the max-margin problem is Lyu and Li (2020), Ji and Telgarsky (2020).
#
# Cells say **proof** (all $K$, $q$, $m$) or **check** (exact, given sizes).

# %%
"""The planar flow of two singular values, its separatrix, and the square against the simplex."""

import sympy as sp

K, q, m, rho, z, x, c, C = sp.symbols("K q m rho z x c C", positive=True)

# %% [markdown]
# ## 1. Two kinds of rivals
# **Proof.** Over the characters that are trivial on the group, the other members have the sum $K/q-1$ and all others
# $-1$ (without the trivial one); over the rest they have $-K/q$ and $0$. So with $f(0)=\frac1K[(K-\frac Kq)\rho+
# (\frac Kq-1)z]$ the members have $f=\frac1K[-\frac Kq\rho+(\frac Kq-1)z]$, the others $-\frac zK$, and
# $f({\rm member})-f({\rm other})=\frac{z-\rho}q$. The means of $1-\chi$ give $D_\rho=q\,\pi_{\rm member}+(K-q)\,
# \pi_{\rm other}$ and $D_z=K\pi_{\rm other}$.


# %%
def check_rivals(sign=1):
    """f(member) - f(other) = (z - rho)/q and the two sums D."""
    g = K / q
    member = (-g * rho + (g - 1) * z) / K
    other = -z / K
    assert sp.simplify(member - other - sign * (z - rho) / q) == 0, "the lead of a member is another"
    near, far = sp.symbols("o b", positive=True)
    D_rho = (q - 1) * far * (1 + g / (K - g)) + (K - q) * near * (1 - 0)
    D_z = (q - 1) * far * 0 + (K - q) * near * (1 + 1 / (g - 1))
    assert sp.simplify(D_rho - (q * far + (K - q) * near)) == 0
    assert sp.simplify(D_z - K * near) == 0


check_rivals()

# %% [markdown]
# ## 2. The separatrix
# **Proof.** While $\rho-z\to\infty$, $R\to c=\frac K{K-q}$ faster than any power. $\frac{dz}{d\rho}=c(z/\rho)^{2-2/m}$
# has
# the solutions $z^{-(1-2/m)}=c\,\rho^{-(1-2/m)}+C$. For $C>0$, $z$ is bounded; for $C<0$, $z$ catches up with $\rho$
# at a
# finite one, until $R$ is no longer $c$; $C=0$ has $z/\rho=c^{-m/(m-2)}$.


# %%
def check_separatrix(limit=None):
    """The general solution, and the ratio on C = 0."""
    power = 1 - 2 / m
    solution = (c * rho ** (-power) + C) ** (-1 / power)
    rate = sp.diff(solution, rho)
    for numbers in ({m: 5, c: 2, C: sp.Rational(1, 3), rho: 7}, {m: 3, c: sp.Rational(9, 7), C: 2, rho: 11}):
        found = (rate / (c * (solution / rho) ** (2 - 2 / m))).subs(numbers)
        assert abs(sp.N(found - 1, 30)) < 1e-25, "the solution is another"
    ratio = c ** (-m / (m - 2)) if limit is None else limit
    assert sp.simplify(sp.log(ratio).subs({m: 6, c: 2}) - sp.log((solution / rho).subs({C: 0, m: 6, c: 2}))).equals(
        0
    ), "the limit is another"
    assert (c ** (-m / (m - 2))).subs({c: 2, m: 3}) == sp.Rational(1, 8)


check_separatrix()


# %% [markdown]
# ## 3. Two factors
# **Proof.** For $m=2$, $\frac{d\log z}{d\log\rho}=R\ge1$, and $R\to c>1$ where $z$ stays behind: $z$ catches up with
# $\rho$.

# %%
assert sp.simplify((K / (K - q + q * sp.exp(-x)) - 1) - q * (1 - sp.exp(-x)) / (K - q + q * sp.exp(-x))) == 0

# %% [markdown]
# ## 4. The square against the simplex
# **Proof.** At margin one the simplex of four classes has three singular values $1$, the square two singular values $2$
# (pairs: margins $1$ and $2$). $2\cdot2^{2/m}<3$ iff $\frac2m<\log_2\frac32$.


# %%
def check_square(threshold=None):
    """2 * 2^(2/m) = 3 at m = 2 / log2(3/2) = 3.419..."""
    threshold = 2 / sp.log(sp.Rational(3, 2), 2) if threshold is None else threshold
    assert sp.simplify(sp.log(2 * 2 ** (2 / threshold)) - sp.log(3)).equals(0), "they tie elsewhere"
    assert sp.Matrix([[1, -1], [-1, 1]]).eigenvals() == {0: 1, 2: 1}


check_square()
assert abs(sp.N(2 / sp.log(sp.Rational(3, 2), 2), 15) - 3.419022582703) < 1e-11

# %% [markdown]
# ## 5. Primes $K=4k+3$
# **Check.** Two values on blocks $\{\chi,\bar\chi\}$ of a cyclic group of prime order stay two only where the classes
# with one value of $f$ form a strongly regular graph: for primes $4k+1$ the quadratic residues do. For $K=7$ and $11$,
# whichever blocks lead, the rates within a level differ. There `one_pair` asks along $(1,\dots,1,r)$, where $r$ belongs
# to one pair; $\chi\mapsto\chi^a$ takes any pair to any other, so that it does not matter which.


# %%
def check_primes(without=(7, 11), with_one=(5, 13)):
    """Some choice of leading blocks has equal rates within both levels for 5 and 13 classes, and none for 7 and 11."""
    stays = [any(_equal_within(n, leads) for leads in _choices(n)) for n in (*without, *with_one)]
    assert stays == [False] * len(without) + [True] * len(with_one), "two values stay two elsewhere"


def _choices(n):
    """All sets of leading blocks but none and all."""
    blocks = range(1, (n + 1) // 2)
    return [[b for b in blocks if mask >> (b - 1) & 1] for mask in range(1, 2 ** len(blocks) - 1)]


def _equal_within(n, leads, high=0.8, low=0.5):
    """Whether sum_x pi(x) (1 - cos(2 pi b x / n)) is the same for all blocks b of a level."""
    from math import cos, exp, pi

    blocks = range(1, (n + 1) // 2)
    wave = {(b, j): cos(2 * pi * b * j / n) for b in blocks for j in range(n)}
    f = [sum(2 * (high if b in leads else low) * wave[b, j] for b in blocks) / n for j in range(n)]
    weight = [exp(value) for value in f]
    rate = {b: sum(w * (1 - wave[b, j]) for j, w in enumerate(weight)) / sum(weight) for b in blocks}
    levels = ([rate[b] for b in blocks if b in leads], [rate[b] for b in blocks if b not in leads])
    return all(max(level) - min(level) < 1e-12 for level in levels)


check_primes()
