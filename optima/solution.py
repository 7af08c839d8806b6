"""What a solver returns: the best minimum known, how it is known, and the ladder of the others."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from optima import brief, html
from optima.files import opened, parse_json, read_arrays, whole
from optima.foreign import check_solution
from optima.model import Array, DeepUFM
from optima.model.key import problem_dict, problem_from
from optima.proofs import Certificate, cheap_certificate
from optima.proofs.gap import relative_gap
from optima.proofs.prove import needs_boxes
from optima.reduction import Reduction
from optima.structures.recognition import recognise
from optima.structures.recognition.result import grouped

FORMAT = "optima solution 1"
# Names of the arrays of a certificate in a solution file begin like this.
PROOF = "proof_"
# What such a file says of each minimum of the ladder, besides its logits.
STORED = ("loss", "structure", "verdict", "gradient_norm", "curvature", "hits")


@dataclass(frozen=True)
class Minimum:
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


@dataclass(frozen=True)
class Rung:
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


@dataclass(frozen=True)
class Solution:
    r"""The best minimum known of the reduced problem min_M fit(M) + c sum_i s_i(Z)^p.

    Attributes
    ----------
    problem
        The model.
    means
        Class-mean logits M, shape (K, K).
    structure
        Its name, up to relabelling, rotation and scale, or a description of an unnamed one.
    ladder
        The rungs searched, by rank.
    candidates
        Loss of every named structure (balanced problems).
    known_by
        How the loss is known, in words: closed form, convexity, or best of how many starts.
    seed, effort, seconds
        What was asked of the search and how long it took.
    proof
        A certificate, where one was worked for; :attr:`certificate` falls back on a cheap one.
    """

    problem: DeepUFM
    means: Array
    structure: str
    ladder: tuple[Rung, ...]
    candidates: Mapping[str, float]
    known_by: str
    seed: int
    effort: str
    seconds: float
    proof: Certificate | None = None

    @cached_property
    def certificate(self) -> Certificate:
        """The proof given, or the best lower bound to be had from a few thousand boxes."""
        return self.proof or cheap_certificate(self.problem, self.means)

    @property
    def lower_bound(self) -> float:
        """No parameters have a smaller loss than this."""
        return self.certificate.lower

    @property
    def gap(self) -> float:
        """1 - lower bound / loss."""
        return relative_gap(self.lower_bound, self.loss)

    @cached_property
    def _reduction(self) -> Reduction:
        return Reduction(self.problem)

    @cached_property
    def fit(self) -> float:
        """Mean cross-entropy or squared error at M, without the singular values that count as zero."""
        return self._reduction.fit(self._reduction.admissible(self.means))

    @cached_property
    def penalty(self) -> float:
        """c sum_i s_i(Z)^p."""
        return self._reduction.penalty(self.means)

    @property
    def loss(self) -> float:
        """fit + penalty: the least objective of the model known to anyone who ran this."""
        return self.fit + self.penalty

    @cached_property
    def singular_values(self) -> Array:
        """Nonzero singular values of Z in R^{K x N}, descending."""
        return self._reduction.singular_values(self.means)

    @property
    def rank(self) -> int:
        """Rank of the logits."""
        return self.singular_values.size

    @property
    def margin(self) -> float:
        """min over classes c and rivals j of M_cc - M_jc."""
        rivals = np.diagonal(self.means) - self.means
        return float(np.min(rivals[~np.eye(len(rivals), dtype=bool)]))

    def factors(self, width: int | None = None) -> list[Array]:
        """Balanced (W_1, ..., W_L, H) whose all-parameter objective is the loss."""
        return self._reduction.lift(self.means, width)

    def __str__(self) -> str:
        from optima.report.solution import solution_text

        return solution_text(self)

    def __repr__(self) -> str:
        gap = "" if self._gap_at_hand is None else f", gap {self._gap_at_hand:.2g}"
        return f"<Solution {self.problem.summary}: {self._name}, loss {self.loss:.6g}{gap}>"

    @property
    def _name(self) -> str:
        return brief.of_structure(self.structure, self.rank)

    @property
    def _gap_at_hand(self) -> float | None:
        """The gap, unless it has yet to be proved box by box or cannot be."""
        if self.proof is None and "certificate" not in vars(self) and needs_boxes(self.problem):
            return None
        with suppress(ValueError):
            return self.gap
        return None

    def _repr_html_(self) -> str:
        bound = "not worked for yet; see .lower_bound and .certificate"
        if self._gap_at_hand is not None:
            proof = self.certificate
            bound = f"no loss is below {proof.lower:.9g} (gap {self.gap:.2g}): {proof.method}, {proof.rigour}"
        spectrum = ", ".join(f"{value:.6g} x{count}" for value, count in grouped(self.singular_values)) or "none"
        rungs = [rung for rung in self.ladder if rung.minima]
        heads = ("rank", "best loss", "structure", "curvature", "minima", "starts")
        return html.section(
            f"{self._name}, loss {self.loss:.9g} ({self.problem.summary})",
            html.facts(
                [
                    ("structure", self.structure),
                    ("loss", f"fit {self.fit:.6g} + penalty {self.penalty:.6g}"),
                    ("rank", f"{self.rank}, singular values of Z: {spectrum}"),
                    ("margin", f"{self.margin:.6g}"),
                    ("known by", self.known_by),
                    ("bound", bound),
                    ("time", f"{self.seconds:.2f} s (seed {self.seed}, effort {self.effort})"),
                ]
            ),
            html.table(heads, [_rung_cells(rung) for rung in rungs[: html.ROWS]]) if rungs else "",
            html.more(len(rungs) - html.ROWS, "ranks", ".ladder"),
        )

    def plot(self, path: str | Path | None = None) -> Any:
        """Heat map of the logits, and the code itself where its rank is 2 or 3; a matplotlib figure."""
        from optima.plot import plot_solution
        from optima.plot.picture import write_picture

        figure = plot_solution(self)
        if path is not None:
            write_picture(figure, path, dpi=160, bbox_inches="tight")
        return figure

    def as_dict(self, logits: bool = False) -> dict[str, Any]:
        """For JSON: the object that ``optima solve --json`` prints."""
        out: dict[str, Any] = {
            "problem": problem_dict(self.problem),
            "loss": self.loss,
            "fit": self.fit,
            "penalty": self.penalty,
            "rank": self.rank,
            "singular_values": self.singular_values.tolist(),
            "structure": self.structure,
            "margin": self.margin,
            "ladder": [_rung_dict(rung) for rung in self.ladder if rung.minima],
            "candidates": dict(self.candidates),
            "known_by": self.known_by,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            "certificate": self.certificate.as_dict(),
            "seed": self.seed,
            "effort": self.effort,
            "seconds": self.seconds,
        }
        return out | {"logits": self.means.tolist()} if logits else out

    def save(self, path: str | Path) -> None:
        """Write everything to one file (numpy's npz; pass a path ending in .npz), whole or not at all."""
        minima = [minimum for rung in self.ladder for minimum in rung.minima]
        text = json.dumps({"format": FORMAT, **_without_arrays(self)})
        arrays = np.stack([self.means, *(minimum.means for minimum in minima)])
        with whole(path) as stream:
            np.savez_compressed(stream, text=np.array(text), means=arrays, **_proof_arrays(self.proof))

    @classmethod
    def load(cls, path: str | Path) -> Solution:
        """Read a file written by :meth:`save`. Raises ValueError on any other file."""
        try:
            with opened(path) as stream:
                stored = read_arrays(stream)
            data, means = parse_json(str(stored["text"])), stored["means"]
            proof = {name[len(PROOF) :]: array for name, array in stored.items() if name.startswith(PROOF)}
            if data.pop("format") != FORMAT:
                raise ValueError("it has another format")
            solution = cls._restored(data, means)
            if proof:
                certificate = Certificate.from_arrays(solution.problem, solution.means, proof)
                solution = dataclasses.replace(solution, proof=certificate)
            check_solution(solution)
            return solution
        except FileNotFoundError:
            raise
        except Exception as error:
            # Fields that are missing, of another type or of another shape fail in many ways.
            why = str(error) if isinstance(error, ValueError) else "its fields are not those of a solution"
            raise ValueError(f"{path} is not a solution file; pass one written by Solution.save ({why})") from None

    @classmethod
    def _restored(cls, data: dict[str, Any], means: Array) -> Solution:
        stack = iter(means)
        best = next(stack)
        ladder = tuple(
            Rung(**{**rung, "minima": tuple(_minimum(m, next(stack), rung["rank"]) for m in rung["minima"])})
            for rung in map(_floats, data.pop("ladder"))
        )
        if next(stack, None) is not None:
            raise ValueError("it has logits of more minima than its ladder")
        return cls(**{**data, "problem": problem_from(data["problem"]), "ladder": ladder, "means": best})


def _minimum(stored: dict[str, Any], means: Array, rank: int) -> Minimum:
    fields = _floats(stored)
    return Minimum(name=fields.pop("structure"), means=means, rank=rank, **fields)


def _proof_arrays(proof: Certificate | None) -> dict[str, Any]:
    return {} if proof is None else {PROOF + name: array for name, array in proof.arrays().items()}


def _rung_cells(rung: Rung) -> tuple[str, ...]:
    best = rung.minima[0]
    return str(rung.rank), f"{best.loss:.9g}", best.structure, best.verdict, str(len(rung.minima)), str(rung.starts)


def _rung_dict(rung: Rung) -> dict[str, Any]:
    best = rung.minima[0]
    return {
        "rank": rung.rank,
        "loss": best.loss,
        "structure": best.structure,
        "verdict": best.verdict,
        "minima": [{"loss": m.loss, "structure": m.structure, "hits": m.hits} for m in rung.minima],
        "starts": rung.starts,
        "dropped": rung.dropped,
        "chance": None if math.isnan(rung.chance) else rung.chance,
    }


def _without_arrays(solution: Solution) -> dict[str, Any]:
    fields = {f.name: getattr(solution, f.name) for f in dataclasses.fields(solution)}
    del fields["means"], fields["proof"]
    ladder = []
    for rung in solution.ladder:
        minima = [{name: _finite(getattr(minimum, name)) for name in STORED} for minimum in rung.minima]
        ladder.append({**{k: _finite(v) for k, v in vars(rung).items()}, "minima": minima})
    fields |= {"problem": problem_dict(solution.problem), "candidates": dict(solution.candidates)}
    return fields | {"ladder": ladder}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _floats(data: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in data.items()}
