"""Proofs depend on the problem, the seed and the boxes they may use, never on the clock, the load or the threads."""

import hashlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from optima import DeepUFM, certify, solve
from optima.atlas.jobs import Job
from optima.atlas.record import Record
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.invariant.certificate import certify_invariant
from optima.proofs.prove import cheap_certificate, prove
from optima.zero_region import zero_threshold


def simplex(K: int, scale: float) -> np.ndarray:
    return scale * (np.eye(K) - 1 / K)


# Problem, logits and boxes: proofs that end early and proofs that do not, of the whole and of parts.
CASES = [
    (DeepUFM(2, 3, 1e-3, samples=(1, 4)), simplex(2, 12.0), 300),
    (DeepUFM(3, 2, 1e-2), simplex(3, 6.8), 50),
    (DeepUFM(3, 4, 1e-3, samples=(1, 2, 5)), simplex(3, 10.0), 50),
    (DeepUFM(5, 3, 1e-3), simplex(5, 12.0), 30),
]


def print_of(certificate: Certificate) -> str:
    """All that is claimed, but the time it took."""
    data = b"".join(name.encode() + array.tobytes() for name, array in sorted(certificate.data.items()))
    digest = hashlib.sha256(data).hexdigest()
    return f"{certificate.lower.hex()} {certificate.gap.hex()} {certificate.method} {certificate.ended} {digest}"


def every_proof() -> list[str]:
    shown = [print_of(prove(problem, means, 1e-4, Budget(boxes))) for problem, means, boxes in CASES]
    shown += [print_of(cheap_certificate(problem, means)) for problem, means, _ in (CASES[0], CASES[-1])]
    invariant = certify_invariant(DeepUFM(12, 3, 1e-3), (12,), 1e-6, boxes=300)
    shown.append(f"{invariant.lower.hex()} {invariant.upper.hex()} {invariant.ended}")
    shown.append(str(zero_threshold(DeepUFM(2, 3, 1.0), tolerance=0.1)))
    return shown


@pytest.fixture
def wild(monkeypatch) -> None:
    """Every clock jumps by hours."""
    count = itertools.count()
    for name in ("perf_counter", "process_time", "time"):
        monkeypatch.setattr(time, name, lambda: 7000.0 * next(count))


@pytest.mark.slow
def test_a_clock_that_runs_wild_changes_nothing(request) -> None:
    calm = every_proof()
    assert any("stopped after" in shown for shown in calm)
    request.getfixturevalue("wild")
    assert every_proof() == calm


def test_lower_bounds_of_solutions_do_not_know_the_clock(request) -> None:
    problems = [DeepUFM(3, 5, 1e-3), DeepUFM(3, 2, 1e-1), DeepUFM(2, 7, 1e-2, samples=(2, 3))]
    calm = [solve(problem, effort="quick") for problem in problems]
    bounds = [(solution.lower_bound, solution.gap) for solution in calm]
    request.getfixturevalue("wild")
    again = [solve(problem, effort="quick") for problem in problems]
    assert [(solution.lower_bound, solution.gap) for solution in again] == bounds
    assert all(gap <= 1e-3 for _, gap in bounds)


def test_an_atlas_stores_the_same_bounds_at_once_and_later(request) -> None:
    problems = tuple(DeepUFM(3, L, 1e-2) for L in (2, 3))
    at_once = Job(problems, 0, "quick", certify=True).run()
    bare = Job(problems, 0, "quick", certify=False).run()
    request.getfixturevalue("wild")
    later = Job((), 0, "quick", certify=True, certified=tuple(bare)).run()
    assert all(record.certificate is None for record in bare)

    def shown(records: list[Record]) -> list[str]:
        return [print_of(record.certificate) for record in records if record.certificate is not None]

    assert shown(later) == shown(at_once)
    assert len(shown(later)) == 2


ALONE = "import sys; sys.path.insert(0, sys.argv[1]); import test_same; print('\\n'.join(test_same.every_proof()))"


@pytest.fixture
def crowd() -> Iterator[None]:
    """Processes that want all cores."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in busy:
        process.kill()
        process.wait()


def in_a_process(threads: int) -> str:
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    command = [sys.executable, "-c", ALONE, os.path.dirname(__file__)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_load_and_threads_change_no_bit(request) -> None:
    quiet = in_a_process(1)
    request.getfixturevalue("crowd")
    assert in_a_process(4) == quiet


@pytest.mark.parametrize("batches", [1, 3])
def test_an_interrupted_proof_ends_where_a_whole_one_does(tmp_path, batches: int) -> None:
    problem, means = DeepUFM(3, 4, 1e-3, samples=(1, 2, 5)), simplex(3, 10.0)
    whole = prove(problem, means, 1e-5, Budget(150))

    def interrupt(search) -> None:
        search.batches = getattr(search, "batches", 0) + 1
        if search.batches == batches:
            raise KeyboardInterrupt

    kept = tmp_path / "proof.npz"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            prove(problem, means, 1e-5, Budget(150), kept, interrupt)
    # An early end of its own is gone on from, too.
    prove(problem, means, 1e-5, Budget(80), kept)
    assert print_of(prove(problem, means, 1e-5, Budget(150), kept)) == print_of(whole)
    assert whole.ended.startswith("stopped after")


def test_an_interrupt_within_a_step_counts_no_work_twice(tmp_path, monkeypatch) -> None:
    problem, means = DeepUFM(3, 4, 1e-3, samples=(1, 2, 5)), simplex(3, 10.0)
    whole = prove(problem, means, 1e-5, Budget(150))
    right, calls = BranchAndBound._promise, itertools.count()

    def interrupted(*arguments):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return right(*arguments)

    monkeypatch.setattr(BranchAndBound, "_promise", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prove(problem, means, 1e-5, Budget(150), tmp_path / "proof.npz")
    assert print_of(prove(problem, means, 1e-5, Budget(150), tmp_path / "proof.npz")) == print_of(whole)


def test_the_clock_ends_a_proof_only_on_request_and_that_is_said(request) -> None:
    solution = solve(DeepUFM(4, 2, 1e-2), effort="quick")
    request.getfixturevalue("wild")
    hurried = certify(solution, gap=1e-6, minutes=1.0)
    assert hurried.certificate.ended == "stopped by the clock"
    assert "stopped by the clock" in str(hurried)
    assert hurried.as_dict()["certificate"]["ended"] == "stopped by the clock"
    assert certify(solution, gap=1e-6, minutes=1e9, boxes=20).certificate.ended.endswith(" boxes")
    assert certify_invariant(DeepUFM(12, 3, 1e-3), gap=1e-9, minutes=1.0).ended == "stopped by the clock"


@pytest.mark.parametrize(("arguments", "name"), [({"boxes": 0}, "boxes"), ({"minutes": 0.0}, "minutes")])
def test_budgets_that_are_not_positive_are_refused(arguments, name) -> None:
    for prover in (certify, certify_invariant):
        with pytest.raises(ValueError, match=name):
            prover(DeepUFM(3, 3, 1e-3), **arguments)
