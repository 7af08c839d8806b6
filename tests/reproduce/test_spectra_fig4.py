"""Which relu runs figure 4 of garrod2026spectra shows."""

from types import SimpleNamespace

from optima.reproduce.garrod2026spectra_fig4 import _shown


def test_the_run_at_collapse_is_shown_beside_that_of_least_loss():
    ends = [("triangle", 0.151), ("collapse", 0.165), ("unnamed (middle rank 2)", 0.17)]
    runs = [SimpleNamespace(structure=name, loss=loss) for name, loss in ends]
    assert _shown(runs) == [runs[1], runs[0]]
    assert _shown(runs[1:]) == [runs[1]]
