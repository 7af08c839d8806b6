"""Derivations as pages: their cells in the order of the script, not run (the tests run them)."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext

# The first words of a script's code, which say the title again.
DOCSTRING = re.compile(r'\A"""[^"]*"""\n+')

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
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif code := DOCSTRING.sub("", cell.source).strip():
            parts.append(f"```python\n{code}\n```")
    # A number of an equation is no emphasis.
    return "\n\n".join(part if part.startswith("```") else part.replace("(*)", r"(\*)") for part in parts) + "\n"
