"""The notebooks: they run from top to bottom, and show what their text says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# What must hold when a notebook has run, by its variables.
EXPECTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "evaluation": lambda found: found["score"].f1 > 70 and found["surer"] > found["less_sure"],
    "hidden_states": lambda found: (
        found["same"] and found["difference"] < 1e-4 and found["answers"] == ["March", "The mill"]
    ),
    "many_questions": lambda found: found["report"].encoded == 21 and len(found["results"]) == 112,
    "pipeline": lambda found: found["answer"]["answer"] == "Anna Halvorsen" and found["streamed"][0] == "1847",
}


def cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def test_every_notebook_is_checked() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} == set(EXPECTED)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_runs(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code in order, as a kernel would run it; Jupyter need not be installed."""
    pytest.importorskip("deformer_squad_mini")
    monkeypatch.chdir(FOLDER)
    found: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(notebook)):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{notebook.name}, cell {number}", "exec"), found)
    assert EXPECTED[notebook.stem](found)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_runs_in_jupyter(notebook: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("deformer_squad_mini")
    read = nbformat.read(os.fspath(notebook), as_version=4)
    nbformat.validate(read)
    nbclient.NotebookClient(read, timeout=300, resources={"metadata": {"path": os.fspath(FOLDER)}}).execute()
