"""Notebooks as pages of the site: their text and code, in order. Results are not kept in notebooks, so none are
shown."""

from __future__ import annotations

import json
from pathlib import Path


def notebooks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ipynb"))


def place_of(notebook: Path) -> str:
    return f"notebooks/{notebook.stem}.md"


def _page(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    note = f"*This is `examples/notebooks/{notebook.name}`: run it to see what it prints on your machine.*"
    return "\n\n".join([*parts[:1], note, *parts[1:]]) + "\n"


def pages(folder: Path) -> dict[str, str]:
    """Text by place in the site."""
    return {place_of(notebook): _page(notebook) for notebook in notebooks(folder)}
