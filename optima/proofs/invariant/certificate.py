r"""The best logits that are invariant under a group acting on the classes, with a proof within that class."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from optima.checker import Verification, verify_invariant
from optima.files import opened, parse_json, read_arrays, whole
from optima.model import Array, DeepUFM
from optima.model.arguments import takes_model
from optima.model.content import Content
from optima.model.foreign import check_fields, check_matrix, check_numbers
from optima.model.key import problem_dict, problem_from
from optima.progress import Tell, silent
from optima.proofs.arithmetic import proving
from optima.proofs.budget import budget_of
from optima.proofs.gap import BOUND_ROUNDING, gap_of_search, relative_gap
from optima.proofs.invariant.chord_search import ChordSearch
from optima.proofs.invariant.group import InvariantForm
from optima.structures.group import Group

# Sets of blocks from which descents start.
STARTS = 64
# Boxes of a proof, about a minute.
BOXES = 300_000
# Most memory, in GiB.
MEMORY = 4.0
FORMAT = "optima invariant certificate 1"


@dataclass(frozen=True, eq=False)
class InvariantCertificate(Content):
    r"""Proof that no logits that are invariant under ``group`` have a smaller loss than ``lower``.

    .. math:: \text{lower} \le \min\{f(Z) : Z_{jc} = z(j - c)\} \le \text{upper} = f(\text{means})

    This is no bound for other logits, whose loss may be smaller: only ``upper`` holds for the problem as a whole.

    Attributes
    ----------
    problem, group
        The model, and the orders of the cyclic factors of the group.
    lower, upper, means
        The bounds, and invariant logits (K, K) that reach ``upper``.
    seconds
        Time the proof took.
    data
        Arrays from which :meth:`verify` proves the bound again.
    ended
        Why the proof goes no further: the gap asked for is reached, the boxes are used up, or the clock.
    """

    problem: DeepUFM
    group: tuple[int, ...]
    lower: float
    upper: float
    means: Array
    seconds: float = field(compare=False)
    data: Mapping[str, Array]
    ended: str

    @property
    def gap(self) -> float:
        """1 - lower / upper."""
        return relative_gap(self.lower, self.upper)

    def verify(self, intervals: bool = False) -> Verification:
        """Prove both bounds again, by code that shares only the loss with the proof.

        With ``intervals`` in ball arithmetic (needs python-flint): then the answer does not rest on rounding.
        """
        data = dict(self.data)
        return verify_invariant(self.problem, self.group, self.lower, self.upper, self.means, data, intervals)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima certify --invariant --json`` prints."""
        return {
            "problem": problem_dict(self.problem),
            "group": list(self.group),
            "loss": self.upper,
            "lower_bound": self.lower,
            "gap": self.gap,
            "proved": f"only among logits invariant under {self.group_name}",
            "ended": self.ended,
            "seconds": self.seconds,
        }

    def save(self, path: str | Path) -> None:
        """Write everything to one file (numpy's npz; pass a path ending in .npz), whole or not at all."""
        text = json.dumps({"format": FORMAT, **self.as_dict()})
        arrays: dict[str, Any] = {"text": np.array(text), "means": self.means, **self.data}
        with whole(path) as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> InvariantCertificate:
        """Read a file written by :meth:`save`; :meth:`verify` says if it holds. Raises ValueError on any other file."""
        try:
            with opened(path) as stream:
                data = read_arrays(stream)
            words, means = parse_json(str(data.pop("text"))), data.pop("means")
            if words["format"] != FORMAT:
                raise ValueError("it has another format")
            group = Group.of(words["group"], words["problem"]["classes"]).orders
            bounds = {"lower": words["lower_bound"], "upper": words["loss"]}
            rest = {name: words[name] for name in ("seconds", "ended")}
            found = cls(problem_from(words["problem"]), group, means=means, data=data, **bounds, **rest)
            check_fields(found)
            check_matrix("means", means, found.problem.classes)
            check_numbers(data)
            return found
        except FileNotFoundError:
            raise
        except Exception as error:
            # Fields that are missing or of another type fail in many ways.
            why = str(error) if isinstance(error, ValueError) else "its fields are not those of a certificate"
            raise ValueError(f"{path} is no certificate of invariant logits; pass one that was saved ({why})") from None

    @property
    def group_name(self) -> str:
        """Its cyclic factors, as in Z_4 x Z_6."""
        return " x ".join(f"Z_{n}" for n in self.group)

    def __repr__(self) -> str:
        bounds = f"{self.lower:.6g} <= minimum of the invariant logits <= {self.upper:.6g}, gap {self.gap:.2g}"
        return f"<InvariantCertificate {self.problem.summary}, group {self.group}: {bounds}>"

    def __str__(self) -> str:
        bounds = f"{self.lower:.12g} <= minimum over logits invariant under {self.group_name} <= {self.upper:.12g}"
        return f"{bounds} (gap {self.gap:.1e}); {self.ended}"


@takes_model()
def certify_invariant(
    problem: DeepUFM,
    group: Sequence[int] | None = None,
    gap: float = 1e-3,
    minutes: float | None = None,
    seed: int = 0,
    progress: Tell[ChordSearch] = silent,
    boxes: int | None = None,
) -> InvariantCertificate:
    r"""The best invariant logits, and how far from the best of their symmetry class they can be.

    .. math:: \min \{ f(Z) : Z_{jc} = z(j - c),\; j, c \in G \}

    Parameters
    ----------
    problem
        A linear cross-entropy problem with balanced classes and a width of at least K - 1; or its numbers.
    group
        Orders of the cyclic factors of G, by default (K,): circulant logits. (2, 2, 2) are those of Hadamard codes.
    gap
        The proof ends when the gap of the certificate is no larger.
    boxes
        Or after the batch that reaches this number of boxes, by default 300,000, unless there are minutes. The bound
        holds in any case, and is the same on a busy machine.
    minutes
        Or after this time. Only then the bound depends on the machine; ``ended`` of the certificate says so.
    seed
        Seed of the descents that look for good logits.
    progress
        Called with the running search: words by ``str``, ``fraction`` of the budget, ``bound``, ``best``, ``size``
        (boxes) and ``seconds``.

    The bound is one for invariant logits only, never for the problem. Raises ValueError for other problems and groups.
    Source: derivations/invariant_bound.py.

    Examples
    --------
    >>> import optima
    >>> certificate = optima.certify_invariant(optima.DeepUFM(5, 2, 1e-2))
    >>> round(certificate.lower, 4), round(certificate.upper, 4)
    (0.2017, 0.2019)
    """
    aim, budget = gap_of_search(gap), budget_of(boxes, MEMORY, minutes, BOXES)
    form = InvariantForm.of(problem, (problem.classes,) if group is None else group)
    with proving():
        search = ChordSearch(form, best_found(form, seed), aim)
        search.run(budget.most, budget.seconds, progress)
        ends = _descended(form, search.best_point), search.best_point
        best = min(ends, key=lambda s: float(form.value(s[None])[0]))
        upper = float(form.value(best[None])[0])
    lower = max(min(search.bound, upper), 0.0) * (1 - BOUND_ROUNDING)
    data = {"top": np.array(search.top), "base": np.array(form.group.base(), dtype=np.int64), **search.tree.arrays()}
    ended = f"the gap of {gap:g} is reached" if relative_gap(lower, upper) <= gap else budget.ended(search)
    means = form.logits(best)
    return InvariantCertificate(problem, form.group.orders, lower, upper, means, search.seconds, data, ended)


def best_found(form: InvariantForm, seed: int = 0) -> Array:
    """Singular values (m,) of good invariant logits: descents from sets of equal ones, and zero."""
    m = form.multiplicity.size
    rng = np.random.default_rng(seed)
    if 2**m - 1 <= STARTS:
        sets = np.array(list(itertools.product((0.0, 1.0), repeat=m))[1:])
    else:
        sets = np.vstack([np.eye(m), np.ones((1, m)), rng.integers(0, 2, size=(STARTS, m))])
    scales = np.geomspace(1e-2, 1e3, 60) * len(form.group.elements)
    found = [np.zeros(m)]
    for start in sets:
        line = scales[:, None] * start
        found.append(_descended(form, line[np.argmin(form.value(line))]))
    # A linear solve may leave a value just below zero.
    return min((np.maximum(s, 0.0) for s in found), key=lambda s: float(form.value(s[None])[0]))


def _descended(form: InvariantForm, start: Array) -> Array:
    """Local minimum in u, s = u^(L+1), in which the penalty is c sum_b mu_b u_b^2 and zero values stay zero."""
    from scipy.optimize import minimize

    power = 2 * form.power

    def value(u: Array) -> tuple[float, Array]:
        fit, g, _ = form.fit(u[None] ** power)
        weight = form.strength * form.multiplicity
        return float(fit[0] + weight @ u**2), power * u ** (power - 1) * g[0] + 2 * weight * u

    options = {"ftol": 1e-15, "gtol": 1e-12}
    u = minimize(value, start ** (1 / power), jac=True, bounds=[(0, None)] * start.size, options=options).x
    return np.asarray(u**power)
