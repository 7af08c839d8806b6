"""Proofs of the cells of a diagram that are not within its gap yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.progress import Tell, Words
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.prove import prove
from optima.solution.knowledge import PROVED
from optima.workers.executors import Executors
from optima.workers.work import work

# A power of two beyond the cells of a row.
COARSEST = 2**30


@dataclass(frozen=True)
class Proof:
    """A proof that one cell is owed, of so many boxes at the most."""

    record: Record
    boxes: int

    def run(self) -> Record:
        """The cell with the better of its bounds; the same in any process with one BLAS thread."""
        proof = prove(self.record.problem, self.record.means, PROVED, Budget(self.boxes))
        return _better(self.record, proof)


def proved(
    lines: Sequence[Sequence[Record]], boxes: int, store: Store, executors: Executors, tell: Tell[Words]
) -> list[list[Record]]:
    """The cells, each proved to a gap of 1 % or by so many boxes.

    Coarse before fine, so that an early end leaves cells all over the plane. Every proof is stored when it ends: after
    an interrupt the same call has only those to do that had not.
    """
    cells = {record.key: _kept(record, store) for line in lines for record in line}
    # The more often two divides a place, the coarser a grid that has it.
    places = sorted((-math.gcd(i, COARSEST), record.key) for line in lines for i, record in enumerate(line))
    owed = [Proof(cells[key], boxes) for _, key in places if not cells[key].gap <= PROVED]
    left = len(owed)

    def take(job: Proof, record: Record) -> None:
        nonlocal left
        left -= 1
        cells[record.key] = record
        store.put([record])
        tell(Words(f"{record.problem.summary}: {record.label} within {record.gap:.2g}, {left} proofs to go"))

    work(owed, executors, take)
    return [[cells[record.key] for record in line] for line in lines]


def _kept(record: Record, store: Store) -> Record:
    """The cell with the bound that the store has, where that is the better one."""
    stored = store.get(record.problem)
    return record if stored is None or stored.certificate is None else _better(record, stored.certificate)


def _better(record: Record, proof: Certificate) -> Record:
    worse = record.certificate is not None and record.certificate.lower >= proof.lower
    return record if worse else replace(record, certificate=proof)
