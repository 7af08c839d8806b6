# %% [markdown]
# # The convex-plus-concave form, and the bounds of boxes
#
# **Statement.** Weights $w_c$, counts $\nu_c$, $q=\frac1{L+1}$, $p=2q$, an orthonormal basis $U$ of the centred
# vectors, $m=K-1$, logits $z_c=Uy_c$ and $d_{cj}=U_j-U_c$:
# $$f(Y)=\sum_cw_c\ell_c(y_c)+c\sum_is_i\bigl(Y\sqrt\nu\bigr)^p,\qquad
#   \ell_c(y)=\log\Bigl(1+\mu\sum_{j\ne c}e^{d_{cj}\cdot y}\Bigr).$$
#
# 1. $\min f=\min_{M\succeq0}h(M)+c\operatorname{tr}M^q$ with $h(M)=\min\{\sum
#    w_c\ell_c(y_c):\sum_c\nu_cy_cy_c^\top\preceq M\}$ convex and decreasing.
# 2. For $D\succ0$: $h(M)\ge\varphi(D)-\langle D,M\rangle$, $\varphi(D)=\sum_c\min_yw_c\ell_c(y)+\nu_cy^\top Dy$. Any
#    shares $p_c$ of the rivals give $\varphi(D)\ge\sum_cw_cH(p_c)-\frac{g_c^\top D^{-1}g_c}{4\nu_c}$,
#    $g_c=w_c\sum_jp_{cj}d_{cj}$; at the shares of a point $y_c$ with gradient $R_c$ that is its value less
#    $\frac{R_c^\top D^{-1}R_c}{4\nu_c}$.
# 3. With $M=\sum t_i^{L+1}u_iu_i^\top$, $t_1\ge\dots\ge t_m$: $c\sum t_i-\langle D,M\rangle$ is concave in $t$, least
#    at a vertex of the ordered box, and $\langle D,M\rangle=\lambda_2\operatorname{tr}D+(\lambda_1-\lambda_2)u_1^\top
#    Du_1-(\lambda_2-\lambda_3)u_3^\top Du_3$.
# 4. Relabelling and sign bring $u_1$ to an angle in $[0,\frac\pi6]$ for $K=3$, and for $K=4$ (balanced) $u_1$ or, just
#    as well, $u_3$ to a direction $(1,a,b)$, $1\ge a\ge b\ge0$: $u_1$ in chart 0, which needs only
#    $\lambda_1-\lambda_2\ge\lambda_2-\lambda_3$, and $u_3$ in chart 1, which needs only the others.
# 5. Within an angle $\alpha\le\frac\pi2$ of $u$ the largest $v^\top Dv$ is at most a sinusoid's; in chart 0 $u_3$, in
#    chart 1 $u_1$ turns at most $\sqrt{1+\tan^2(\text{latitude})}\le\sqrt2$ times as far as the direction $(1,a,b)$.
# 6. Dropping a $t_i\le(c/A)^{2/(L-1)}$, $A^2=2\sum_cw_c^2/\nu_c$, does not raise $f$ ($L\ge2$).
# 7. For $M=t^{L+1}uu^\top$ and $d>0$: $f\ge\sum_cw_cH(p_c)-\max_uu^\top Qu+ct-dt^{L+1}$,
#    $Q=\sum_c\frac{g_cg_c^\top}{4\nu_cd}$.
# 8. Balanced: $f\ge\min_{x\ge0}\log(1+\mu(K-1)e^{-x/(K-1)})+cx^p$, which is a problem of two classes; on an interval it
#    is bounded by a tangent plus a chord.
# 9. With $X$ the sinusoid's largest value of 5 about $u_1$ and $Z$ the least one about $u_3$, a box has the bound
#    $$F(D)=\varphi(D)+\min_t\Bigl[c\sum t_i-\lambda_2\operatorname{tr}D-(\lambda_1-\lambda_2)X(D)
#      +(\lambda_2-\lambda_3)Z(D)\Bigr],$$
#    $t$ over the vertices, and $F$ is concave: the best bound is a concave maximisation. It may be softened to find
#    $D$.
#
# **Sources.** Weyl's monotonicity, Gibbs' variational principle, weak duality and Jensen's inequality are textbook; the
# form and its use are those of this project's theory, section 5.
#
# Cells say **proof**, **check** (exact) or **check in floating point** (random points).

# %%
"""The convex-plus-concave form: duality, directions, thin values, lines, one direction and the best D."""

import itertools

import numpy as np
import sympy as sp

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. The form
# **Proof.** The Gram matrix $G=\sum\nu_cy_cy_c^\top$ of $Y\sqrt\nu$ has the eigenvalues $s_i^2$, so $c\sum
# s_i^p=c\operatorname{tr}G^q$ and $M=G$ shows $\ge$. For $\le$, if $G\preceq M$ then $s_i^2\le\lambda_i(M)$ (Weyl),
# hence $f(Y)\le h(M)+c\operatorname{tr}M^q$ at the minimiser. $h$ is decreasing since the constraint loosens; convex
# since $\sum\nu_cy_cy_c^\top$ is convex in the Loewner order:
# $\frac{yy^\top+zz^\top}2-\frac{(y+z)(y+z)^\top}4=\frac{(y-z)(y-z)^\top}4\succeq0$. With $t_i=\lambda_i(M)^q$ the
# penalty is $c\sum t_i$, and $\lambda_i=t_i^{L+1}$.
#
# **Check**: that identity, and the exponents.

# %%
y = sp.Matrix(sp.symbols("y1:3", real=True))
z = sp.Matrix(sp.symbols("z1:3", real=True))
assert sp.expand((y * y.T + z * z.T) / 2 - (y + z) * (y + z).T / 4 - (y - z) * (y - z).T / 4) == sp.zeros(2)
t, L, s = sp.symbols("t L s", positive=True)
assert sp.simplify((t ** (L + 1)) ** (1 / (L + 1)) - t) == 0
assert sp.simplify(sp.powsimp(sp.sqrt(t ** (L + 1)) ** (2 / (L + 1))) - t) == 0

# %% [markdown]
# ## 2. Duality
# **Proof.** For $G\preceq M$ and $D\succ0$: $\sum w_c\ell_c\ge\varphi(D)-\langle D,G\rangle\ge\varphi(D)-\langle
# D,M\rangle$. Gibbs: for $p_j\ge0$, $|p|=\sum p_j\le1$,
# $$\ell(y)\ge\sum_jp_jd_j\cdot y+H(p),\qquad H(p)=-\sum_jp_j\log\frac{p_j}\mu-(1-|p|)\log(1-|p|),$$
# the difference being the relative entropy of $(p,1-|p|)$ to the shares at $y$ ($\log$ is concave). The rest is a
# square: $g\cdot y+\nu y^\top Dy\ge-\frac{g^\top D^{-1}g}{4\nu}$. At the shares of $y$ Gibbs is an equality and
# $R=g+2\nu Dy$, so $w\ell+\nu y^\top Dy-\frac{R^\top D^{-1}R}{4\nu}=wH(p)-\frac{g^\top D^{-1}g}{4\nu}$: the residual
# bound is the same number.
#
# **Check**: the difference is a relative entropy, the square, and that identity; for two rivals in the plane.

# %%
mu, nu, w = sp.symbols("mu nu w", positive=True)
p1, p2 = sp.symbols("p1 p2", positive=True)
a1, a2 = sp.symbols("a1 a2", real=True)
entropy = -p1 * sp.log(p1 / mu) - p2 * sp.log(p2 / mu) - (1 - p1 - p2) * sp.log(1 - p1 - p2)
odds = 1 + mu * sp.exp(a1) + mu * sp.exp(a2)
gap = sp.log(odds) - (p1 * a1 + p2 * a2 + entropy)
share = [mu * sp.exp(a) / odds for a in (a1, a2)]
relative = p1 * sp.log(p1 / share[0]) + p2 * sp.log(p2 / share[1]) + (1 - p1 - p2) * sp.log((1 - p1 - p2) * odds)
assert sp.simplify(sp.expand_log(gap - relative, force=True)) == 0

d11, d22, d12 = sp.symbols("d11 d22 d12", real=True)
D = sp.Matrix([[d11, d12], [d12, d22]])
g = sp.Matrix(sp.symbols("g1:3", real=True))


def check_square(factor=4):
    """g . y + nu y^T D y is a square in the metric D less g^T D^-1 g / (factor nu)."""
    at = y + D.inv() * g / (2 * nu)
    left = (g.T * y + nu * y.T * D * y)[0]
    right = (nu * at.T * D * at)[0] - (g.T * D.inv() * g)[0] / (factor * nu)
    assert sp.simplify(left - right) == 0, "the square is completed otherwise"


def check_residual(factor=4):
    """g . y + nu y^T D y less the residual's cost R^T D^-1 R / (factor nu) is -g^T D^-1 g / (4 nu)."""
    R = g + 2 * nu * D * y
    value = (g.T * y + nu * y.T * D * y)[0]
    dual = -(g.T * D.inv() * g)[0] / (4 * nu)
    assert sp.simplify(value - (R.T * D.inv() * R)[0] / (factor * nu) - dual) == 0, "the residual costs something else"


check_square()
check_residual()

# %% [markdown]
# ## 3. Boxes
# **Proof.** For fixed directions $c\sum t_i-\sum t_i^{L+1}u_i^\top Du_i$ is concave in $t\ge0$ ($D\succ0$), so its
# minimum over the polytope $\{\underline t\le t\le\overline t,\,t_1\ge\dots\ge t_m\}$ is at a vertex, whatever the
# directions: take at each vertex the worst ones. At a vertex the coordinates fall into runs of equal ones, each at an
# end of the range of one of its members (else the run could be moved both ways). Since $\sum u_iu_i^\top=1$ the formula
# for $\langle D,M\rangle$ holds, and with $\lambda_1\ge\lambda_2\ge\lambda_3$ only the largest $u_1^\top Du_1$ and the
# least $u_3^\top Du_3$ are needed. Outside $\sum t_i\le\tau$ the penalty exceeds $c\tau$, and $t_i\le\tau/i$ as the $t$
# are ordered.
#
# **Check**: the formula, with a rational frame.


# %%
def check_product(last=-1):
    """<D, M> from the trace and two directions; ``last`` is the sign of the third."""
    skew = sp.Matrix([[0, 1, -2], [-1, 0, 3], [2, -3, 0]])
    frame = (sp.eye(3) - skew) * (sp.eye(3) + skew).inv()
    eigen = sp.symbols("lambda1:4", real=True)
    symbols = iter(sp.symbols("e1:10", real=True))
    E = sp.Matrix(3, 3, lambda i, j: next(symbols))
    E = E + E.T
    M = frame * sp.diag(*eigen) * frame.T
    x, _, last_direction = ((frame[:, i].T * E * frame[:, i])[0] for i in range(3))
    formula = eigen[1] * E.trace() + (eigen[0] - eigen[1]) * x + last * (eigen[1] - eigen[2]) * last_direction
    assert sp.simplify((E * M).trace() - formula) == 0, "<D, M> is another sum"


check_product()

# %% [markdown]
# ## 4. Which directions
# **Proof.** Relabelling by a permutation matrix $\Pi$ ($Z\to\Pi Z\Pi^\top$) keeps a balanced $f$ and takes $M$ to
# $OMO^\top$, $O=U^\top\Pi U$ orthogonal; $u$ and $-u$ give the same $M$. For $K=3$ the $O$ and $-1$ generate the 12
# symmetries of a hexagon, whose mirrors are the multiples of $\frac\pi6$; for $K=4$ the 48 of a cube, all signed
# permutations of the axes, which bring any direction to $u_1\ge u_2\ge u_3\ge0$. The other directions follow from $u_1$
# up to signs: one angle $\psi\in[0,\pi]$ in space.
#
# Nothing here depends on $u_1$ belonging to the largest eigenvalue: for $K=4$ a relabelling brings $u_3$ into the
# triangle instead, and $u_1$, across it, has the angle $\psi$. So every $M$ has, up to relabelling, coordinates in both
# charts, and may be left out of one of them. The rule keeps it in chart 0 where $\lambda_1+\lambda_3-2\lambda_2\ge0$,
# and in chart 1 elsewhere. On a box this number is largest at
# $(\overline\lambda_1,\underline\lambda_2,\overline\lambda_3)$ and least at
# $(\underline\lambda_1,\overline\lambda_2,\underline\lambda_3)$: a box of chart 0 is empty when the first is negative,
# one of chart 1 when the second is positive. A tolerance for rounding leaves some matrices in both charts.
#
# **Check**: the groups, exactly; that the arc $[0,\frac\pi6]$ is enough, while a shorter one is not; in integers, that
# all 48 symmetries bring every direction into the triangle, and that no matrix is lost with the empty boxes.

# %%
root = sp.sqrt
PLANE = root(sp.Rational(2, 3)) * sp.Matrix(
    [[1, 0], [-sp.Rational(1, 2), root(3) / 2], [-sp.Rational(1, 2), -root(3) / 2]]
)
CUBE = sp.Matrix([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 2


def symmetries(basis):
    """O = U^T Pi U and -O for all relabellings."""
    K = basis.shape[0]
    relabelled = [basis.extract(list(order), list(range(K - 1))) for order in itertools.permutations(range(K))]
    return [sign * (basis.T * rows).applyfunc(sp.simplify) for rows in relabelled for sign in (1, -1)]


for basis in (PLANE, CUBE):
    K = basis.shape[0]
    assert (basis.T * basis).applyfunc(sp.simplify) == sp.eye(K - 1)
    assert basis.T * sp.ones(K, 1) == sp.zeros(K - 1, 1)
hexagon, cube = symmetries(PLANE), symmetries(CUBE)
assert len({tuple(move) for move in hexagon}) == 12
assert {tuple(move) for move in cube} == {
    tuple(sp.Matrix(3, 3, lambda i, j, s=signs, o=order: s[i] if o[i] == j else 0))
    for signs in itertools.product((1, -1), repeat=3)
    for order in itertools.permutations(range(3))
}


def check_arc(end):
    """Some symmetry brings each direction of the plane to an angle in [0, ``end``]."""
    groups = [np.array(move, dtype=float) for move in hexagon]
    for angle in np.linspace(0, 2 * np.pi, 97):
        u = np.array([np.cos(angle), np.sin(angle)])
        moved = [np.arctan2(*(move @ u)[::-1]) for move in groups]
        assert any(-1e-9 <= value <= end + 1e-9 for value in moved), "a direction is not reached"


check_arc(np.pi / 6)


def check_triangle(moves=cube):
    """Some of ``moves`` brings each direction of space, be it u_1 or u_3, into 1 >= a >= b >= 0."""
    group = np.array([np.array(move, dtype=int) for move in moves])
    for u in itertools.product(range(-3, 4), repeat=3):
        x, y, z = (group @ np.array(u)).T
        assert np.any((x >= y) & (y >= z) & (z >= 0)), "a direction is not reached"


check_triangle()


def check_charts(largest=lambda low, high: high[0] + high[2] - 2 * low[1]):
    """No chart needs a matrix of its empty boxes, where lambda_1 + lambda_3 - 2 lambda_2 is ``largest`` at most."""
    ends = [(low, high) for low in range(4) for high in range(low, 4)]
    for box in itertools.product(ends, repeat=3):
        low, high = zip(*box, strict=True)
        least = low[0] + low[2] - 2 * high[1]
        for first, second, third in itertools.product(*(range(low, high + 1) for low, high in box)):
            if first >= second >= third:
                value = first + third - 2 * second
                assert value < 0 or largest(low, high) >= 0, "chart 0 loses a matrix"
                assert value >= 0 or least <= 0, "chart 1 loses a matrix"


check_charts()

# %% [markdown]
# ## 5. Caps
# **Proof.** The largest $u^\top Du=\bar d+x\cos2\theta+y\sin2\theta$ on an arc is at an end or at the peak. In space a
# unit $v=\cos s\,u+\sin s\,w$, $w\perp u$, has $v^\top Dv\le\cos^2s\,u^\top
# Du+\sin2s\,|PDu|+\sin^2s\,\lambda_{\max}(PDP)$, $P=1-uu^\top$ on the plane across; in $2s\in[0,2\alpha]$ this is a
# sinusoid. A cone about $u$ of an angle below $\frac\pi2$ is convex and cuts the plane $(1,a,b)$ in a convex set, so a
# rectangle of $(a,b)$ is within the angle of its farthest corner. Let $u_1$ have longitude $\phi$ and latitude $\beta$,
# $\hat e$ and $\hat n$ east and north, $u_3=\cos\psi\,\hat e+\sin\psi\,\hat n$. Then $|\dot
# u_1|^2=\dot\beta^2+\cos^2\beta\,\dot\phi^2$ and $|\dot
# u_3|^2=(\cos\psi\cos\beta\,\dot\phi+\sin\psi\,\dot\beta)^2+\sin^2\beta\,\dot\phi^2\le(1+\tan^2\beta)|\dot u_1|^2$;
# $\tan\beta=\frac b{\sqrt{1+a^2}}\le1$. The great circle from the middle to a point of the box is a straight line in
# $(a,b)$, so it stays in the box; then $\psi$ turns $u_3$ by at most half its range. Only that $u_3$ is across $u_1$
# was used, so in chart 1 $u_1$ and $u_3$ change places: $u_3$ stays in the cap of the rectangle, and $u_1$ turns at
# most $\sqrt{1+\tan^2\beta}$ times as far, plus half the range of $\psi$.
#
# **Check**: the speeds; and the cap's bound in floating point.


# %%
def check_speed(bound=lambda beta: 1 + sp.tan(beta) ** 2):
    """|u_3'|^2 <= bound |u_1'|^2: the matrix of the difference has nonnegative trace and determinant."""
    phi, beta, psi = sp.symbols("phi beta psi", real=True)
    first = sp.Matrix([sp.cos(beta) * sp.cos(phi), sp.cos(beta) * sp.sin(phi), sp.sin(beta)])
    east, north = sp.Matrix([-sp.sin(phi), sp.cos(phi), 0]), first.diff(beta)
    third = sp.cos(psi) * east + sp.sin(psi) * north
    assert sp.simplify(first.dot(third)) == 0
    metric = [[u.jacobian([phi, beta]).T * u.jacobian([phi, beta])][0].applyfunc(sp.simplify) for u in (first, third)]
    slack = bound(beta) * metric[0] - metric[1]
    for latitude, turn in itertools.product((0, sp.pi / 7, sp.pi / 4), (0, sp.pi / 3, sp.pi / 2, 2)):
        entries = slack.subs({beta: latitude, psi: turn})
        assert sp.N(entries.trace()) > -1e-12, "u_3 is faster"
        assert sp.N(entries.det()) > -1e-12, "u_3 is faster"


check_speed()


def check_cap(cross=1.0):
    """v^T D v within an angle of u stays below the sinusoid, with ``cross`` times |P D u|."""
    for _ in range(200):
        E = rng.normal(size=(3, 3))
        E = E + E.T
        u, v = (x / np.linalg.norm(x) for x in rng.normal(size=(2, 3)))
        v = v if u @ v >= 0 else -v
        P = np.eye(3) - np.outer(u, u)
        basis = np.linalg.svd(P)[0][:, :2]
        own, across = u @ E @ u, np.linalg.eigvalsh(basis.T @ E @ basis)[-1]
        angle = np.linspace(0, np.arccos(u @ v), 2000)
        sinusoid = (
            np.cos(angle) ** 2 * own
            + cross * np.sin(2 * angle) * np.linalg.norm(P @ E @ u)
            + np.sin(angle) ** 2 * across
        )
        assert v @ E @ v <= sinusoid.max() + 1e-6, "a direction in the cap is above"


check_cap()

# %% [markdown]
# ## 6. Thin values
# **Proof.** The gradient of $\ell_c$ in the logits has entries $p_j$ and $-|p|$, of norm at most
# $\sqrt2\,|p|\le\sqrt2$. In $Y\sqrt\nu$ the fit thus has gradient of norm at most $A$, so replacing $s_i$ by zero
# raises it by at most $As_i$ and lowers the penalty by $cs_i^p$. With $s=t^{(L+1)/2}$, $ct\ge At^{(L+1)/2}$ iff
# $t^{(L-1)/2}\le\frac cA$. Smaller ones are thin, too, and are dropped with it: the bound of the box with those $t$ at
# zero holds for the whole box. When all are dropped, $f\ge\log(1+\mu(K-1))\sum w_c$.
#
# All cuts together: dropping the thin values of a global minimiser leaves one without any, and by 4 one whose $M$, in
# the chart that needs it, lies in the first box. No cut removes this $M$: its $t$ are ordered, their sum is at most
# $\tau$ and, where a range of $t_i$ is thin, its $t_i$ is zero; its chart does not change, as $M$ does not; and a split
# keeps it in a half. So it lies in a leaf, whose bound is at most the minimum, as is then the least bound of all
# leaves.
#
# **Check**: the threshold, and the norm.


# %%
def check_thin(exponent=lambda depth: sp.Rational(2, depth - 1)):
    """At t = (c/A)^exponent the saved penalty is what the fit may lose; below it is more."""
    c, A = sp.Rational(1, 100), sp.Rational(2, 3)
    for depth in (2, 3, 5, 10):
        least = (c / A) ** exponent(depth)
        lost = [A * value ** sp.Rational(depth + 1, 2) - c * value for value in (least, least / 2)]
        assert abs(sp.N(lost[0], 40)) < 1e-30, "the threshold is elsewhere"
        assert sp.N(lost[1]) < 0


check_thin()
total = p1 + p2
assert sp.expand(2 * total**2 - (p1**2 + p2**2 + total**2) - 2 * p1 * p2) == 0  # sum p_j^2 + |p|^2 <= 2 |p|^2

# %% [markdown]
# ## 7. Lines
# **Proof.** If $M=t^{L+1}uu^\top$ then $y_c=\eta_cu$ with $\sum\nu_c\eta_c^2=t^{L+1}$. Gibbs and the square in one
# variable, $d>0$: $w_c\ell_c(\eta_cu)+\nu_cd\,\eta_c^2\ge w_cH(p_c)-\frac{(g_c\cdot u)^2}{4\nu_cd}$, for any shares.
# Summing gives $u^\top Qu$; on an arc its largest value is that of 5, and $ct-dt^{L+1}$ is concave. For shares at a
# point $\eta_c$ of the middle line, with gradient $r_c$ along it and $R_c$ across it, the same number at an angle
# $\theta$ from the middle is
# $$G_c-\frac{r_c^2}{4\nu d}+\sin\theta\cos\theta\,\hat\eta_cR_c
#   +\sin^2\theta\Bigl(\nu d\,\hat\eta_c^2-\frac{R_c^2}{4\nu d}\Bigr),\qquad
#   \hat\eta_c=\eta_c-\frac{r_c}{2\nu d}.$$
#
# **Check**: that identity.


# %%
def check_line(second=1):
    """The rotated dual value in terms of a point on the middle line."""
    d, theta, eta = sp.symbols("d theta eta", real=True)
    along, across, dual = sp.symbols("along across dual", real=True)
    r = along + 2 * nu * d * eta
    value = dual + along * eta + nu * d * eta**2
    hat = eta - r / (2 * nu * d)
    sin, cos = sp.sin(theta), sp.cos(theta)
    turned = sin * cos * hat * across + sin**2 * (nu * d * hat**2 - second * across**2 / (4 * nu * d))
    direct = dual - (along * cos + across * sin) ** 2 / (4 * nu * d)
    assert sp.simplify(value - r**2 / (4 * nu * d) + turned - direct) == 0, "the turned value is another"


check_line()

# %% [markdown]
# ## 8. One direction
# **Proof.** $x\mapsto\log(1+\mu\sum e^{x_j})$ is convex, so by Jensen over the rivals, then over the classes, the fit
# is at least $\log(1+\mu(K-1)e^{-m})$, $m$ the mean margin, $m=\frac{\operatorname{tr}SZ}{K-1}\le\frac1{K-1}\sum s_i$
# (von Neumann). For $p\le1$ $\sum s_i^p\ge(\sum s_i)^p$. With $s=\frac x{K-1}$ that is the problem of two classes with
# $\mu(K-1)$ rivals and strength $c(K-1)^p$, of logits $\frac s2\begin{pmatrix}1&-1\\-1&1\end{pmatrix}$. The fit is
# convex in $x$ and lies above its tangents, $cx^p$ is concave and lies above its chords; their sum is linear on an
# interval.
#
# **Check**: the mean margin, and the problem of two classes. **Check in floating point**: the bound, at random logits.

# %%
Z = sp.Matrix(4, 4, sp.symbols("z:16"))
S = sp.eye(4) - sp.ones(4, 4) / 4
mean = sum(Z[c, c] - Z[j, c] for c in range(4) for j in range(4) if j != c) / 12
assert sp.expand(mean - (S * Z).trace() / 3) == 0
two = s / 2 * sp.Matrix([[1, -1], [-1, 1]])
assert two[0, 0] - two[1, 0] == s
assert (two.T * two).eigenvals() == {s**2: 1, 0: 1}
rest, c, p = sp.symbols("rest c p", positive=True)  # rest = K - 1
assert sp.simplify(c * rest**p * (s / rest) ** p - c * s**p) == 0


def check_one_direction(rate=1.0):
    """The fit is at least that of equal margins ``rate`` sum s_i / (K-1), the penalty that of one singular value."""
    for _ in range(300):
        K, depth, scale = int(rng.integers(2, 7)), int(rng.integers(1, 6)), 10 ** rng.uniform(-1, 1)
        logits = scale * (np.eye(K) - 1 / K + 0.1 * rng.normal(size=(K, K)))
        odds = np.exp(logits - np.diag(logits)) * (1 - np.eye(K))
        singular = np.linalg.svd(logits, compute_uv=False)
        x = singular.sum()
        fit = np.mean(np.log1p(odds.sum(axis=0)))
        assert fit >= np.log1p((K - 1) * np.exp(-rate * x / (K - 1))) * (1 - 1e-9), "the fit is smaller"
        exponent = 2 / (depth + 1)
        assert np.sum(singular**exponent) >= x**exponent * (1 - 1e-9)


check_one_direction()

# %% [markdown]
# ## 9. The best multiplier of a box
# **Proof.** $\varphi$ is concave: a minimum of functions linear in $D$. In the frame of the middle of the box, with
# $\hat D$ for $D$ and $J$ the axes across $u$,
# $$X(D)=\max_{0\le s\le\alpha}\cos^2s\,\hat D_{uu}+\sin2s\,|\hat D_{uJ}|+\sin^2s\,\lambda_{\max}(\hat D_{JJ})$$
# is a maximum of convex functions of $D$, since $\sin2s\ge0$ for $s\le\alpha\le\frac\pi2$, and norms and largest
# eigenvalues are convex. $Z(D)=-X_3(-D)$ is concave. At the vertices $\lambda_1\ge\lambda_2\ge\lambda_3$, so the
# bracket is concave, and with it the minimum and $F$. By 2, 3 and 5 every $D\succ0$ gives a bound.
#
# Softened: for $v$ numbers $g_i$ the function $-\frac1\beta\log\sum e^{-\beta g_i}$ is concave, increases with each
# $g_i$, is at most $\min g$, and, as no term exceeds the largest, at least $\min g-\frac{\log v}\beta$.
# $\sqrt{|a|^2+e^2}$ is convex and between $|a|$ and $|a|+e$; in place of both norms ($\lambda_{\max}$ in the plane is
# half the trace plus a norm) it raises $X$ by at most $e\max_s(\sin2s+\sin^2s)=\frac{1+\sqrt5}2e$, and lowers $Z$ so.
# The softened function is thus concave, at most $F$, and with $e=\frac1{\beta\overline\lambda_1}$ at least
# $F-\frac1\beta(\log v+\frac{1+\sqrt5}2)$. It only chooses $D$: the bound is $F(D)$ itself, so nothing of the softening
# enters it.
#
# **Check**: the softened norm is convex, and the largest $\sin2s+\sin^2s$. **Check in floating point**: $F-\varphi$ is
# concave, and the logarithm is within $\frac{\log v}\beta$ of the minimum.

# %%
a, b, e = sp.symbols("a b e", positive=True)
bent = sp.hessian(sp.sqrt(a**2 + b**2 + e**2), (a, b))
assert sp.simplify(bent.det() - e**2 / (a**2 + b**2 + e**2) ** 2) == 0
assert sp.simplify(bent.trace() - (a**2 + b**2 + 2 * e**2) / (a**2 + b**2 + e**2) ** sp.Rational(3, 2)) == 0
wave = sp.sin(2 * t) + sp.sin(t) ** 2
assert sp.simplify(sp.expand_trig(wave - (1 + root(5) * sp.sin(2 * t - sp.atan(sp.Rational(1, 2)))) / 2)) == 0


def cap_most(D, angle):
    """X for u the first axis."""
    own, across = D[0, 0], np.linalg.norm(D[0, 1:])
    other = np.linalg.eigvalsh(D[1:, 1:])[-1]
    half = 0.5 * (own - other)
    twice = min(2 * angle, np.arctan2(across, half))
    return 0.5 * (own + other) + half * np.cos(twice) + across * np.sin(twice)


def box_least(D, penalty, eigen, angles, side):
    """F - phi, from the penalties and eigenvalues at the vertices and the angles of both caps."""
    X, Z = cap_most(D, angles[0]), side * cap_most(side * D[::-1, ::-1], angles[1])
    turned = (eigen[:, 0] - eigen[:, 1]) * X - (eigen[:, 1] - eigen[:, 2]) * Z
    return np.min(penalty - eigen[:, 1] * np.trace(D) - turned)


def check_concave(side=-1):
    """F - phi is concave along segments; ``side`` is -1 for the least value in the cap of u_3, 1 for the most."""
    for _ in range(300):
        box = rng.exponential(size=8), np.sort(rng.exponential(size=(8, 3)))[:, ::-1], rng.uniform(0, np.pi / 2, 2)
        ends = rng.normal(size=(2, 3, 3))
        ends = ends @ ends.swapaxes(1, 2)
        mean = 0.5 * sum(box_least(D, *box, side) for D in ends)
        assert box_least(ends.mean(axis=0), *box, side) >= mean - 1e-9, "not concave"


check_concave()


def check_softened(share=1.0):
    """The softened minimum of v numbers is at most the minimum and at least that less ``share`` log(v) / beta."""
    for spread in (0.0, 1e-3, 1.0, 30.0):
        beta, numbers = 10 ** rng.uniform(-2, 2), spread * rng.normal(size=16)
        soft = numbers.min() - np.log(np.sum(np.exp(-beta * (numbers - numbers.min())))) / beta
        assert soft <= numbers.min() + 1e-12
        assert soft >= numbers.min() - share * np.log(16) / beta - 1e-12 * (1 + 1 / beta), "softened too far"


check_softened()
