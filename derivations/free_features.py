# %% [markdown]
# # With free features some global minimum is collapsed
#
# **Statement.** For any map $\phi$ of features to outputs (any activation, residual or not), any loss $g_c\ge0$ of an
# output for class $c$ and $\lambda_H\ge0$, the objective
# $$F(H)=\sum_j\Bigl[\tfrac1Ng_{c(j)}(\phi(h_j))+\tfrac{\lambda_H}2|h_j|^2\Bigr]+R(\phi)$$
# does not rise when all samples of a class take the feature of that one of them whose bracket is least. So where there
# is a global minimum there is one in which all samples of a class have equal features, whatever the sizes of the
# classes.
#
# **Sources.** zangrando2025 states the global optimality of collapsed configurations; the argument for free features is
# the one of `network_price.py` for relu, worked out here for all maps.

# %%
"""Copying the best column of a class."""

import sympy as sp

# %% [markdown]
# **Proof.** For fixed $\phi$ the objective is a sum over columns, and the bracket $t_j$ depends on $j$ only by its
# column and class. With $t_1$ the least of a class and $t_j=t_1+u_j$, $u_j\ge0$:


# %%
def check_copy(copied=0):
    """sum_j t_j - n t_copied is a sum of nonnegative numbers where t_copied is the least."""
    for n in range(1, 8):
        t = sp.Symbol("t", real=True)
        u = [sp.Integer(0), *sp.symbols(f"u1:{n}", nonnegative=True)]
        excess = sp.expand(sum(t + each for each in u) - n * (t + u[min(copied, n - 1)]))
        assert excess.is_nonnegative


check_copy()
