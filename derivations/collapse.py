# %% [markdown]
# # A simplex with balanced factors is deep neural collapse
#
# **Statement.** Let $Z=aSR$, $S=I-\mathbf 1\mathbf 1^\top/K$, $R$ the class memberships ($n$ samples each), and
# $W_l=U_l\Sigma^{1/m}U_{l-1}^\top$, $H=U_0\Sigma^{1/m}V^\top$ balanced factors, $m=L+1$. With $\sigma=(\sqrt na)^{1/m}$
#
# 1. (DNC1) all samples of a class have the same features $h^l_c$ in every layer;
# 2. (DNC2) the class means of every layer have zero global mean and Gram matrix
#    $(h^l_c)^\top h^l_b=\frac{\sigma^{2(l+1)}}n S_{cb}$: a simplex equiangular tight frame;
# 3. (DNC3) every $W_l$ is a multiple of $\bar H_{l+1}\bar H_l^\top$, and $W_L^\top$ a multiple of the centred class
#    means of the last features.
#
# **Sources.** garrod2025, Proposition 1. New here: nothing but the constants.
#
# Cells say **proof** (all $K$, $L$, $n$, $d$) or **check** (exact, one size).

# %%
"""Proposition 1 of garrod2025: the three properties of deep neural collapse."""

from itertools import pairwise

import sympy as sp

# %% [markdown]
# ## 1. Features of every layer
# **Proof.** $Z=U\Sigma V^\top$ with $\Sigma=\sqrt na\,I$ of size $K-1$, $V=R^\top V_K/\sqrt n$ and $V_KV_K^\top=S$ (the
# right singular vectors of $S$ are any orthonormal basis of $\mathbf 1^\perp$, and $U=V_K$). The features
# $H_l=W_{l-1}\cdots W_1H$ telescope, because $U_i^\top U_i=I$, to $U_{l-1}\Sigma^{l/m}V^\top$: their column for a
# sample depends on its class only (DNC1). The class means $\bar H_l=\sigma^l U_{l-1}V_K^\top/\sqrt n$ have
# $\bar H_l\mathbf 1=0$ and $\bar H_l^\top\bar H_l=\frac{\sigma^{2l}}nV_KV_K^\top=\frac{\sigma^{2l}}nS$ (DNC2; with
# $H=H_1$ as layer one). And $\bar H_{l+1}\bar H_l^\top=\frac{\sigma^{2l+1}}nU_lU_{l-1}^\top=\frac{\sigma^{2l}}nW_l$,
# $W_L=\sigma UU_{L-1}^\top=\sigma\,V_KU_{L-1}^\top\propto\bar H_L^\top$ (DNC3).
#
# **Check** of each identity, exactly, at $K=3$, $L=3$, $n=2$, $d=3$ with rational $\sigma$ and hidden bases from Cayley
# transforms.


# %%
def orthogonal(entries):
    """Rational orthogonal 3 x 3 matrix: the Cayley transform of a skew matrix."""
    x, y, z = entries
    skew = sp.Matrix([[0, x, y], [-x, 0, z], [-y, -z, 0]])
    return (sp.eye(3) - skew) * (sp.eye(3) + skew).inv()


S = sp.eye(3) - sp.ones(3, 3) / 3
BASIS = sp.Matrix([[1, 1], [-1, 1], [0, -2]]) * sp.diag(1 / sp.sqrt(2), 1 / sp.sqrt(6))
PAIR_BASIS = sp.Matrix([[1, 0], [-1, 0], [0, 1]]) * sp.diag(1 / sp.sqrt(2), 1)
SIGMA, SAMPLES = sp.Rational(3, 2), 2


def layers(basis):
    """Features of every layer and the weights, for logits with these class-mean singular vectors."""
    V = sp.Matrix(6, 2, lambda i, j: basis[i // SAMPLES, j] / sp.sqrt(SAMPLES))
    hidden = [orthogonal(x)[:, :2] for x in ((1, 2, 0), (sp.Rational(1, 2), -1, 3), (0, 1, -2))]
    chain = [*hidden, basis]
    weights = [SIGMA * after * before.T for before, after in pairwise(chain)]
    features = [SIGMA * hidden[0] * V.T]
    for weight in weights[:-1]:
        features.append(weight * features[-1])
    return features, weights


def check_collapse(basis=BASIS):
    """DNC1, DNC2 and DNC3 at K = 3, L = 3, n = 2."""
    features, weights = layers(basis)
    means = []
    for depth, layer in enumerate(features, start=1):
        assert all(sp.simplify(layer[:, 2 * c] - layer[:, 2 * c + 1]).is_zero_matrix for c in range(3)), "DNC1 fails"
        mean = layer[:, [0, 2, 4]]
        wanted = SIGMA ** (2 * depth) / SAMPLES * S
        assert sp.simplify(mean * sp.ones(3, 1)).is_zero_matrix, "the global mean is not zero"
        assert (mean.T * mean - wanted).applyfunc(sp.simplify).is_zero_matrix, "DNC2 fails"
        means.append(mean)
    for depth, (weight, low, high) in enumerate(zip(weights, means, means[1:], strict=False), start=1):
        aligned = high * low.T - SIGMA ** (2 * depth) / SAMPLES * weight
        assert aligned.applyfunc(sp.simplify).is_zero_matrix, "DNC3 fails"
    last = weights[-1] - SIGMA * means[-1].T * sp.sqrt(SAMPLES) / SIGMA**3
    assert last.applyfunc(sp.simplify).is_zero_matrix, "DNC3 fails in the last layer"


check_collapse()
U, Ut, s = sp.Symbol("U", commutative=False), sp.Symbol("U^T", commutative=False), sp.Symbol("sigma", positive=True)
left, right = sp.Symbol("A", commutative=False), sp.Symbol("B", commutative=False)
assert sp.expand((s * left * Ut) * (s * U * right)).subs(Ut * U, 1) == s**2 * left * right  # the telescope
