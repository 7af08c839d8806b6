# %% [markdown]
# # Spectra at the optimum of squared error
#
# **Statement.** Linear model, squared error, balanced classes, $N=Kn$, width $d\ge K$. At the optimum let $\gamma$ be
# the larger root of $\gamma^{L-1}(1-\gamma)^{L+1}=\lambda_1\cdots\lambda_L\lambda_HK^{L+1}n$,
# $\kappa=\frac\gamma{1-\gamma}$ and $\tau=\gamma(1-\gamma)/K$. Without regularisation
# 1. $\mathrm{Hess}_l$ has the eigenvalue $\lambda_l\kappa$, $K^2$ times, eigenvectors
#    $\mu^{(l+1)}_c\otimes\mu^{(l)}_{c'}$, and is zero otherwise; $\mathrm{Hess}_H$ has $\lambda_H\kappa$, $KN$ times;
# 2. $\mathrm{Hess}_l=G_{\rm class}+G_{\rm cross}$ ($G_{\rm within}=0$), of ranks $K$ and $K(K-1)$, all values
#    $\lambda_l\kappa$;
# 3. the gradient is an eigenvector, of squared cosine $\frac1K$ with $\mu^{(l+1)}_c\otimes\mu^{(l)}_c$ and $0$ with the
#    others; $\frac1K$ of its square lies in $G_{\rm class}$ and $\frac{K-1}K$ in $G_{\rm cross}$;
# 4. $W_l^\top W_l$ has $\tau/\lambda_l$ and $X_lX_l^\top/N$ has $|\mu^{(l)}|^2/K$, $K$ times each; the gradients of the
#    samples have second moment $\lambda_l\gamma(1-\gamma)$, $K$ times, and covariance the same, $K-1$ times.
#
# With one $\lambda$ the regularised Hessian of all parameters has, over $\lambda$ and with multiplicities,
# $$(\kappa-1)(L+1)+2\ [\tfrac{K(K+1)}2],\quad(\kappa+1)(L+1)\ [\tfrac{K(K-1)}2],\quad1+\kappa\ [K(N-K)],\quad
#   2\ [\tfrac{LK(K+1)}2+LK(d-K)],\\1\ [(L-1)(d-K)^2+(d-K)(N-K)],\quad0\ [\tfrac{LK(K-1)}2+LK(d-K)]$$
# for $L\ge2$, and is positive semidefinite iff $\gamma\ge\frac{L-1}{2L}$, the fold.
#
# **Sources.** garrod2026spectra states rank $K^2$, equal values, the split, the gradient and $W_l^\top W_l$. Worked out
# here: the constants for one $\lambda$ per factor, the gradients of samples, and the whole Hessian. The split is that
# of Papyan 2020.
#
# Cells say **proof** (all $K$, $L$, $n$, $d$) or **check** (exact, given sizes).

# %%
"""Spectra of layers and of all parameters at the orthogonal frame of squared error."""

import sympy as sp

K, L, n, d, gamma, lam, lam_l = sp.symbols("K L n d gamma lambda lambda_l", positive=True)
N = K * n
kappa, tau = gamma / (1 - gamma), gamma * (1 - gamma) / K


def equal(left, right):
    """Whether two positive expressions are identically equal."""
    return sp.simplify(sp.expand_log(sp.log(left) - sp.log(right), force=True)) == 0


# %% [markdown]
# ## 1. One layer
# The optimum is $Z=\gamma Y$ (squared_error.py), with $K$ singular values $\sqrt n\gamma$, and balanced factors:
# $\lambda_lw_l^2=\lambda_Hh^2=:\tau$. **Proof** of $\tau$: stationarity in $W_l$, $g_l=-\lambda_lW_l$, gives
# $\lambda_l\|W_l\|^2=-\langle\nabla g,Z\rangle=\frac1N\langle(1-\gamma)Y,\gamma Y\rangle=\gamma(1-\gamma)$, over $K$
# equal singular values. The product of all factors is $\tau^{L+1}/(\lambda_1\cdots\lambda_L\lambda_H)=n\gamma^2$, which
# is the equation of $\gamma$.
#
# $A_l^\top A_l$ and $X_lX_l^\top$ are multiples $a^2$ and $x^2$ of projections of rank $K$ with
# $a^2w_l^2x^2=n\gamma^2$, so $\mathrm{Hess}_l=\frac1N(A_l^\top A_l)\otimes(X_lX_l^\top)$ has the one value
# $\frac{n\gamma^2}{N}\frac{\lambda_l}\tau =\lambda_l\kappa$ on the product of both ranges, which the class means
# $\mu^{(l+1)}_c$ and $\mu^{(l)}_{c'}$ span: they are orthogonal and of equal length in every layer. For $H$ there is
# one block $\frac1NA_0^\top A_0$ for each sample, $a_0^2h^2=n\gamma^2$: the same value.


# %%
def check_layer(power=2):
    """Values of one layer: n gamma^power / N over w_l^2 is lambda_l kappa, and tau solves the equation of gamma."""
    value = n * gamma**power / N * lam_l / tau
    assert sp.simplify(value - lam_l * kappa) == 0, "the value is another"
    product = gamma ** (L - 1) * (1 - gamma) ** (L + 1) / (K ** (L + 1) * n)  # lambda_1 ... lambda_L lambda_H
    assert equal(tau ** (L + 1) / product, n * gamma**2), "tau is another"


check_layer()

# %% [markdown]
# ## 2. The split
# In orthonormal bases $\hat\mu_a\otimes\hat\mu_c$ the rows of the square root of $\mathrm{Hess}_l$ are, up to one
# constant, $\delta_{ca}=\hat e_a\otimes\hat e_c$ for each class $c$ and output $a$ (all samples alike,
# $G_{\rm within}=0$). With $\delta_c=\frac1K\sum_a\delta_{ca}$: $G_{\rm class}=K\sum_c\delta_c\delta_c^\top$ is the
# projection $\frac1K\mathbf1\mathbf1^\top\otimes I$ of rank $K$ and
# $G_{\rm cross}=(I-\frac1K\mathbf1\mathbf1^\top)\otimes I$ of rank $K(K-1)$. The gradient is
# $-\lambda_lW_l\propto\sum_c\hat e_c\otimes\hat e_c$. **Check**, exact.


# %%
def check_split(classes, share=None):
    """Ranks, idempotence and the shares of the gradient, 1/K of it in G_class, at given K."""
    share = sp.Rational(1, classes) if share is None else share
    one, eye = sp.ones(classes, classes) / classes, sp.eye(classes)
    in_class, in_cross = sp.kronecker_product(one, eye), sp.kronecker_product(eye - one, eye)
    for part, rank in ((in_class, classes), (in_cross, classes * (classes - 1))):
        assert part * part == part
        assert part.rank() == rank, "the rank is another"
    gradient = sp.Matrix(classes**2, 1, list(eye)) / sp.sqrt(classes)
    assert sp.simplify((gradient.T * in_class * gradient)[0] - share) == 0, "the share is another"
    for row in range(classes):
        for column in range(classes):
            single = sp.kronecker_product(eye[:, row], eye[:, column])
            cosine = (single.T * gradient)[0] ** 2
            assert cosine == (sp.Rational(1, classes) if row == column else 0)


for classes in (2, 3, 4):
    check_split(classes)

# %% [markdown]
# ## 3. Gradients of the samples
# A sample of class $c$ has $g_c=(\gamma-1)A_l^\top e_c\otimes x_c$: orthogonal for different classes, with mean
# $-\lambda_lW_l$. Hence $\frac1{K^2}\sum_c|g_c|^2=\lambda_l^2\|W_l\|^2=\lambda_l\gamma(1-\gamma)$, and the second
# moment has $\frac1K|g_c|^2=\lambda_l\gamma(1-\gamma)$, $K$ times. In the covariance the mean goes, one of them.

# %%
squared = K**2 * lam_l * gamma * (1 - gamma) / K  # |g_c|^2
assert sp.simplify(squared / K - lam_l * gamma * (1 - gamma)) == 0
mean = lam_l * gamma * (1 - gamma)  # |mean|^2, the eigenvalue of its direction
assert sp.simplify(squared / K - mean) == 0

# %% [markdown]
# ## 4. All parameters, one lambda
# The blocks of simplex_hessian.py, section 1 and 2, hold for any critical $Z$ with equal singular values. Here the
# curvature is $\eta=\frac1N$ in every direction, and $h=\eta s^{2L/(L+1)}=\lambda\kappa$ by stationarity. Directions in
# the range of all layers: $2\lambda$ ($L$ times) and $(L+1)h-(L-1)\lambda$ for each symmetric one, $0$ ($L$ times) and
# $(L+1)(h+\lambda)$ for each antisymmetric one. Within classes $\lambda+h$. Directions that leave the range: $0$ and
# $2\lambda$ for each neighbouring pair, and $\lambda$.


# %%
def check_whole(one=lambda: (L - 1) * (d - K) ** 2 + (d - K) * (N - K)):
    """The values over lambda from h, and that the multiplicities are all parameters; ``one`` counts the value 1."""
    s = sp.sqrt(n) * gamma
    reg = (1 - gamma) * gamma ** ((L - 1) / (L + 1)) / (K * n ** (1 / (L + 1)))
    assert equal(s ** (2 * L / (L + 1)) / N, reg * kappa), "h is another"
    assert sp.simplify((L + 1) * kappa - (L - 1) - ((kappa - 1) * (L + 1) + 2)) == 0
    free = d - K
    counts = [
        K * (K + 1) / 2,
        K * (K - 1) / 2,
        K * (N - K),
        L * K * (K + 1) / 2 + L * K * free,
        one(),
        L * K * (K - 1) / 2 + L * K * free,
    ]
    assert sp.expand(sum(counts) - ((L - 1) * d**2 + K * d + d * N)) == 0, "the multiplicities do not add up"


def check_semidefinite(at=None):
    """(kappa - 1)(L + 1) + 2 is zero at gamma = (L-1) / (2 L), unless given, and rises in gamma."""
    at = (L - 1) / (2 * L) if at is None else at
    least = (kappa - 1) * (L + 1) + 2
    assert sp.simplify(least.subs(gamma, at)) == 0, "the threshold is another"
    assert sp.simplify(sp.diff(least, gamma) - (L + 1) / (1 - gamma) ** 2) == 0


check_whole()
check_semidefinite()
