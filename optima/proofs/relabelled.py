r"""Four classes of several sizes: boxes of the same directions for every order of the sizes.

Relabelling brings every direction into 1 >= a >= b >= 0, and classes of several sizes into another order, so that

.. math:: \min_M f = \min_{\pi} \min_{M: 1 \ge a \ge b \ge 0} f_{\pi},

f_pi the problem whose c-th class is pi(c), and pi any orders that have all sequences of sizes. Source:
derivations/relabelled_boxes.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from optima.model import Array
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import Budget
from optima.proofs.form import ConvexConcave
from optima.proofs.small_problems import search_of

# Runs the search of a form within a budget.
Run = Callable[[BranchAndBound, ConvexConcave, Budget], None]


def orders_of(form: ConvexConcave) -> list[tuple[int, ...]]:
    """One order of the classes for each sequence of their sizes."""
    orders = itertools.permutations(range(form.classes))
    return list({tuple(form.count[c] for c in order): order for order in orders}.values())


def searches_of_orders(
    form: ConvexConcave, means: Array, upper: float, gap: float, budget: Budget, run: Run
) -> dict[tuple[int, ...], BranchAndBound]:
    """The searches of all orders, one after another, each with an even share of the boxes that are left."""
    found = dict[tuple[int, ...], BranchAndBound]()
    orders = orders_of(form)
    for i, order in enumerate(orders):
        part = form.restrict(order)
        search = search_of(part, min(upper, part.zero_fit), gap, means[np.ix_(order, order)], relabelled=True)
        search.best = upper
        run(search, part, budget.less(found.values()).part(1 / (len(orders) - i)))
        found[order] = search
    return found
