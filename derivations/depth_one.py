# %% [markdown]
# # Depth one: the simplex is the global minimum
#
# **Statement.** For $L=1$, $n=1$ and $\lambda<\frac1K$ the simplex $aS$, $a=\log(\frac1\lambda-K+1)$, is a global
# minimum of $f(M)=g(M)+\lambda\|M\|_*$; for $\lambda\ge\frac1K$ zero is.
#
# **Sources.** Duality of the nuclear norm is textbook; that one layer gives the simplex is well known (garrod2025
# recalls it).
#
# Cells say **proof** (all $K$).

# %%
"""The dual certificate of the simplex at depth one."""

import sympy as sp

K, lam = sp.symbols("K lambda", positive=True)
a = sp.Symbol("a", real=True)

# %% [markdown]
# ## 1. The gradient at the simplex
# **Proof.** Column $c$ of $aS$ has softmax $q=\rho$ for rivals and $1-(K-1)\rho$ for its own class,
# $\rho=1/(e^a+K-1)$, so $q-e_c=\rho\mathbf 1-K\rho e_c=-K\rho\,Se_c$ and $\nabla g(aS)=\frac1K(q-Y)=-\rho S$.
#
# ## 2. The certificate
# **Proof.** $f$ is convex. With $\rho=\lambda$: $\|\nabla g(aS)\|_2=\lambda$ and
# $-\langle\nabla g(aS),aS\rangle=\lambda a\|S\|_F^2=\lambda\|aS\|_*$, hence for every $M$
# $$f(M)\ge g(aS)+\langle\nabla g(aS),M-aS\rangle+\lambda\|M\|_*\ge g(aS)+\lambda\|aS\|_*=f(aS).$$
# $\rho=\lambda$ is $a=\log(\frac1\lambda-K+1)$, positive iff $\lambda<\frac1K$. At $\lambda\ge\frac1K$ the same with
# $\|\nabla g(0)\|_2=\frac1K\le\lambda$.


# %%
def check_certificate(scale=None):
    """At the stated scale the gradient is -lambda S."""
    scale = sp.log(1 / lam - K + 1) if scale is None else scale
    rho = 1 / (sp.exp(a) + K - 1)
    assert sp.simplify(rho.subs(a, scale) - lam) == 0, "the gradient is not -lambda S"


check_certificate()
for size in (3, 5):
    S = sp.eye(size) - sp.ones(size, size) / size
    total = sp.exp(a * S[0, 0]) + (size - 1) * sp.exp(a * S[1, 0])
    column = [sp.exp(a * S[i, 0]) / total - int(i == 0) for i in range(size)]
    rho = 1 / (sp.exp(a) + size - 1)
    assert all(sp.simplify(x + size * rho * S[i, 0]) == 0 for i, x in enumerate(column))
    assert (S * S - S).is_zero_matrix  # singular values one, so ||S||_F^2 = ||S||_*
assert sp.simplify(1 / (sp.exp(sp.Integer(0)) + K - 1) - 1 / K) == 0
