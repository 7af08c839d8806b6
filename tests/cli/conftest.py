"""What the tests of the commands share."""

import pytest

from optima.cli import main


@pytest.fixture(autouse=True)
def without_a_width(monkeypatch):
    """What a test reads does not depend on the terminal that it is started from."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def call(capsys):
    """Run a command in this process: exit code, standard output and standard error."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run
