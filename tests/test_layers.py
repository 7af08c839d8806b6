"""The layers of the package: a contract that holds, and that fails where an import goes up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def linted(folder):
    """Exit code and output of the check of the contracts of a copy of the package."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})
    return run.returncode, run.stdout + run.stderr


@pytest.mark.needs("importlinter")
@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("model/problem.py", "from optima.search.ladder import search", "rooms below it BROKEN"),
        ("checker/verify.py", "from optima.proofs.dual import FitDual", "rooms below it BROKEN"),
        (
            "solution/solution.py",
            "def f():\n    from optima.plot.solution import plot_solution",
            "rooms below it BROKEN",
        ),
        ("scales/newton.py", "from optima.scales.scale import best_scales", "files of a room BROKEN"),
        ("cli/main.py", "import json", None),
    ],
)
def test_an_import_that_goes_up_breaks_the_contract(file, line, contract, tmp_path):
    shutil.copytree(ROOT / "optima", tmp_path / "optima", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "optima" / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    code, said = linted(tmp_path)
    assert code == (0 if contract is None else 1), said
    assert contract is None or contract in said
