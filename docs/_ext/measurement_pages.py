"""Tables of measurements beside the benchmarks that made them, as pages."""

from __future__ import annotations

from pathlib import Path

INTRODUCTION = """# Measurements

What the documentation says of speed and quality was measured by these scripts; each table names its own.

```{toctree}
:maxdepth: 1

NAMES
```
"""


def pages(root: Path) -> dict[str, str]:
    """A page for each table in ``tests/benchmarks`` or beside a figure, and their list."""
    files = [*sorted((root / "tests/benchmarks").glob("*.md")), *sorted((root / "examples").glob("*.*.md"))]
    tables = {path.stem: path.read_text(encoding="utf-8") for path in files}
    texts = {f"measurements/{name}.md": text for name, text in tables.items()}
    return {"measurements/index.md": INTRODUCTION.replace("NAMES", "\n".join(tables)), **texts}
