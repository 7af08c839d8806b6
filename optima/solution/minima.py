"""What a search met on its way: minima, and the rungs of one rank that they are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from optima import brief
from optima.model import Array
from optima.model.content import Content
from optima.structures.recognition import recognise


@dataclass(frozen=True, eq=False)
class Minimum(Content):
    """A stationary point met by a search: its logits, their rank, its loss and how many searches ended there.

    ``structure`` is its name, found when it is first asked for unless ``name`` has it. ``verdict`` is ``"minimum"``,
    ``"saddle"``, ``"not converged"``, or ``"unverified"`` where the curvature was not computed; ``curvature`` is as in
    :class:`optima.search.rung.RungPoint` (nan where not computed).
    """

    loss: float
    verdict: str
    gradient_norm: float
    curvature: float
    hits: int
    means: Array
    rank: int
    name: str | None = field(default=None, compare=False)

    @cached_property
    def structure(self) -> str:
        """The name alone, without what is said of unnamed ones."""
        return recognise(self.means, rank=self.rank).name if self.name is None else self.name

    def __repr__(self) -> str:
        return f"<Minimum {self.structure}: loss {self.loss:.6g}, {self.verdict}, {brief.counted(self.hits, 'hit')}>"


@dataclass(frozen=True, eq=False)
class Rung(Content):
    """The minima found among logits of one rank, best first.

    ``starts`` random descents were begun on the rung and ``dropped`` of them lost rank on the way; ``chance`` is how
    often, at most, ten times the work improved on searches that met their best minimum as seldom, as measured (nan
    where nothing like it was measured; :mod:`optima.search.chance`).
    """

    rank: int
    minima: tuple[Minimum, ...]
    starts: int
    dropped: int
    chance: float

    @property
    def loss(self) -> float:
        """Loss of the best minimum."""
        return self.minima[0].loss

    def __repr__(self) -> str:
        best = f"{self.minima[0].structure}, loss {self.loss:.6g}, " if self.minima else ""
        return f"<Rung of rank {self.rank}: {best}minima kept {len(self.minima)}, starts {self.starts}>"
