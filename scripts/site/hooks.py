"""What mkdocs.yml cannot say: pages from outside docs/, and links that lead out of it.

docs/ is written for the code host. There a link may lead to any file of the repository. On the site such a file is a
page of its own: a Markdown file as it is, a public header as its page of the C++ reference, any other file as its text.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import TypeGuard

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import cpp_reference  # noqa: E402
import notebook_pages  # noqa: E402
import python_reference  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

# Markdown outside docs/ that is a page: its place in the repository, and in the site.
PROJECT_PAGES = {
    "README.md": "project/overview.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "examples/README.md": "project/examples.md",
    "models/squad-base/README.md": "project/squad-base.md",
    "models/squad-mini/README.md": "project/squad-mini.md",
}

_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
_LANGUAGES = {
    ".cpp": "cpp",
    ".h": "cpp",
    ".py": "python",
    ".json": "json",
    ".toml": "toml",
    ".yml": "yaml",
    ".sh": "bash",
}

# Where a page was written: its place in the site to its place in the repository. Filled by on_files().
_origins: dict[str, str] = {}
# The other way round, for the targets of links.
_places: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts pages that are found, not listed, into the navigation: an entry "FOLDER/*.md" is
    all that a folder has."""
    config.nav = [_expanded(entry) for entry in config.nav or []]
    # The theme's own script for this comes from another host.
    config.extra["polyfills"] = ["assets/worker.js"]
    return config


def _expanded(entry: object) -> object:
    if isinstance(entry, dict):
        return {title: _expanded(below) for title, below in entry.items()}
    if isinstance(entry, list):
        return [one for below in entry for one in (_found(below) if _is_pattern(below) else [_expanded(below)])]
    return entry


def _is_pattern(entry: object) -> TypeGuard[str]:
    return isinstance(entry, str) and entry.endswith("/*.md")


def _found(pattern: str) -> list[str]:
    folder = pattern.removesuffix("*.md")
    written = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob(pattern))
    return written + [place for place in _generated() if place.startswith(folder)]


def _generated() -> dict[str, str]:
    """Text by place in the site, of the pages that stand in no file."""
    return {
        **cpp_reference.pages(ROOT / "include" / "deformer"),
        **python_reference.pages(ROOT / "python" / "deformer"),
        **notebook_pages.pages(ROOT / "examples" / "notebooks"),
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for file in files.documentation_pages():
        _origins[file.src_uri] = f"docs/{file.src_uri}"
    for place, text in _generated().items():
        files.append(File.generated(config, place, content=text))
    for origin, place in PROJECT_PAGES.items():
        _origins[place] = origin
        files.append(File.generated(config, place, content=(ROOT / origin).read_text(encoding="utf-8")))
    for notebook in notebook_pages.notebooks(ROOT / "examples" / "notebooks"):
        place = notebook_pages.place_of(notebook)
        _origins[place] = notebook.relative_to(ROOT).as_posix()
    _places.update({origin: place for place, origin in _origins.items()})
    _places["include/deformer"] = "reference/cpp/index.md"
    _places["examples/notebooks"] = notebook_pages.place_of(Path("pipeline.ipynb"))
    for header in (ROOT / "include" / "deformer").glob("*.h"):
        _places[header.relative_to(ROOT).as_posix()] = f"reference/cpp/{header.stem}.md"
    for path in sorted(_linked_elsewhere(files)):
        _places[path] = f"source/{path}.md"
        page = File.generated(config, _places[path], content=_source_page(path), inclusion=InclusionLevel.NOT_IN_NAV)
        files.append(page)
    for asset in ("site.css", "worker.js"):
        text = (Path(__file__).parent / asset).read_text(encoding="utf-8")
        files.append(File.generated(config, f"assets/{asset}", content=text))
    return files


def _linked_elsewhere(files: Files) -> set[str]:
    """Files and folders of the repository that a page links to and that are no page or file of the site yet."""
    found = set()
    for place, origin in _origins.items():
        for match in _LINK.finditer(files.src_uris[place].content_string):
            path = _target(origin, match[2])
            if path and path not in _places and not path.startswith("docs/"):
                found.add(path)
    return found


def _target(origin: str, link: str) -> str | None:
    """The file or folder of the repository that a link of another one leads to."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
    return path if not path.startswith("..") and (ROOT / path).exists() else None


def _source_page(path: str) -> str:
    source = ROOT / path
    if source.is_dir():
        names = sorted(file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file())
        return f"# {path}/\n\n" + "\n".join(f"- `{name}`" for name in names) + "\n"
    text = source.read_text(encoding="utf-8").rstrip()
    return f"# {path}\n\n~~~~~{_LANGUAGES.get(source.suffix, 'text')}\n{text}\n~~~~~\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links from and to pages that stand elsewhere in the repository."""
    place = page.file.src_uri
    origin = _origins.get(place)
    if origin is None:
        return markdown

    def moved(match: re.Match[str]) -> str:
        path = _target(origin, match[2])
        if path is None:
            return match[0]
        there = _places.get(path, path.removeprefix("docs/"))
        return match[1] + posixpath.relpath(there, posixpath.dirname(place) or ".") + match[3]

    return _LINK.sub(moved, markdown)
