# %% [markdown]
# # Training without regularisation, as a flow of logits and of singular values
#
# **Statement.** $m=L+1$ factors, $\dot W_l=-\nabla_{W_l}g(W_L\cdots W_1H)$ and $\dot H$ likewise. Balanced factors
# ($W_{l+1}^\top W_{l+1}=W_lW_l^\top$, $W_1^\top W_1=HH^\top$) stay balanced, and the logits obey
# $$\dot Z=-\sum_{i=0}^{m-1}(ZZ^\top)^{i/m}\,\nabla g(Z)\,(Z^\top Z)^{(m-1-i)/m},\qquad
#   \dot s_r=-m\,s_r^{2-2/m}\,u_r^\top\nabla g\,v_r.$$
# With $n$ samples in each of $K$ classes and class-mean logits $M_{xy}=f(x-y)$, $f=\frac1K\sum_k\zeta_k\chi_k$ even,
# over the characters of an abelian group, the singular vectors rest and
# $$\dot\zeta_k=\frac mK\,n^{-1/m}\,\zeta_k^{2-2/m}\sum_x\pi(x)\bigl(1-\chi_k(x)\bigr),\qquad\pi={\rm softmax}f;$$
# for the simplex, $\dot\rho=m\,n^{-1/m}\rho^{2-2/m}/(e^\rho+K-1)$.
#
# **Sources.** The flow of balanced deep linear networks is that of Arora, Cohen, Hazan (2018); garrod2026depth trains
# deep unconstrained feature models from spectral starts. The form in characters is ours.
#
# Cells say **proof** (all $K$, $L$, $n$) or **check** (exact, given sizes).

# %%
"""The flow without regularisation: conserved balance, singular values, characters."""

import itertools

import sympy as sp

m, n, K = sp.symbols("m n K", positive=True)
s, zeta, rho = sp.symbols("s zeta rho", positive=True)

# %% [markdown]
# ## 1. Balance is conserved
# **Proof.** $\nabla_{W_l}g=A_l^\top GB_l^\top$ with $A_l=W_L\cdots W_{l+1}$, $B_l=W_{l-1}\cdots H$. So
# $\frac d{dt}W_{l+1}^\top W_{l+1}=-(W_{l+1}^\top A_{l+1}^\top GB_{l+1}^\top+\text{transpose})$ and
# $\frac d{dt}W_lW_l^\top=-(A_l^\top GB_l^\top W_l^\top+\text{transpose})$ are the same, because $A_l=A_{l+1}W_{l+1}$
# and
# $B_{l+1}=W_lB_l$.

# %%
A, G, B, W, V = sp.symbols("A G B W V", commutative=False)  # A_{l+1}, the slope, B_l, W_{l+1}, W_l; A^T as At below
At, Bt, Wt, Vt = sp.symbols("At Bt Wt Vt", commutative=False)
upper = Wt * (At * G * (Bt * Vt))
lower = (Wt * At) * G * Bt * Vt
assert sp.expand(upper - lower) == 0

# %% [markdown]
# ## 2. The singular values
# **Proof.** Balanced factors have $W_l=U_l\Sigma^{1/m}U_{l-1}^\top$, so that the products around factor $l$ are
# $A_lA_l^\top=(ZZ^\top)^{(L-l)/m}$ and $B_l^\top B_l=(Z^\top Z)^{l/m}$ ($l=0$ for $H$), and
# $\dot Z=-\sum_lA_lA_l^\top GB_l^\top B_l$. In the direction $u_rv_r^\top$ every term has $s_r^{2(L-l)/m+2l/m}$.


# %%
def check_exponent(factors, power=None):
    """Every factor contributes s^(2 - 2/m), m times."""
    L = factors - 1
    power = 2 - sp.Rational(2, factors) if power is None else power
    terms = [s ** (sp.Rational(2 * (L - layer), factors) + sp.Rational(2 * layer, factors)) for layer in range(factors)]
    assert sp.simplify(sum(terms) - factors * s**power) == 0, "the exponent is another"


for factors in (2, 3, 4, 7):
    check_exponent(factors)

# %% [markdown]
# ## 3. Characters
# **Proof.** $Z=MR$ with $R$ repeating columns $n$ times has $s_k(Z)=\sqrt n\,\zeta_k$, and the right singular vectors
# are
# those of $M$ over $\sqrt n$. $\nabla g$ has in column $y$ the entries $\frac1{Kn}(\pi(x-y)-[x=y])$, which is again
# diagonal in the characters, with the eigenvalue $\frac1{Kn}\sum_x\pi(x)(\chi_k(x)-1)$ on the classes, times $\sqrt n$
# for the repetition. So the vectors rest, and with section 2
# $\sqrt n\,\dot\zeta=m(\sqrt n\,\zeta)^{2-2/m}\frac1{K\sqrt n}(1-\hat\pi)$.


# %%
def check_samples(power=None):
    """m (sqrt n zeta)^(2-2/m) / (K sqrt n) / sqrt n = (m/K) n^(-1/m) zeta^(2-2/m)."""
    rate = m * (sp.sqrt(n) * zeta) ** (2 - 2 / m) / (K * sp.sqrt(n)) / sp.sqrt(n)
    wanted = m / K * n ** (-1 / m if power is None else power) * zeta ** (2 - 2 / m)
    assert sp.simplify(sp.expand_log(sp.log(rate / wanted), force=True)) == 0, "the power of n is another"


check_samples()


# %% [markdown]
# **Check** on groups, with entries of $\nabla g$ that are symbols $\pi(x)$: characters diagonalise it.


# %%
def check_characters(orders):
    """For even pi the matrix pi(x - y) has the eigenvector kappa_k with the eigenvalue sum_x pi(x) kappa_k(x)."""
    elements = list(itertools.product(*map(range, orders)))
    minus = lambda x: tuple(-a % o for a, o in zip(x, orders, strict=True))
    pi = {x: sp.Symbol("p" + "".join(map(str, min(x, minus(x))))) for x in elements}
    total = sum(pi[x] for x in elements)
    for k in elements[1:]:
        phase = lambda x, k=k: sum(sp.Rational(a * b, o) for a, b, o in zip(x, k, orders, strict=True))
        kappa = {x: sp.cos(2 * sp.pi * phase(x)) for x in elements}
        value = sum(pi[x] * kappa[x] for x in elements)
        for x in elements:
            apart = lambda y, x=x: tuple((a - b) % o for a, b, o in zip(x, y, orders, strict=True))
            image = sum(pi[apart(y)] * kappa[y] for y in elements)
            assert sp.simplify(sp.expand(image - value * kappa[x])) == 0, "a character is no eigenvector"
    assert total != 0


for orders in ((2, 2), (4,), (5,), (2, 3)):
    check_characters(orders)


# %% [markdown]
# ## 4. The simplex
# **Proof.** All $\zeta_k=\rho$: $f(0)-f(x)=\rho$ for every rival, $\pi=1/(e^\rho+K-1)$ each, and
# $\sum_{x\ne0}(1-\chi_k(x))=K$ because $\sum_x\chi_k(x)=0$.


# %%
def check_simplex(total=None):
    """(m/K) rho^(2-2/m) * K / (e^rho + K - 1)."""
    total = K if total is None else total
    rate = m / K * n ** (-1 / m) * rho ** (2 - 2 / m) * total / (sp.exp(rho) + K - 1)
    wanted = m * n ** (-1 / m) * rho ** (2 - 2 / m) / (sp.exp(rho) + K - 1)
    assert sp.simplify(rate / wanted) == 1, "the rate of the simplex is another"


check_simplex()
