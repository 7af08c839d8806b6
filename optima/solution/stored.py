"""Solutions as JSON, and as files of numpy arrays that are read without trust."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optima.files import opened, parse_json, read_arrays, whole
from optima.model import Array
from optima.model.class_network import ClassNetwork
from optima.model.key import problem_dict, problem_from
from optima.proofs import Certificate
from optima.solution.minima import Minimum, Rung
from optima.structures.recognition.result import Recognition

if TYPE_CHECKING:
    from optima.solution.solution import Solution

FORMAT = "optima solution 1"
# Names of the arrays of a certificate, and of the factors of a network, begin like this.
PROOF, FACTOR = "proof_", "factor_"
# What such a file says of each minimum of the ladder, besides its logits.
STORED = ("loss", "structure", "verdict", "gradient_norm", "curvature", "hits")


def solution_dict(solution: Solution, logits: bool = False) -> dict[str, Any]:
    """The object that ``optima solve --json`` prints."""
    proof = solution.proof
    out: dict[str, Any] = {
        "problem": problem_dict(solution.problem),
        "loss": solution.loss,
        "fit": solution.fit,
        "penalty": solution.penalty,
        "rank": solution.rank,
        "singular_values": solution.singular_values.tolist(),
        "structure": solution.structure,
        "description": solution.recognition.description,
        "margin": solution.margin,
        "ladder": [_rung_dict(rung) for rung in solution.ladder if rung.minima],
        "candidates": dict(solution.candidates),
        "kind": str(solution.kind),
        "known_by": solution.known_by,
        "lower_bound": None if proof is None else solution.lower_bound,
        "gap": None if proof is None else solution.gap,
        "certificate": None if proof is None else proof.as_dict(),
        "seed": solution.seed,
        "effort": solution.effort,
        "seconds": solution.seconds,
    }
    if solution.network is not None:
        out |= network_dict(solution.network)
    return out | {"logits": solution.means.tolist()} if logits else out


def network_dict(network: ClassNetwork) -> dict[str, Any]:
    """What is told of a network layer by layer: one column for each class."""
    hidden = network.layers[:-1]
    return {
        "middle_rank": network.middle_rank,
        "layers": [
            {"rank": rank, "preactivations": layer.tolist(), "features": network.activated(layer).tolist()}
            for rank, layer in zip(network.ranks, hidden, strict=False)
        ],
    }


def write_solution(solution: Solution, path: str | Path) -> None:
    """Write everything to one file, whole or not at all."""
    minima = [minimum for rung in solution.ladder for minimum in rung.minima]
    text = json.dumps({"format": FORMAT, **_without_arrays(solution)})
    arrays = {"means": np.stack([solution.means, *(minimum.means for minimum in minima)])}
    if solution.proof is not None:
        arrays |= {PROOF + name: array for name, array in solution.proof.arrays().items()}
    arrays |= {f"{FACTOR}{i}": factor for i, factor in enumerate(_factors(solution))}
    with whole(path) as stream:
        np.savez_compressed(stream, text=np.array(text), **arrays)  # type: ignore[arg-type]


def read_fields(path: str | Path) -> dict[str, Any]:
    """The fields of the solution in a file, of whatever kind they are there. Raises on any other file."""
    with opened(path) as stream:
        stored = read_arrays(stream)
    fields, stack = parse_json(str(stored["text"])), iter(stored["means"])
    if fields.pop("format") != FORMAT:
        raise ValueError("it has another format")
    fields |= {"problem": problem_from(fields["problem"]), "means": next(stack)}
    fields["recognition"] = _recognition(fields)
    fields["ladder"] = tuple(_rung(rung, stack) for rung in map(_floats, fields["ladder"]))
    if next(stack, None) is not None:
        raise ValueError("it has logits of more minima than its ladder")
    proof = {name[len(PROOF) :]: array for name, array in stored.items() if name.startswith(PROOF)}
    fields["proof"] = Certificate.from_arrays(fields["problem"], fields["means"], proof) if proof else None
    factors = sum(name.startswith(FACTOR) for name in stored)
    stored_factors = tuple(stored[f"{FACTOR}{i}"] for i in range(factors))
    fields["network"] = ClassNetwork(fields["problem"], stored_factors) if factors else None
    return fields


def _factors(solution: Solution) -> tuple[Array, ...]:
    return () if solution.network is None else solution.network.factors


def _recognition(fields: dict[str, Any]) -> Recognition:
    problem, means, stored = fields["problem"], fields["means"], fields.pop("recognition", None)
    if stored is None:
        # Files of the first releases have the sentence alone.
        found = Recognition.read(fields.pop("structure"))
    else:
        found = Recognition(**{**stored, "multiplicities": tuple(stored["multiplicities"])})
    return found.seen(means, problem.loss)


def _rung(stored: dict[str, Any], stack: Any) -> Rung:
    minima = tuple(_minimum(minimum, next(stack), stored["rank"]) for minimum in stored["minima"])
    return Rung(**{**stored, "minima": minima})


def _minimum(stored: dict[str, Any], means: Array, rank: int) -> Minimum:
    fields = _floats(stored)
    return Minimum(name=fields.pop("structure"), means=means, rank=rank, **fields)


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
    for name in ("means", "proof", "network"):
        del fields[name]
    ladder = []
    for rung in solution.ladder:
        minima = [{name: _finite(getattr(minimum, name)) for name in STORED} for minimum in rung.minima]
        ladder.append({**{k: _finite(v) for k, v in vars(rung).items()}, "minima": minima})
    fields |= {"problem": problem_dict(solution.problem), "candidates": dict(solution.candidates)}
    return fields | {"ladder": ladder, "recognition": solution.recognition.as_dict()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _floats(data: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in data.items()}
