# %% [markdown]
# # The Gram chain of a ReLU network
#
# **Statement.** Squared error, one column a class, $X_l=\max(M_l,0)$, $G_l=X_l^\top X_l$, rows of $M_{l+1}$ in the row
# space of $X_l$.
#
# 1. Over all factors with these layers the least objective is
#    $$\tfrac{\lambda_L}2\operatorname{tr}(G_L+\lambda_LKI)^{-1}
#      +\sum_{l=2}^{L-1}\tfrac{\lambda_l}2\operatorname{tr}(M_{l+1}G_l^+M_{l+1}^\top)
#      +\sqrt{n\lambda_H\lambda_1}\|M_2\|_*.$$
#    It depends on each layer only through the one after: a neuron $m$ of layer $l+1$ adds $s(m)s(m)^\top$ to $G_{l+1}$
#    and costs $\frac{\lambda_l}2m^\top G_l^+m$.
# 2. Given $G=G_{L-1}$ the last step is convex in the measure of neurons $m$. A measure is a global minimum of it iff
#    $$\lambda_{L-1}m^\top G^+m\ \ge\ \lambda_L\,s(m)^\top(G_L+\lambda_LKI)^{-2}s(m)\quad\text{for all }m
#      \text{ in the row space},$$
#    with equality at the neurons used.
# 3. As $\lambda\to0$: with $|w|^2$ for the cost of $m=X_{L-1}^\top w$, the least
#    $\|W_{L-1}\|_F^2\operatorname{tr}G_L^{-1}$ is at least, for every symmetric $D\succeq0$,
#    $$\frac{(\operatorname{tr}D^{1/2})^2}{\kappa(D)},\qquad
#      \kappa(D)=\max_{|w|=1}s(X_{L-1}^\top w)^\top D\,s(X_{L-1}^\top w),$$
#    with equality at the best $D$. With $D=I$ this is $K^2/\|X_{L-1}\|^2$, with equality at collapse.
# 4. $K(K+1)/2$ neurons a layer are enough for the last step.
#
# **Sources.** New here; (2) is the convexity in the last hidden layer that is known of networks of two layers.
#
# Cells say **proof** or **check**.

# %%
"""The objective of a relu network as a chain of Gram matrices, and the duality of its last step."""

import numpy as np
import sympy as sp
from scipy.linalg import sqrtm

rng = np.random.default_rng(11)
relu = lambda matrix: np.maximum(matrix, 0)

# %% [markdown]
# ## 1. The chain
# **Proof.** The least $W_l$ with $W_lX_l=M_{l+1}$ is $M_{l+1}X_l^+$, of squared norm
# $\operatorname{tr}M_{l+1}X_l^+X_l^{+\top}M_{l+1}^\top$, and $X^+X^{+\top}=(X^\top X)^+$. $W_1H=M_2$ costs at least
# $\sqrt{n\lambda_H\lambda_1}\|M_2\|_*$ (network_price.py, section 1, with the two regularisations), and $W_L$ is a
# ridge regression (section 2 there).


# %%
def chain(layers, regs, reg_of_features, samples, share=1.0):
    """The formula of the statement; ``share`` multiplies the nuclear norm."""
    size = layers[0].shape[1]
    last = relu(layers[-1])
    value = regs[-1] / 2 * np.trace(np.linalg.inv(last.T @ last + regs[-1] * size * np.eye(size)))
    for reg, before, after in zip(regs[1:-1], layers[:-1], layers[1:], strict=True):
        X = relu(before)
        value += reg / 2 * np.trace(after @ np.linalg.pinv(X.T @ X) @ after.T)
    return value + share * np.sqrt(samples * reg_of_features * regs[0]) * np.linalg.svd(layers[0])[1].sum()


def objective(factors, regs, reg_of_features, samples):
    """The objective of all factors, one column of H a class."""
    *weights, features = factors
    Z = features
    for W in weights[:-1]:
        Z = relu(W @ Z)
    size = features.shape[1]
    value = np.sum((weights[-1] @ Z - np.eye(size)) ** 2) / (2 * size)
    value += sum(reg / 2 * np.sum(W**2) for reg, W in zip(regs, weights, strict=True))
    return value + samples * reg_of_features / 2 * np.sum(features**2)


def check_chain(share=1.0):
    """No factors with the layers are below the formula, and the best ones attain it."""
    regs, reg_of_features, samples, size = [0.02, 0.03, 0.05], 0.04, 3, 4
    features, first, second = rng.normal(size=(4, size)), rng.normal(size=(6, 4)), rng.normal(size=(5, 6))
    M2 = first @ features
    M3 = second @ relu(M2)
    claimed = chain([M2, M3], regs, reg_of_features, samples, share)
    U, s, V = np.linalg.svd(M2, full_matrices=False)
    tilt = (samples * reg_of_features / regs[0]) ** 0.25
    half = np.sqrt(s)
    least = [U * half * tilt, M3 @ np.linalg.pinv(relu(M2))]
    last = relu(M3)
    ridge = np.linalg.solve(last.T @ last + regs[-1] * size * np.eye(size), last.T)
    attained = objective([*least, ridge, half[:, None] * V / tilt], regs, reg_of_features, samples)
    assert abs(attained - claimed) < 1e-12, "the best factors cost something else"
    assert objective([first, second, ridge, features], regs, reg_of_features, samples) > claimed


check_chain()

# %% [markdown]
# ## 2. The last step
# **Proof.** $\operatorname{tr}(S+\epsilon I)^{-1}$ is convex in $S=\sum s(m_j)s(m_j)^\top$, which is linear in the
# measure, and so is the cost: the step is convex. Its derivative towards a neuron $m$ is
# $\frac{\lambda_{L-1}}2m^\top G^+m-\frac{\lambda_L}2s(m)^\top(S+\lambda_LK)^{-2}s(m)$; a convex function on a cone is
# least exactly where no direction falls and those used are level.

# %%
e, h = sp.symbols("epsilon h", positive=True)
x1, x2, s11, s12, s22 = sp.symbols("x_1 x_2 s_11 s_12 s_22", real=True)
S = sp.Matrix([[s11, s12], [s12, s22]]) + e * sp.eye(2)
x = sp.Matrix([x1, x2])
fall = sp.diff((S + h * x * x.T).inv().trace(), h).subs(h, 0)
assert sp.simplify(fall + (x.T * S.inv() * S.inv() * x)[0]) == 0

# %% [markdown]
# ## 3. The limit of vanishing regularisation, by duality
# **Proof.** For $S\succ0$, $D\succeq0$: $\operatorname{tr}S^{-1}+\operatorname{tr}DS\ge2\operatorname{tr}D^{1/2}$
# ($\|S^{-1/2}-S^{1/2}D^{1/2}\|_F^2\ge0$ after a rotation; equality at $D=S^{-2}$). With $S=\sum_js(m_j)s(m_j)^\top$,
# $\operatorname{tr}DS\le\kappa(D)\sum|w_j|^2$. So
# $\operatorname{tr}S^{-1}\ge2\operatorname{tr}D^{1/2}-\kappa(D)\|W\|^2$ and, with $\tau D$ for $D$ at the best
# $\tau>0$, $\operatorname{tr}S^{-1}\|W\|^2\ge(\operatorname{tr}D^{1/2})^2/\kappa(D)$. At the minimum of (2) with
# $D=S^{-2}$ the certificate says
# $\kappa(D)\|W\|^2=\operatorname{tr}DS=\operatorname{tr}S^{-1}=\operatorname{tr}D^{1/2}$. The weights of a measure of
# directions are an A-optimal design. For $D=I$: $|s(X^\top w)|\le|X^\top w|\le\|X\|$.


# %%
def dual(X, D, starts=60):
    """(tr D^1/2)^2 / kappa(D), kappa by ascent from many starts."""
    best = 0.0
    root = np.real(sqrtm(D))
    for _ in range(starts):
        w = rng.normal(size=len(X))
        for _ in range(60):
            # A convex function on the sphere: each step maximises its linear part.
            features = relu(X.T @ w)
            gradient = X @ ((X.T @ w > 0) * (D @ features))
            if not np.linalg.norm(gradient):
                break
            w = gradient / np.linalg.norm(gradient)
        best = max(best, np.sum((root @ relu(X.T @ w)) ** 2))
    return np.trace(root) ** 2 / best


def design(X, directions=1500, rounds=500):
    """The least cost over measures on many directions w: weights of an A-optimal design, by multiplicative steps."""
    w = rng.normal(size=(directions, len(X)))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    features = relu(w @ X)
    weight = np.full(directions, 1 / directions)
    for _ in range(rounds):
        inverse = np.linalg.inv((features.T * weight) @ features)
        gains = np.sum((features @ inverse) ** 2, axis=1)
        weight = weight * np.sqrt(gains)
        weight /= weight.sum()
    return np.trace(inverse), inverse @ inverse


def check_duality(slack=1.0):
    """Every D gives less than every network, and the D of the best measure found gives nearly as much."""
    X = relu(rng.normal(size=(4, 3)))
    X = np.linalg.cholesky(X.T @ X + 0.1 * np.ones((3, 3))).T
    least, best = design(X)
    for _ in range(5):
        A = rng.normal(size=(3, 3))
        assert dual(X, A @ A.T) <= slack * least, "a bound is above a network"
    assert 0.96 * least < dual(X, best) <= least, "the best measure proves less"


check_duality()
for size in (2, 5):
    assert abs(dual(np.eye(size), np.eye(size), 20) - size**2) < 1e-9

# %% [markdown]
# ## 4. Width
# **Proof.** The minimum depends on the measure through $S$ and the cost. At a fixed $S$, with the cost least, the
# matrices $s(m_j)s(m_j)^\top$ lie in a space of dimension $K(K+1)/2$; by Carathéodory so many of them are enough, and
# the cost, linear over the polytope of their weights, is least at a vertex.
