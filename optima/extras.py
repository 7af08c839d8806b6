"""Libraries that only an extra installs, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def needed(module: str, extra: str | None = None, instead: str = "") -> ModuleType:
    """The module. Raises ValueError with the command that installs it, by the ``extra`` of optima where it has one."""
    try:
        return import_module(module)
    except ImportError:
        library = module.partition(".")[0]
        what = f"'optima-ufm[{extra}]'" if extra else library
        raise ValueError(f"{library} is missing; install it with pip install {what}{instead}") from None
