# %% [markdown]
# # Minima of relu networks at kinks
#
# **Statement.** Let $F(x)=f\bigl(x,\max(m(x),0)\bigr)$ with smooth $f(x,a)$ and a smooth pre-activation $m$, and let
# $m(x^*)=0$, $\nabla m(x^*)\ne0$. With $b=\partial f/\partial a$ at $a=0$, $F$ has no direction of descent at $x^*$ to
# first order exactly if there is $\nu$ with
# $$\nabla_x f+\nu\,\nabla m=0,\qquad 0\le\nu\le b,$$
# and to the left of the kink $F$ rises by $\nu$ for each unit of $m$, to the right by $b-\nu$.
#
# **Statement.** With $s_\epsilon(m)=0$, $\frac{m^2}{2\epsilon}$, $m-\frac\epsilon2$ for $m\le0$, $0\le m\le\epsilon$,
# $m\ge\epsilon$ in the place of relu, a minimum with $0<\nu<b$ becomes a smooth one with $m\approx\epsilon\,\nu/b$.
#
# **Sources.** The first-order conditions of nonsmooth optimisation (Karush, Kuhn, Tucker), written out for relu; used
# by `optima.relu.kinks` and `optima.relu.descent`.
#
# Cells say **proof** or **check**.

# %%
"""First-order conditions of relu networks at kinks, and what a smoothed kink does to them."""

import sympy as sp

m, nu, b, eps = sp.symbols("m nu b epsilon", real=True)

# %% [markdown]
# ## 1. One pre-activation
# **Proof.** Take $m$ as a coordinate; the others are free, so that their part of $\nabla_xf$ vanishes, which is the
# equation along the kink. Along $m$ the smooth part has the slope $-\nu$ (the equation defines $\nu$), and relu adds
# $b$ to the right. The one-sided derivatives are $-\nu+b$ to the right and $-\nu$ to the left; $F$ has no descent
# exactly if the first is nonnegative and the second nonpositive.


# %%
def check_sides(smooth_slope):
    """Rises to the right and to the left of F = smooth_slope m + b max(m, 0)."""
    step = sp.Symbol("t", positive=True)
    F = lambda at: smooth_slope * at + b * sp.Max(at, 0)
    assert sp.simplify(F(step) / step - (b - nu)) == 0, "the rise to the right is another"
    assert sp.simplify(F(-step) / step - nu) == 0, "the rise to the left is another"


check_sides(-nu)

# %% [markdown]
# ## 2. The smoothed kink
# **Proof.** On $[0,\epsilon]$ the derivative of $-\nu m+b\,s_\epsilon(m)$ is $-\nu+b\,m/\epsilon$: zero at
# $m=\epsilon\nu/b$, which is inside exactly if $0<\nu<b$, and the curvature is $b/\epsilon>0$. The pieces and their
# derivatives meet at both ends, and $s_\epsilon\le\max(m,0)$ with a difference of at most $\epsilon/2$.


# %%
def check_smooth(inside):
    """Pieces meet with their slopes; the rest point is eps nu / b."""
    outside = m - eps / 2
    for at, piece in ((0, sp.Integer(0)), (eps, outside)):
        assert sp.simplify((inside - piece).subs(m, at)) == 0, "the pieces do not meet"
        assert sp.simplify(sp.diff(inside - piece, m).subs(m, at)) == 0, "the slopes do not meet"
    rest = sp.solve(sp.diff(-nu * m + b * inside, m), m)
    assert [sp.simplify(r - eps * nu / b) for r in rest] == [0]
    # The gap to relu on [0, eps] is m - m^2/(2 eps), increasing to eps/2.
    gap = m - inside
    assert sp.simplify(gap.subs(m, eps) - eps / 2) == 0
    assert sp.simplify(sp.diff(gap, m) - (1 - m / eps)) == 0


check_smooth(m**2 / (2 * eps))

# %% [markdown]
# ## Controls
# **Check.** With the sign of the multiplier turned the sides are wrong; a square that is not halved does not meet.

# %%
for control in (lambda: check_sides(nu), lambda: check_smooth(m**2 / eps)):
    try:
        control()
    except AssertionError:
        continue
    raise RuntimeError("a control passes")
