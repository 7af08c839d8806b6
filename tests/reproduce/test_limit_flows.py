"""Rows of flows and codes that were made before are kept, and only what is missing is made."""

import pytest

from optima.reproduce import limit_flows
from optima.reproduce.figure import Workplace
from optima.reproduce.rows import read, write


@pytest.fixture
def asked(monkeypatch):
    """Classes and depths whose best codes were searched."""
    found = []
    best = limit_flows.max_margin
    monkeypatch.setattr(limit_flows, "QUICK", ((3,), (1, 2), 1))
    monkeypatch.setattr(limit_flows, "max_margin", lambda K, L: found.append((K, L)) or best(K, L, 2))
    return found


@pytest.mark.slow
def test_only_what_is_missing_is_made(asked, tmp_path):
    place = Workplace(tmp_path, "garrod2026depth.limits", True)
    flows, codes = limit_flows.flows_and_codes(place)
    assert asked == [(3, 1), (3, 2)]
    assert [(row["depth"], row["start"]) for row in flows] == [(L, kind) for L in (1, 2) for kind in limit_flows.KINDS]
    assert len(place.written) == 2
    again = Workplace(tmp_path, "garrod2026depth.limits", True)
    assert limit_flows.flows_and_codes(again) == (flows, codes)
    assert again.written == []
    assert len(asked) == 2
    for file in place.written:
        write(file, [row for row in read(file) if row["depth"] == 1])
    assert limit_flows.flows_and_codes(place) == (flows, codes)
    assert asked[2:] == [(3, 2)]
