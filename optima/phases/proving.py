"""Proofs of the cells of a diagram that are not within its gap yet, and of its boundaries in lambda."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.phases.passages import Meeting
from optima.phases.ties import Tie
from optima.progress import Tell, Words
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.chord import best_chord
from optima.proofs.gap import LEAST
from optima.proofs.prove import prove
from optima.reduction import mean_reg
from optima.solution.knowledge import PROVED
from optima.workers.executors import Executors
from optima.workers.work import work

# A power of two beyond the cells of a row.
COARSEST = 2**30
# Parts of an axis of lambda: a strip that a boundary is proved to lie in is asked to be about as narrow as the line.
LINES = 400


@dataclass(frozen=True)
class Proof:
    """A proof that one cell is owed: its gap, and so many boxes at the most."""

    record: Record
    boxes: int
    gap: float = PROVED

    def run(self) -> Record:
        """The cell with the better of its bounds; the same in any process with one BLAS thread."""
        proof = prove(self.record.problem, self.record.means, max(self.gap, LEAST), Budget(self.boxes))
        return _better(self.record, proof)


@dataclass(frozen=True)
class Prover:
    """What proofs are given: ``boxes`` for each, the store that keeps them as they end, and workers."""

    boxes: int
    store: Store
    executors: Executors
    tell: Tell[Words]

    def boundaries(self, line: Sequence[Record], ties: Sequence[Tie], seed: int) -> list[Tie]:
        """The ties of a row in lambda with the strips that are proved, as narrow as a line of a picture."""
        width = math.log(mean_reg(line[-1].problem) / mean_reg(line[0].problem)) / LINES
        meetings = [Meeting.of(tie, seed) for tie in ties]
        owed = [Proof(_kept(each.record, self.store), self.boxes, each.gap(width)) for each in meetings if each]
        proofs = {job.record.key: record for job, record in zip(owed, self._run(owed), strict=True)}
        out = []
        for tie, meeting in zip(ties, meetings, strict=True):
            proof = None if meeting is None else proofs[meeting.record.key].certificate
            passage = None if meeting is None or proof is None else meeting.passage(proof)
            out.append(replace(tie, passage=passage))
        return out

    def cells(self, lines: Sequence[Sequence[Record]], ties: Sequence[Sequence[Tie]]) -> list[list[Record]]:
        """The cells, each proved to a gap of 1 % or by so many boxes.

        Between two proved cells or boundaries of a row by concavity in lambda, where that is enough. Then coarse before
        fine, so that an early end leaves cells all over the plane. Every proof is stored when it ends: after an
        interrupt the same call has only those to do that had not.
        """
        known = [[_kept(record, self.store) for record in line] for line in lines]
        known = [self._between(line, met) for line, met in zip(known, ties, strict=True)]
        # The more often two divides a place, the coarser a grid that has it.
        places = {record.key: math.gcd(i, COARSEST) for line in known for i, record in enumerate(line)}
        flat = [record for line in known for record in line]
        done = self._run([Proof(each, self.boxes) for each in sorted(flat, key=lambda r: (-places[r.key], r.key))])
        cells = {record.key: record for record in done}
        return [[cells[record.key] for record in line] for line in known]

    def _between(self, line: Sequence[Record], ties: Sequence[Tie]) -> list[Record]:
        """A row with the bounds of chords in lambda, for cells that are not proved."""
        proofs = [tie.passage.certificate for tie in ties if tie.passage is not None]
        proofs += [record.certificate for record in line if record.certificate is not None]
        return [record if record.gap <= PROVED else self._by_chord(record, proofs) for record in line]

    def _by_chord(self, record: Record, proofs: Iterable[Certificate]) -> Record:
        if isinstance(record.problem.reg, tuple):
            return record
        proof = best_chord(record.problem, record.means, proofs, record.loss * (1 - PROVED))
        if proof is None:
            return record
        self.store.put([better := _better(record, proof)])
        return better

    def _run(self, jobs: Sequence[Proof]) -> list[Record]:
        """The records of all jobs in their order, with the proofs of those that are owed one."""
        cells = {job.record.key: job.record for job in jobs}
        owed = [job for job in jobs if not job.record.gap <= job.gap]
        left = len(owed)

        def take(job: Proof, record: Record) -> None:
            nonlocal left
            left -= 1
            cells[record.key] = record
            self.store.put([record])
            self.tell(Words(f"{record.problem.summary}: {record.label} within {record.gap:.2g}, {left} proofs to go"))

        work(owed, self.executors, take)
        return [cells[job.record.key] for job in jobs]


def _kept(record: Record, store: Store) -> Record:
    """The cell with the bound that the store has, where that is the better one."""
    stored = store.get(record.problem)
    return record if stored is None or stored.certificate is None else _better(record, stored.certificate)


def _better(record: Record, proof: Certificate) -> Record:
    worse = record.certificate is not None and record.certificate.lower >= proof.lower
    return record if worse else replace(record, certificate=proof)
