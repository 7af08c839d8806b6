# %% [markdown]
# # Boxes about matrices of rank two: a multiplier that turns with the plane
#
# **Statement.** Notation of `convex_concave.py`, $m=3$ (four classes). Let $\Gamma=\sum_c\frac{g_cg_c^\top}{4\nu_c}$
# for shares $p_c$ of the rivals, $g_c=w_c\sum_jp_{cj}d_{cj}$. Let a box have the directions $\bar u_1,\bar u_2,\bar
# u_3$ in its middle, $u_1$ and $u_3$ within $\alpha_1,\alpha_3\le\frac\pi2$ of theirs, and $m=\Gamma_{Rn}$,
# $\gamma=\Gamma_{nn}$ the parts of $\Gamma$ between the middle plane $R=(\bar u_1,\bar u_2)$ and $n=\bar u_3$.
#
# 1. For all shares, $E\succ0$ of order two and $M=WNW^\top+\lambda_3u_3u_3^\top$, $W$ an isometry onto the plane across
#    $u_3$,
#    $$f(M)\ge\sum_cw_cH(p_c)-\langle E^{-1},W^\top\Gamma W\rangle-\langle E,N\rangle+c(t_1+t_2)
#      +c\,t_3-2\sqrt{\lambda_3\,u_3^\top\Gamma u_3}.$$
# 2. With $u_3=\cos\theta\,n-\sin\theta\,v$ ($v\in R$, $|v|=1$, signs such that $\cos\theta\ge0$), $\eta=\sin\theta\,v$
#    and $b=\frac1{1+\cos\theta}$, the map $W=\begin{pmatrix}1-b\,\eta\eta^\top\\\eta^\top\end{pmatrix}$ is such an
#    isometry, and with $P=E^{-1}$
#    $$\langle P,W^\top\Gamma W\rangle=\langle P,\Gamma_{RR}\rangle+2\eta^\top Pm+\gamma\,\eta^\top P\eta
#      -b\,\eta^\top(P\Gamma_{RR}+\Gamma_{RR}P)\eta-2b\,(\eta^\top m)\,\eta^\top P\eta
#      +b^2\,(\eta^\top\Gamma_{RR}\eta)\,\eta^\top P\eta.$$
# 3. For $|\eta|\le s=\sin\alpha_3$ this exceeds $\langle P,\Gamma_{RR}\rangle$ by at most
#    $$\max_{x\le s}\bigl(2|Pm|x+\kappa x^2\bigr)+2b|m|\|P\|s^3+b^2\|\Gamma_{RR}\|\|P\|s^4,$$
#    $b$ at $\alpha_3$ and $\kappa$ the largest eigenvalue of $\gamma P-\frac12(P\Gamma_{RR}+\Gamma_{RR}P)$ plus
#    $b-\frac12$ times what the least one of $P\Gamma_{RR}+\Gamma_{RR}P$ lacks to zero.
# 4. $c(t_1+t_2)-\langle E,N\rangle$ is least at a vertex, with $W^\top u_1$ within $\min(\alpha_1+\alpha_3,\frac\pi2)$
#    of $\bar u_1$; $c\,t_3-2\sqrt{t_3^{L+1}u_3^\top\Gamma u_3}$ is concave in $t_3$, least at an end.
#
# So a turn of the plane costs the second order where $Pm=0$, as it is at minima of rank two, and small $t_3$ cost
# nothing at all; a multiplier that stays pays $2\alpha_3\sqrt{\lambda_2\gamma}$.
#
# **Sources.** Gibbs' variational principle and the parts named in `convex_concave.py`. The arrangement is this
# project's.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random).

# %%
"""A multiplier that turns with the plane of a matrix near rank two: its value, the turn, the third value, and boxes."""

import itertools

import numpy as np
import sympy as sp

from optima.proofs.form import centred_basis

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. The bound
# **Proof.** By 2 of `convex_concave.py` each $D\succ0$ gives $f(M)\ge\sum w_cH(p_c)-\langle D^{-1},\Gamma\rangle
# -\langle D,M\rangle+c\sum t_i$, and nothing there forbids that $D$ depends on $M$. Take
# $D=WEW^\top+d\,u_3u_3^\top$; then $D^{-1}=WE^{-1}W^\top+\frac1du_3u_3^\top$, since $(W,u_3)$ is a frame, and $\langle
# D,M\rangle=\langle E,N\rangle+d\lambda_3$. The best $d$ has $\frac{g}d+d\lambda_3=2\sqrt{\lambda_3g}$ with
# $g=u_3^\top\Gamma u_3$ (for $\lambda_3g=0$ in the limit).
#
# **Check**: the best $d$. **Check in floating point**: the inverse and the products.


# %%
def check_third(factor=2):
    """g / d + d lambda is factor sqrt(lambda g) at its least."""
    g, d, value = sp.symbols("g d lambda", positive=True)
    cost = g / d + d * value
    least = sp.solve(sp.diff(cost, d), d)[0]
    assert sp.simplify(cost.subs(d, least) - factor * sp.sqrt(value * g)) == 0, "the best d costs otherwise"


check_third()


def positive(order):
    """A random positive definite matrix."""
    root = rng.normal(size=(order, order)) * np.exp(rng.normal(size=order))
    return root @ root.T + 1e-3 * np.eye(order)


def check_parts():
    """D^-1 and <D, M> for D that turns with M."""
    for _ in range(50):
        frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        W, u = frame[:, :2], frame[:, 2]
        E, N, gamma, d, value = positive(2), positive(2), positive(3), rng.exponential(), rng.exponential()
        D, M = W @ E @ W.T + d * np.outer(u, u), W @ N @ W.T + value * np.outer(u, u)
        dual = np.sum(np.linalg.inv(E) * (W.T @ gamma @ W)) + u @ gamma @ u / d
        assert abs(np.sum(np.linalg.inv(D) * gamma) - dual) < 1e-7 * dual
        assert abs(np.sum(D * M) - np.sum(E * N) - d * value) < 1e-9 * np.sum(D * M)


check_parts()

# %% [markdown]
# ## 2. The turn
# **Proof.** $W$ is the identity of $R$ turned by $\theta$ about the axis across $v$: $v$ goes to
# $\cos\theta\,v+\sin\theta\,n$ and what is across $v$ in $R$ stays. $1-b\sin^2\theta=\cos\theta$. The rest is
# multiplied out.
#
# **Check**: isometry, orthogonality, and the polynomial.

# %%
angle = sp.symbols("theta", real=True)
e1, e2 = sp.symbols("eta1 eta2", real=True)
share = sp.symbols("b", positive=True)


def turned(b):
    """W for eta and b."""
    eta = sp.Matrix([e1, e2])
    return (sp.eye(2) - b * eta * eta.T).col_join(eta.T)


def check_isometry(cosine=1):
    """W^T W = 1 and W^T u_3 = 0 for b = 1 / (1 + ``cosine`` cos)."""
    b = 1 / (1 + cosine * sp.cos(angle))
    direction = {e1: sp.sin(angle) * sp.Rational(3, 5), e2: sp.sin(angle) * sp.Rational(4, 5)}
    W = turned(b).subs(direction)
    third = sp.Matrix([-sp.Rational(3, 5) * sp.sin(angle), -sp.Rational(4, 5) * sp.sin(angle), sp.cos(angle)])
    assert (W.T * W - sp.eye(2)).applyfunc(sp.simplify) == sp.zeros(2), "no isometry"
    assert (W.T * third).applyfunc(sp.simplify) == sp.zeros(2, 1), "not across u_3"


check_isometry()


def check_polynomial(quartic=1):
    """The polynomial in eta, with ``quartic`` times its last term."""
    P, G = (sp.Matrix(2, 2, lambda i, j, s=s: sp.Symbol(f"{s}{min(i, j)}{max(i, j)}")) for s in "pg")
    m, own, eta = sp.Matrix(sp.symbols("m0 m1")), sp.Symbol("gamma"), sp.Matrix([e1, e2])
    gamma = G.row_join(m).col_join(m.T.row_join(sp.Matrix([[own]])))
    W = turned(share)
    size = (eta.T * P * eta)[0]
    terms = (P * G).trace() + 2 * (eta.T * P * m)[0] + own * size - share * (eta.T * (P * G + G * P) * eta)[0]
    terms += -2 * share * (eta.T * m)[0] * size + quartic * share**2 * (eta.T * G * eta)[0] * size
    assert sp.expand((P * W.T * gamma * W).trace() - terms) == 0, "another polynomial"


check_polynomial()

# %% [markdown]
# ## 3. The largest value
# **Proof.** $\eta^\top Pm\le|Pm||\eta|$. For $B=P\Gamma_{RR}+\Gamma_{RR}P$ and $b\ge\frac12$, $-b\,\eta^\top
# B\eta\le-\frac12\eta^\top B\eta+(b-\frac12)\max(0,-\lambda_{\min}(B))|\eta|^2$, and $b$ grows with the angle. The
# terms of the third and fourth degree are at most the products of the norms, $P$ and $\Gamma_{RR}$ being positive.
#
# **Check in floating point**: random turns within the angle.


# %%
def most_turned(P, gamma, angle, slope=1.0):
    """The bound of 3."""
    s, b = np.sin(angle), 1 / (1 + np.cos(angle))
    flat, m, own = gamma[:2, :2], gamma[:2, 2], gamma[2, 2]
    B = P @ flat + flat @ P
    bent = np.linalg.eigvalsh(own * P - 0.5 * B)[-1] + (b - 0.5) * max(-np.linalg.eigvalsh(B)[0], 0.0)
    x = np.linspace(0, s, 2001)
    norm = np.linalg.norm(P, 2)
    high = 2 * b * np.linalg.norm(m) * norm * s**3 + b**2 * np.linalg.norm(flat, 2) * norm * s**4
    return np.max(2 * slope * np.linalg.norm(P @ m) * x + bent * x**2) + high


def turn(frame, angle, way):
    """A frame (3, 3) turned with its plane: W and u_3 of 2, v at the angle ``way``."""
    v = np.array([np.cos(way), np.sin(way)])
    eta, b = np.sin(angle) * v, 1 / (1 + np.cos(angle))
    W = np.vstack([np.eye(2) - b * np.outer(eta, eta), eta])
    return frame @ W, frame @ np.append(-eta, np.cos(angle))


def check_most(slope=1.0):
    """No turn within the angle costs more."""
    for _ in range(60):
        P, gamma, angle = positive(2), positive(3), rng.uniform(0.02, np.pi / 2)
        bound = most_turned(P, gamma, angle, slope)
        for _ in range(20):
            W, _ = turn(np.eye(3), angle * rng.uniform() ** 0.3, rng.uniform(0, 2 * np.pi))
            assert np.sum(P * (W.T @ gamma @ W - gamma[:2, :2])) <= bound + 1e-9 * (1 + bound), "a turn costs more"


check_most()

# %% [markdown]
# ## 4. Boxes
# **Proof.** $\angle(W^\top u_1,\bar u_1)=\angle(u_1,W\bar u_1)\le\angle(u_1,\bar u_1)+\angle(\bar u_1,W\bar
# u_1)\le\alpha_1+\alpha_3$; signs of $u_1$ do not matter, so that no angle beyond $\frac\pi2$ does. The rest in the
# plane is 3 and 5 of `convex_concave.py`. $t\mapsto t^{(L+1)/2}$ is convex for $L\ge1$.
#
# By Gibbs and von Neumann's inequality all logits with the matrix $M$ have
# $f\ge\mu(M)=\sum_cw_cH(p_c)-2\operatorname{tr}(M^{1/2}\Gamma M^{1/2})^{1/2}+c\sum t_i$.
#
# **Check in floating point**: that, and that $\mu$ is above the bound for matrices of random boxes, and close to it at
# their edges.


# %%
def direction_at(u, angle):
    """A unit vector at the angle from u."""
    w = rng.normal(size=u.size)
    w -= (w @ u) * u
    return np.cos(angle) * u + np.sin(angle) * w / np.linalg.norm(w)


def root_of(M):
    """M^(1/2)."""
    values, vectors = np.linalg.eigh(M)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def entropy(p):
    """H(p) of shares (C, J), with one more for the class itself."""
    rest = 1 - p.sum(axis=1)
    return -np.sum(p * np.log(p), axis=1) - rest * np.log(rest)


class Box:
    """A random box, the shares in its middle, and its bound; narrow in all but the turn of the plane where told so."""

    def __init__(self, narrow, wide=1.0, third=2.0):
        U = centred_basis(4)
        d = np.stack([np.delete(U, c, axis=0) - U[c] for c in range(4)])
        self.power, loose = int(rng.integers(3, 8)), 0.0 if narrow else 1.0
        # In the fixed frame Gamma is diagonal.
        frame = np.eye(3)[:, rng.permutation(3)] if narrow else np.linalg.qr(rng.normal(size=(3, 3)))[0]
        low = rng.uniform(2, 12) ** (2 / self.power) * np.sort(rng.uniform(0.9, 1.1, 2))[::-1]
        high = low * (1 + 0.1 * loose * rng.uniform(size=2))
        self.low, self.high, self.frame = low, high, frame
        self.a1, self.a3 = loose * rng.uniform(0, 1.0), 10 ** rng.uniform(-2, -0.3)
        self.t3 = low[1] * rng.choice([0.0, rng.uniform(0, 0.9)])
        middle = (0.5 * (low + high)) ** self.power
        self.exponents = lambda Y: np.einsum("cja,ac->cj", d, Y)
        odds = np.exp(self.exponents(frame[:, :2] * np.sqrt(middle) @ frame[:, :2].T @ U.T))
        p = odds / (1 + odds.sum(axis=1, keepdims=True))
        self.entropy, self.g = entropy(p).sum() / 4, np.einsum("cj,cja->ca", p, d) / 4
        self.gamma = self.g.T @ self.g / 4
        gamma, root = frame.T @ self.gamma @ frame, np.diag(np.sqrt(middle))
        E = np.linalg.inv(root) @ root_of(root @ gamma[:2, :2] @ root) @ np.linalg.inv(root)
        self.c = c = np.mean(np.diag(E) * middle / (0.5 * (low + high))) * self.power
        around = np.linspace(-1, 1, 101) * min(wide * (self.a1 + self.a3), np.pi / 2)
        X = np.max([u @ E @ u for u in np.stack([np.cos(around), np.sin(around)], axis=1)])
        equal = [(t, t) for t in (low.max(), high.min()) if low.max() <= high.min()]
        ends = [np.array(t) for t in (*itertools.product(*zip(low, high, strict=True)), *equal) if t[0] >= t[1]]
        plane = min(c * t.sum() - np.dot(t**self.power, [X, np.trace(E) - X]) for t in ends)
        # sqrt(u^T Gamma u) is a norm of u.
        most = np.sqrt(gamma[2, 2]) + np.sin(wide * self.a3) * np.sqrt(np.linalg.norm(gamma, 2))
        across = min(0.0, c * self.t3 - third * self.t3 ** (self.power / 2) * most)
        dual = np.sum(np.linalg.inv(E) * gamma[:2, :2]) + most_turned(np.linalg.inv(E), gamma, wide * self.a3)
        self.bound = self.entropy - dual + plane + across

    def matrix(self):
        """t and the frame of a matrix at the edge of the box, or None."""
        u3 = direction_at(self.frame[:, 2], self.a3 * rng.choice([0.0, 1.0, rng.uniform()]))
        u1 = direction_at(self.frame[:, 0], self.a1 * rng.uniform())
        u1 -= (u1 @ u3) * u3
        u1 /= np.linalg.norm(u1)
        t = self.low + rng.choice([0, 1, rng.uniform()], 2) * (self.high - self.low)
        # Where nothing is turned but the plane, u_1 turns with it.
        inside = self.a1 == 0 or abs(u1 @ self.frame[:, 0]) >= np.cos(self.a1)
        return (np.append(t, rng.choice([0.0, self.t3])), u1, u3) if inside and t[0] >= t[1] else None

    def values(self, t, u1, u3):
        """mu, and the loss of the logits that go best with the shares."""
        half = np.stack([u1, np.cross(u3, u1), u3], axis=1) * t ** (self.power / 2)
        left, singular, right = np.linalg.svd(half.T @ -self.g.T, full_matrices=False)
        inner = root_of(half @ half.T)
        assert abs(singular.sum() - 2 * np.trace(root_of(inner @ self.gamma @ inner))) < 1e-6
        least = self.entropy - singular.sum() + self.c * t.sum()
        exponents = self.exponents(half @ left @ right)
        return least, np.log1p(np.exp(exponents).sum(axis=1)).mean() + self.c * t.sum()


def check_boxes(wide=1.0, third=2.0):
    """f >= mu >= the bound; caps count as ``wide`` times their angles, and lambda_3 with ``third``."""
    for narrow in (True, False):
        closest = np.inf
        for _ in range(40):
            box = Box(narrow, wide, third)
            for matrix in filter(None, (box.matrix() for _ in range(8))):
                least, value = box.values(*matrix)
                assert value >= least * (1 - 1e-12)
                assert least >= box.bound - 1e-7 * abs(value), "a matrix is below the bound of its box"
                closest = min(closest, (least - box.bound) / value)
        assert closest < 1e-2, "the bound is never close"


check_boxes()
