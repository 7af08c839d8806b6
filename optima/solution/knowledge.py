"""How a number is known: the kinds, from exact to found."""

from __future__ import annotations

from enum import StrEnum

# How much work a search does.
EFFORTS = ("quick", "normal", "thorough")
# A minimum whose gap is no larger counts as certified.
PROVED = 0.01


class Knowledge(StrEnum):
    """How the loss of a result is known to be that of a minimum; its words beside it say more.

    ``CLOSED_FORM``: a formula, up to the root of a scalar equation. ``CONVEX``: a convex problem with a dual
    certificate. ``CERTIFIED``: found by a search, and a lower bound proves that no loss is less by more than 1 %.
    ``BEST_OF_STARTS``: the best of a search that proves nothing. ``DESCENT``: where gradient descent on all parameters
    ended.
    """

    CLOSED_FORM = "closed form"
    CONVEX = "convex"
    CERTIFIED = "certified"
    BEST_OF_STARTS = "best of starts"
    DESCENT = "reached by descent"

    @classmethod
    def stated(cls, words: str) -> Knowledge:
        """The kind that the words ``known_by`` of a result of a search begin with."""
        if not words.startswith("exact"):
            return cls.BEST_OF_STARTS
        return cls.CONVEX if "convex" in words else cls.CLOSED_FORM

    def with_gap(self, gap: float | None) -> Knowledge:
        """The same, or ``CERTIFIED`` where only a search knew the loss and its gap is small."""
        certified = self is Knowledge.BEST_OF_STARTS and gap is not None and gap <= PROVED
        return Knowledge.CERTIFIED if certified else self
