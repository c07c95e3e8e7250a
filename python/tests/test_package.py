"""The package as it was installed: types, versions, the tool."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import deformer
import deformer_tool
from deformer import _torch

PACKAGE = Path(deformer.__file__).parent
ROOT = Path(__file__).resolve().parents[2]


def test_is_not_the_source_tree() -> None:
    assert ROOT / "python" not in PACKAGE.parents
    assert list(PACKAGE.glob("_native.*.so"))


def test_has_types_and_stubs() -> None:
    assert (PACKAGE / "py.typed").is_file()
    stub = (PACKAGE / "_native.pyi").read_text(encoding="utf-8")
    assert "class SpanQa" in stub
    assert "std::" not in stub  # a C++ type that no caster knows


def test_types_say_that_a_list_may_have_exceptions() -> None:
    stub = (PACKAGE / "_native.pyi").read_text(encoding="utf-8")
    for method, result in (("answer", "QaResult"), ("classify", "PairResult"), ("choose", "ChoiceResult")):
        forms = [line for line in stub.splitlines() if line.strip().startswith(f"def {method}(")]
        assert len(forms) == 2
        assert "return_errors: Literal[False] = False," in forms[0]
        assert forms[0].endswith(f"-> list[{result}]:")
        assert "return_errors: bool," in forms[1]
        assert forms[1].endswith(f"-> list[{result} | Exception]: ...")


def test_every_public_name_exists_and_is_documented() -> None:
    for name in deformer.__all__:
        assert hasattr(deformer, name)
    for name in ("Model", "SpanQa", "PassageEncoder", "pipeline", "train", "open_store", "load_dataset", "trace"):
        assert getattr(deformer, name).__doc__, name


def test_versions_agree() -> None:
    assert deformer.__version__ == metadata.version("deformer")


def test_console_script_is_the_tool() -> None:
    done = subprocess.run([sys.executable, "-m", "deformer", "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert deformer.__version__ in done.stdout


def test_the_tool_starts_without_torch() -> None:
    code = "import sys, deformer_tool; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
    (script,) = metadata.entry_points(group="console_scripts", name="deformer")
    assert script.value == "deformer_tool:main"


def test_the_tool_gets_its_arguments_and_gives_its_exit_status() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deformer", "inspect", "no such model"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "no such model" in done.stderr


@pytest.fixture
def editable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where CMake's files of all our packages are, as in an editable install: Python's files are elsewhere."""
    find = importlib.util.find_spec

    def find_spec(name: str) -> ModuleSpec | None:
        if not name.startswith("deformer"):
            return find(name)
        checkout, installed = tmp_path / "checkout" / name, tmp_path / "installed" / name
        checkout.mkdir(parents=True, exist_ok=True)
        locations = [str(checkout), str(installed)]
        return importlib.util.spec_from_file_location(
            name, checkout / "__init__.py", submodule_search_locations=locations
        )

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    return tmp_path / "installed"


def test_an_editable_install_has_the_mini_reader(editable: Path) -> None:
    with pytest.raises(deformer.NotFoundError, match="expected the package deformer-squad-mini with its model"):
        deformer.bundled_model()
    model = editable / "deformer_squad_mini" / "model"
    model.mkdir(parents=True)
    (model / "config.json").touch()
    assert deformer.bundled_model() == model


def test_an_editable_install_has_the_tool(
    editable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[tuple[Path, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(sys, "argv", ["deformer", "--version"])
    assert deformer_tool.main() == 1
    assert "without the command-line tool" in capsys.readouterr().err
    tool = editable / "deformer" / "bin" / "deformer"
    tool.parent.mkdir(parents=True)
    tool.touch()
    deformer_tool.main()
    ((file, arguments, environment),) = started
    assert (file, arguments) == (tool, [str(tool), "--version"])
    assert Path(environment["LD_LIBRARY_PATH"].split(os.pathsep)[0], "libtorch.so").is_file()


def test_the_tool_finds_the_mini_reader(editable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[str | None] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: models.append(arguments[2].get("DEFORMER_MODEL")))
    monkeypatch.delenv("DEFORMER_MODEL", raising=False)
    model = editable / "deformer_squad_mini" / "model"
    for file in (editable / "deformer" / "bin" / "deformer", model / "config.json"):
        file.parent.mkdir(parents=True)
    (editable / "deformer" / "bin" / "deformer").touch()
    deformer_tool.main()
    (model / "config.json").touch()
    deformer_tool.main()
    monkeypatch.setenv("DEFORMER_MODEL", "other")
    deformer_tool.main()
    assert models == [None, str(model), "other"]


@pytest.mark.parametrize(
    ("built_with", "installed", "fit"),
    [
        ("2.13.0", "2.13.0", True),
        ("2.13.0", "2.13.1+cpu", True),
        ("2.13.0", "2.12.1", False),
        ("2.13.0", "2.1.3", False),
        ("2.13.0", "3.13.0", False),
    ],
)
def test_torch_of_another_minor_version_does_not_fit(built_with: str, installed: str, fit: bool) -> None:
    assert _torch.fits(built_with, installed) == fit


def test_an_import_with_another_torch_names_both_versions() -> None:
    code = "import torch; torch.__version__ = '2.4.1'; import deformer"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: deformer: expected torch 2.")
    assert "found torch 2.4.1" in message
