"""
A conjecture of your own
========================

A claim is a generator of cases with margins, which are negative where it fails. With it goes a control: a false
neighbour that has to be refuted, or the check could not see anything.
"""

import numpy as np

import optima
from optima.claims import Cases, Control, Lines, claim, run

# %%
# The conjecture: at lambda = 1e-3 and L = 3 the best minimum known costs more with every class more, even as a share of
# log K, the loss of the zero logits.


@claim(
    "mine.share_of_log_K",
    statement="the best loss over that of the zero logits, log K, increases with K",
    how="searches at quick effort",
    axes={"classes": range(3, 9), "depths": (3,)},
    control=Control("it decreases", {"sign": -1}, {"classes": (3, 4)}),
)
def share_of_log(classes, depths, *, sign=1):
    """Margin: by how much the share grows from one number of classes to the next."""
    for L in depths:
        shares = [
            optima.solve(K, L, 1e-3, effort="quick").loss / np.log(K) for K in classes
        ]
        yield Cases(sign * np.diff(shares), classes=list(classes)[1:], depths=L)
        yield Lines(
            "Best loss known over log K",
            "classes K",
            "share",
            {f"L = {L}": (list(classes), shares)},
        )


# %%
# A verdict on all cases is no proof: the losses are upper bounds.

outcome = run(share_of_log)
print(outcome)
outcome.finding.exhibits[-1].plot()

# %%
# At full size
# ------------
#
# ``optima check examples/my_claims.py --report examples/my_claims.md`` checks two conjectures of a file like this one:
#
# .. image:: ../../../examples/my_claims-conjecture.rank_falls_with_depth-0.png
#    :alt: Rank of the best code of largest margin over classes and depth
