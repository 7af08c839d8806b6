"""Problems as text and back, and one key for each, whatever way it was written down."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from optima.files import parse_json
from optima.model.problem import DeepUFM


def normalised(problem: DeepUFM) -> DeepUFM:
    r"""The same problem in its one standard form.

    .. math:: \lambda_1 = \dots = \lambda_{L+1} \mapsto \lambda, \qquad d \ge K \mapsto d = \infty
        \quad (\text{relu: } d \ge K (K + 1) / 2)

    Equal regularisations become one number, a width that bounds nothing becomes None, and with one weight matrix, where
    no relu acts, the model is linear; all leave the least loss of any logits as it is. With relu the neurons of a layer
    enter what follows by sum_j s(m_j) s(m_j)^T alone, K (K + 1) / 2 numbers, at a cost that is a sum over them: by
    Caratheodory's theorem as many neurons are as good as more. Source: derivations/network_gram_chain.py.
    """
    width, relu = problem.width, problem.nonlinear
    enough = problem.classes * (problem.classes + 1) // 2 if relu else problem.classes
    width = None if width is None or width >= enough else width
    return dataclasses.replace(problem, reg=one_reg(problem), width=width, activation="relu" if relu else "linear")


def one_reg(problem: DeepUFM) -> float | tuple[float, ...]:
    """The regularisations, as one number where all are the same."""
    reg = problem.reg
    return reg[0] if isinstance(reg, tuple) and len(set(reg)) == 1 else reg


def content_key(problem: DeepUFM) -> bytes:
    """Sixteen bytes of the SHA-256 of the normalised problem."""
    return hashlib.sha256(problem_text(normalised(problem)).encode()).digest()[:16]


def problem_text(problem: DeepUFM) -> str:
    """A problem as JSON with sorted names; floats round-trip."""
    return json.dumps(problem_dict(problem), sort_keys=True, separators=(",", ":"))


def problem_of(text: str) -> DeepUFM:
    """The problem that :func:`problem_text` wrote."""
    return problem_from(parse_json(text))


def problem_dict(problem: DeepUFM) -> dict[str, Any]:
    """A problem for JSON."""
    fields = dataclasses.asdict(problem)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def problem_from(stored: Mapping[str, Any]) -> DeepUFM:
    """The problem that :func:`problem_dict` wrote."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
    return DeepUFM(**fields)
