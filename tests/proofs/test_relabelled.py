"""Four classes of several sizes: boxes of every order of the sizes, of which the checker lets none be missing."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, solve
from optima.model import Array
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.claims import Claims
from optima.proofs.form import ConvexConcave
from optima.proofs.prove import prove
from optima.proofs.relabelled import orders_of

PROBLEM = DeepUFM(4, 3, 1e-2, samples=(3, 1, 1, 1))
COARSE = 0.15


@pytest.fixture(scope="module")
def proof() -> Certificate:
    return prove(PROBLEM, solve(PROBLEM, effort="quick").means, COARSE, Budget(30_000))


@pytest.mark.parametrize(
    ("sizes", "count"), [((3, 1, 1, 1), 4), ((2, 2, 1, 1), 6), ((1, 1, 2, 3), 12), ((1, 2, 3, 4), 24)]
)
def test_every_sequence_of_sizes_has_an_order(sizes: tuple[int, ...], count: int) -> None:
    orders = orders_of(ConvexConcave.of(DeepUFM(4, 3, 1e-2, sizes)))
    assert len(orders) == len({tuple(sizes[c] for c in order) for order in orders}) == count


@pytest.mark.slow
def test_unequal_classes_are_certified_and_proved_again(proof: Certificate) -> None:
    assert proof.method == "relabelled boxes"
    assert proof.gap <= COARSE
    assert proof.verify()
    three = prove(PROBLEM, proof.means, COARSE, Budget(30_000), most_classes=3)
    assert three.lower < proof.lower


def without(data: dict[str, Array], number: int) -> dict[str, Array]:
    """The data less one tree, the later ones moved up."""
    kept = {name: array for name, array in data.items() if not name.endswith(f"_{number}")}
    last = max(int(name.rsplit("_", 1)[1]) for name in data)
    moved = {name.replace(f"_{last}", f"_{number}"): array for name, array in kept.items()}
    return moved if last != number else kept


@pytest.mark.slow
def test_alterations_are_refused(proof: Certificate) -> None:
    data = dict(proof.data)
    for number in range(4):
        verdict = replace(proof, data=without(data, number)).verify()
        assert not verdict
        assert "no boxes for classes" in verdict.reason
    # One order twice, under the name of another.
    doubled = {name: data[f"{name.rsplit('_', 1)[0]}_0"] if name.endswith("_1") else data[name] for name in data}
    assert not replace(proof, data=doubled).verify()
    assert not replace(proof, data=doubled | {"classes_1": data["classes_1"]}).verify()
    assert "each once" in replace(proof, data=data | {"classes_0": np.array([0, 0, 1, 2])}).verify().reason
    assert not replace(proof, lower=1.01 * proof.lower, data=data).verify()
    assert not replace(proof, problem=replace(PROBLEM, samples=(1, 3, 1, 2))).verify()


@pytest.mark.slow
def test_a_search_of_one_order_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    monkeypatch.setattr("optima.proofs.relabelled.orders_of", lambda form: [(0, 1, 2, 3)])
    wrong = prove(PROBLEM, solve(PROBLEM, effort="quick").means, COARSE, Budget(30_000))
    assert wrong.gap <= COARSE
    assert not wrong.verify()


@pytest.mark.slow
def test_an_interrupted_proof_goes_on_to_the_same_bound(proof: Certificate, tmp_path) -> None:
    path = tmp_path / "proof.npz"
    prove(PROBLEM, proof.means, COARSE, Budget(1_500), path)
    assert list(tmp_path.iterdir())
    again = prove(PROBLEM, proof.means, COARSE, Budget(30_000), path)
    assert again.lower == proof.lower
    assert not list(tmp_path.iterdir())
