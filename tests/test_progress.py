"""What callbacks of progress are given: words, and the part that is done where it is known."""

from optima import DeepUFM
from optima.atlas import Store, build, processes
from optima.claims import claims_of, run
from optima.progress import Part, Words


def test_words_know_of_no_part():
    assert (str(Words("depth 2")), Words("depth 2").fraction) == ("depth 2", None)


def test_a_part_is_a_share_of_all_and_of_nothing_all():
    assert (str(Part(1, 4, "cells")), Part(1, 4).fraction, Part(0, 0).fraction) == ("cells", 0.25, 1.0)


def test_computations_tell_how_far_they_are(tmp_path):
    told = []
    with Store(tmp_path / "a.atlas", write=True) as store:
        build(store, [DeepUFM(3, 2, 0.01)], effort="quick", executors=processes(1), progress=told.append)
    assert told[-1].fraction == 1.0
    assert str(told[-1]).startswith("1 of 1 cells, ")
    claims, _ = claims_of(["model.minimal_rank"])
    said = []
    run(claims[0], {"classes": (2, 3)}, progress=said.append)
    assert str(said[0]) == "model.minimal_rank"
    assert all(now.fraction is None for now in said)
    assert any(str(now).startswith("control of model.minimal_rank, ") for now in said)
