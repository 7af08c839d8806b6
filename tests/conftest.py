"""What a test needs beside the package, and who may do without it.

A test marked ``needs("torch")`` is skipped where there is neither a module nor a command of that name. Where the
variable OPTIMA_MAY_SKIP lists names, possibly none, every other skip is a failure: nothing is skipped in silence.
No test depends on chance or on how busy the machine is.
"""

import importlib.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests run side by side: more threads in each only wait for each other. Set before numpy is imported, and inherited.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same examples every time, and no test fails because the machine is busy.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

pytest_plugins = ["pytester"]


# Cases that take long beside others of the same test, made by long_cases.py.
LIST = Path(__file__).with_name("long_cases.txt")
LONG = frozenset(LIST.read_text(encoding="utf-8").splitlines() if LIST.is_file() else ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid in LONG:
            item.add_marker(pytest.mark.slow)


def missing(name):
    """Why a test that needs a name is skipped."""
    return f"{name} is not installed"


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        (name,) = mark.args
        if importlib.util.find_spec(name) is None and shutil.which(name) is None:
            pytest.skip(missing(name))


def judged(report):
    """The report, of a failure if it is one of a skip that is not excused."""
    allowed = os.environ.get("OPTIMA_MAY_SKIP")
    if allowed is not None and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason not in map(missing, allowed.split()):
            report.outcome = "failed"
            report.longrepr = f"{report.nodeid} may not be skipped here: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport():
    return judged((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report():
    return judged((yield))


@pytest.fixture
def thread():
    """Jobs one after another in a thread of this process: no process to start."""
    return partial(ThreadPoolExecutor, 1)
