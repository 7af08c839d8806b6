# %% [markdown]
# # Spectra of relu networks at deep neural collapse: the kink decides
#
# **Statement.** At deep neural collapse of a relu network the features of every layer are orthogonal frames, one neuron
# (or a set of them) for each class, and the pre-activations of foreign classes are *exactly zero*. What
# $\mathrm{Hess}_l=\frac1N\sum_j(A_{l,j}^\top S_jA_{l,j})\otimes(x_jx_j^\top)$ is depends on $s'(0)$ there. For a
# pattern of diagonal matrices $D_{m,c}$ and unit class means $\hat\mu^{(m)}_c$, squared error,
# $$\lambda_l\kappa\,\rho^{(l+1)}_{cc'}\prod_{m=l+2}^L\bigl(\rho^{(m)}_{cc'}\bigr)^2,\qquad
#   \rho^{(m)}_{cc'}=|D_{m,c}\hat\mu^{(m)}_{c'}|^2,\qquad\text{for all }c,c'.$$
# With $s'(0)=1$: $\lambda_l\kappa$, $K^2$ times. With $s'(0)=0$: $\lambda_l\kappa$, $K$ times for $l<L$ and $K^2$ times
# for $l=L$.
#
# Cross-entropy, logits $\alpha(I-J/K)$, $q=1/(e^\alpha+K-1)$, $P=1-(K-1)q$: $l=L$: $\lambda_L\alpha P$ [$K$],
# $\lambda_L\alpha/K$ [$K(K-2)$]; $l<L$ and $s'(0)=0$: $\lambda_l\alpha P$ [$K$]; $l<L$ and $s'(0)=1$: both values of
# $l=L$ times $\frac K{K-1}$, as often.
#
# **Sources.** garrod2026spectra trains relu networks and shows their outliers. Worked out here: everything above.
#
# Cells say **proof** (all $K$, $L$, $n$) or **check** (exact, given sizes).

# %%
"""Hessians of layers at deep neural collapse of relu networks."""

import sympy as sp

K, q, a, lam, kappa = sp.symbols("K q alpha lambda kappa", positive=True)
P = 1 - (K - 1) * q

# %% [markdown]
# ## 1. Squared error
# $W_m=w_m\sum_{c'}\hat\mu^{(m+1)}_{c'}\hat\mu^{(m)\top}_{c'}$, so $A_{l,c}^\top e_{c'}$ is
# $a\,D_{l+1,c}\hat\mu^{(l+1)}_{c'}$ times $\prod_{m\ge l+2}\rho^{(m)}_{cc'}$ (where masks keep the other means apart:
# they have disjoint neurons), of squared length $a^2\rho^{(l+1)}_{cc'}\prod(\rho^{(m)}_{cc'})^2$, and the vectors
# $A_{l,c}^\top e_{c'}\otimes\hat\mu_c$ are orthogonal. $\frac1Na^2x^2=\lambda_l\kappa$ as in spectra_squared_error.py.
#
# **Check** with neurons: class $c'$ has $k$ neurons of equal weight, of which the pattern of class $c$ has $j_{m}$ on.


# %%
def check_pattern(neurons, on, power=2):
    """|A^T e|^2 of a chain of layers with ``on[m]`` of the neurons of a class on, over a^2: rho times rho^power."""
    unit = sp.Matrix([1] * neurons) / sp.sqrt(neurons)
    vector = sp.Matrix([1])
    masks = [sp.diag(*([1] * count + [0] * (neurons - count))) for count in on]
    # From the output back: W_L^T, then masks and the middle weights unit unit^T.
    vector = unit
    for mask in masks[:0:-1]:
        vector = unit * (unit.T * mask * vector)[0]
    vector = masks[0] * vector
    rho = [sp.Rational(count, neurons) for count in on]
    wanted = rho[0] * sp.prod([share**power for share in rho[1:]])
    assert sp.simplify((vector.T * vector)[0] - wanted) == 0, "the product is another"


for on in ((3, 3, 3), (0, 3, 3), (1, 2, 3), (2, 1, 1), (2,)):
    check_pattern(3, on)

# %% [markdown]
# With $s'(0)=1$ all $\rho=1$. With $s'(0)=0$ $\rho^{(m)}_{cc'}=\delta_{cc'}$, and for $l=L$ there is no $\rho$.
#
# ## 2. Cross-entropy
# $\lambda_l\|W_l\|^2=\alpha q(K-1)$ for all factors (the gradient in $M$ is $-q(I-J/K)$), over $K$ singular values for
# $l<L$ and $K-1$ for $W_L$. $A_{l,c}=aSD_c$, $x_c=xe_c$ with $a^2x^2=\alpha^2/w_l^2$, and on centred vectors
# $v^\top S_cv=q(|v|^2+K(1-Kq)v_c^2)$ (spectra_cross_entropy.py).


# %%
def check_entropy(singular=None):
    """The values of all cases; ``singular`` is the number of singular values of W_l, l < L."""
    singular = K if singular is None else singular
    form = lambda square, own: q * (square + K * (1 - K * q) * own)
    inner = a**2 * lam * singular / (a * q * (K - 1)) / K  # a^2 x^2 / K for l < L
    last = a**2 * lam / (a * q) / K
    share = (K - 1) / K  # |S e_c|^2, and its entry c
    one_neuron = inner * form(share, share**2)
    assert sp.simplify(one_neuron - lam * a * P) == 0, "s'(0) = 0 gives another value"
    along, across = form(1, share), form(1, 0)  # unit vectors along S e_c and across
    assert sp.simplify(last * along - lam * a * P) == 0
    assert sp.simplify(last * across - lam * a / K) == 0
    assert sp.simplify(inner * along - lam * a * P * K / (K - 1)) == 0
    assert sp.simplify(inner * across - lam * a / (K - 1)) == 0


check_entropy()
