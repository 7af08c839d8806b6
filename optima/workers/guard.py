"""What a script must look like for worker processes to be started from it."""

from __future__ import annotations

import ast
import inspect
import multiprocessing
import sys
from types import FrameType

GUARD = (
    "worker processes import the script that starts them, and would run this call again; put it under `if __name__ == "
    '"__main__":`'
)


def check_guard() -> None:
    """Raise RuntimeError, before any process is started, in a script that its workers would run from the top.

    In such a worker itself, end it with the same sentence instead of a traceback.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(f"optima: {GUARD}")
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__" and _open(frame):
            raise RuntimeError(GUARD)
        frame = frame.f_back


def _open(frame: FrameType) -> bool:
    """Whether the statement that a script is at would run in a worker: no test of ``__name__`` is around or before it.

    Without a file, as in an interpreter, and for ``python -m package``, workers import nothing.
    """
    path, spec = frame.f_globals.get("__file__"), frame.f_globals.get("__spec__")
    if path is None or path != frame.f_code.co_filename or (spec is not None and spec.name.endswith("__main__")):
        return False
    try:
        with open(path, encoding="utf-8") as stream:
            tree = ast.parse(stream.read())
    except (OSError, ValueError, SyntaxError):
        return False
    begun = [statement for statement in tree.body if statement.lineno <= frame.f_lineno]
    tests = [statement.test for statement in begun if isinstance(statement, ast.If)]
    return not any(isinstance(part, ast.Name) and part.id == "__name__" for test in tests for part in ast.walk(test))
