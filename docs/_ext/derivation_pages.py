"""Derivations as pages: their cells in the order of the script, not run (the tests run them)."""

from __future__ import annotations

from pathlib import Path

import jupytext

INTRODUCTION = """# Derivations

Each formula is derived in a script whose assertions are run by the tests and by the claims that rest on it. Cells say
**proof** (for all sizes) or **check** (exact, one size).

```{toctree}
:maxdepth: 1

NAMES
```
"""


def pages(root: Path) -> dict[str, str]:
    """A page for each script, and their list."""
    scripts = {path.stem: path for path in sorted((root / "derivations").glob("*.py"))}
    texts = {f"derivations/{name}.md": page(path) for name, path in scripts.items()}
    return {"derivations/index.md": INTRODUCTION.replace("NAMES", "\n".join(scripts)), **texts}


def page(path: Path) -> str:
    """The cells of a script, text as text and code as code."""
    heading, *cells = jupytext.read(path, fmt="py:percent").cells
    title, _, rest = heading.source.partition("\n")
    parts = [title, f"`python derivations/{path.name}` runs every check on this page.", rest.strip()]
    for cell in cells:
        parts.append(cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source.strip()}\n```")
    return "\n\n".join(parts) + "\n"
