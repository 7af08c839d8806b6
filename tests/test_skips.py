"""A skip is told, and where it is not excused it is a failure: the negative control of the check script."""

from pathlib import Path

import pytest

SUITE = """
import pytest

def test_passes():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_known():
    raise ValueError

@pytest.mark.needs("a_library_that_nobody_has")
def test_of_a_library():
    raise AssertionError

@pytest.mark.needs("json")
@pytest.mark.needs("python3")
def test_of_what_is_there():
    pass
"""
WAYS = {
    "in the test": "def test_other():\n    pytest.skip('no reason of the list')",
    "by a mark": "@pytest.mark.skipif(True, reason='no reason of the list')\ndef test_other():\n    pass",
    "by an import": "def test_other():\n    pytest.importorskip('another_library', reason='no reason of the list')",
    "by a fixture": "@pytest.fixture\ndef f(): pytest.skip('no reason of the list')\n\ndef test_other(f): pass",
    "of a file": "pytest.importorskip('another_library', reason='no reason of the list')",
}


@pytest.fixture
def run(pytester, monkeypatch):
    """Lines and outcomes of a small suite, under the rules of this one, with some names excused (None: no rule)."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text().replace('["pytester"]', "[]"))
    # Plugins are slow to start, and of no matter here.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\naddopts = -rfEs --strict-markers\nmarkers = needs")

    def run(excused, **files):
        if excused is None:
            monkeypatch.delenv("OPTIMA_MAY_SKIP", raising=False)
        else:
            monkeypatch.setenv("OPTIMA_MAY_SKIP", excused)
        pytester.makepyfile(test_suite=SUITE, **files)
        return pytester.runpytest_inprocess()

    return run


@pytest.mark.parametrize("excused", [None, "a_library_that_nobody_has", "cupy a_library_that_nobody_has"])
def test_what_may_be_missing_is_skipped_and_told(run, excused):
    result = run(excused)
    result.assert_outcomes(passed=2, skipped=1, xfailed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SKIPPED [[]1] *: a_library_that_nobody_has is not installed"])


@pytest.mark.parametrize("excused", ["", "cupy"])
def test_what_may_not_be_missing_fails(run, excused):
    result = run(excused)
    result.assert_outcomes(passed=2, errors=1, xfailed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_of_a_library may not be skipped here: a_library_that_nobody_has is not *"])


@pytest.mark.parametrize("way", WAYS)
def test_a_skip_for_another_reason_fails_however_it_is_made(run, way):
    other = f"import pytest\n\n{WAYS[way]}\n"
    told = run(None, test_other=other)
    assert told.ret == 0
    told.stdout.fnmatch_lines(["SKIPPED [[]1] *no reason of the list"])
    judged = run("a_library_that_nobody_has", test_other=other)
    assert judged.ret != 0
    judged.stdout.fnmatch_lines(["*test_other* may not be skipped here: no reason of the list"])
