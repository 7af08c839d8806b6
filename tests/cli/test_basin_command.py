"""``optima basin``."""

import json

import pytest


def test_the_command(call, tmp_path):
    code, out, err = call("basin", "--classes", "4", "--depth", "2", "--start", "0.1", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["separatrix"] == pytest.approx(0.377440867663, abs=1e-10)
    picture = tmp_path / "basin.png"
    given = ("-K", "8", "-L", "2,3", "--start", "0.1", "--spread", "0.05", "--trials", "20", "--plot", str(picture))
    code, out, err = call("basin", *given)
    assert (code, err) == (0, "")
    assert "training ends at pairs" in out
    assert picture.stat().st_size > 10_000
    assert call("basin", *given)[0] == 2
    code, out, _ = call("basin", "-K", "4", "-L", "3", "--start", "0.1")
    assert "0.666874529" in out
    code, out, _ = call("basin", "-K", "7", "-L", "1", "--start", "0.1", "--spread", "0.1", "--trials", "5")
    assert code == 0
    assert "5 of 5 starts collapse" in out
