"""The C++ reference: one page for each public header, in the header's own order.

The headers are contracts written to be read from top to bottom, so a page keeps that order: the text of each
declaration, then the declaration itself. Structs and enums are shown whole, with the comments of their members; a class
has a heading for each public method. Names of types in the text lead to where they are declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BEGIN = "namespace deformer {"
_END = "}  // namespace deformer"
_TYPE = re.compile(r"\b(?P<kind>class|struct|enum class|enum)\s+(?P<name>\w+)")
_ALIAS = re.compile(r"\busing\s+(?P<name>\w+)\s*=")
_FUNCTION = re.compile(r"(?P<name>~?\w+|operator\S+)\s*\(")
# A type that a comment mentions: one word alone (Answer, Window) counts where it is qualified, else it may be an
# English one.
_MENTION = re.compile(r"(?<![\w:/])(?:[A-Z][a-z0-9]+[A-Z]\w*|[A-Z][a-z0-9]+(?=::))\b")
_CONSTANT = re.compile(r"\bconstexpr\b.*?(?P<name>\w+)\s*(?:=|;|\{)")


@dataclass
class Declaration:
    """`code` without its comment, `text` the comment without its slashes."""

    code: str
    text: list[str]
    joined: bool  # it follows the one before without a blank line, and has no comment of its own

    @property
    def _type(self) -> re.Match[str] | None:
        return _TYPE.search(re.sub(r"template\s*<[^>]*>", "", self.code.split("{")[0].split("(")[0]))

    @property
    def kind(self) -> str:
        """class, struct, enum class or enum; "" for everything else."""
        return self._type["kind"] if self._type else ""

    @property
    def name(self) -> str:
        code = re.sub(r"template\s*<[^>]*>|\[\[\w+\]\]", "", self.code)
        head = code.split("{")[0]
        calls = "(" in head.split("=")[0]
        found = _ALIAS.search(code) or (None if calls else _CONSTANT.search(code)) or self._type or _FUNCTION.search(code)
        if found is None:
            raise ValueError(f"expected a declaration, found {self.code!r}")
        return found["name"]


@dataclass
class Header:
    name: str  # span_qa.h
    text: list[str]
    declarations: list[Declaration] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"reference/cpp/{self.name.removesuffix('.h')}.md"


def _is_whole(code: str) -> bool:
    """Whether a declaration is complete: brackets closed, and a semicolon or the end of a body."""
    bare = re.sub(r"//.*", "", code)
    closed = all(bare.count(one) == bare.count(other) for one, other in ("()", "{}"))
    return closed and bare.rstrip().endswith((";", "}"))


def _declarations(lines: list[str]) -> Iterator[Declaration]:
    text: list[str] = []
    code: list[str] = []
    blank = True
    for line in lines:
        if not code and not line.strip():
            text, blank = [], True
        elif not code and line.startswith("//"):
            text.append(re.sub(r"^//+<? ?", "", line))
        else:
            code.append(line)
            if _is_whole("\n".join(code)):
                yield Declaration("\n".join(code), text, joined=not text and not blank)
                text, code, blank = [], [], False
    if code:
        raise ValueError(f"expected the end of a declaration, found {code[0]!r} without one")


def read_header(path: Path) -> Header:
    lines = path.read_text(encoding="utf-8").splitlines()
    text = []
    for line in lines:
        if not line.startswith("//"):
            break
        text.append(line.removeprefix("//").removeprefix(" "))
    header = Header(path.name, text)
    if _BEGIN in lines:
        body = lines[lines.index(_BEGIN) + 1 : lines.index(_END)]
        exported = [re.sub(r"DEFORMER_EXPORT ?", "", line) for line in body]
        header.declarations = [
            one for one in _declarations(exported) if not re.fullmatch(r"(class|struct) \w+;", one.code)
        ]
    return header


def read_headers(folder: Path) -> list[Header]:
    return [read_header(path) for path in sorted(folder.glob("*.h"))]


def _methods(code: str) -> tuple[str, list[Declaration]]:
    """The head of a class, and its public members."""
    head, _, body = code.partition("{")
    public: list[str] = []
    shown = False
    for line in body.rsplit("}", 1)[0].splitlines():
        if access := re.match(r" (public|protected|private):", line):
            shown = access[1] == "public"
        elif shown:
            public.append(line.removeprefix("  "))
    return head.strip(), list(_declarations(public))


class _Writer:
    def __init__(self, header: Header, places: dict[str, str]) -> None:
        self._header = header
        self._places = places
        self._anchors: set[str] = set()
        self.lines: list[str] = []

    def heading(self, level: int, title: str, anchor: str) -> None:
        unique, number = anchor, 1
        while unique in self._anchors:
            number += 1
            unique = f"{anchor}-{number}"
        self._anchors.add(unique)
        self.lines += ["", f"{'#' * level} {title} {{ #{unique} }}", ""]

    def text(self, lines: list[str]) -> None:
        """A comment as Markdown: what is indented (tables of URIs, say) keeps its form."""
        plain = True
        for line in lines:
            indented = line.startswith("  ") and line.strip() != ""
            if plain == indented:
                self.lines.append("")
            plain = not indented
            self.lines.append(f"    {line[2:]}" if indented else self._linked(line))
        self.lines.append("")

    def code(self, code: str) -> None:
        self.lines += ["```cpp", re.sub(r"///<? ?", "// ", code), "```"]

    def _linked(self, line: str) -> str:
        parts = line.split("`")
        for number in range(0, len(parts), 2):
            escaped = re.sub(r"([\\*<])", r"\\\1", parts[number])
            parts[number] = _MENTION.sub(self._link, escaped)
        return "`".join(parts)

    def _link(self, match: re.Match[str]) -> str:
        place = self._places.get(match[0])
        if place is None:
            return match[0]
        page, _, anchor = place.partition("#")
        return f"[{match[0]}]({'' if page == self._header.page else Path(page).name}#{anchor})"


def _write_class(writer: _Writer, declaration: Declaration) -> None:
    head, members = _methods(declaration.code)
    writer.code(head)
    group: list[Declaration] = []
    groups: list[list[Declaration]] = []
    for member in members:
        if "= delete" in member.code:
            continue
        if not (member.joined and group):
            group = []
            groups.append(group)
        group.append(member)
    for group in groups:
        name = group[0].name
        title = "Constructor" if name == declaration.name else "Destructor" if name[0] == "~" else f"{name}()"
        if "(" not in group[0].code:
            title = name
        if title == "Destructor" and not group[0].text:
            continue
        writer.heading(3, title, f"{declaration.name}.{name.removeprefix('~')}")
        writer.code("\n".join(member.code for member in group))
        writer.text(group[0].text)


def page_of(header: Header, places: dict[str, str]) -> str:
    writer = _Writer(header, places)
    writer.lines += [f"# {header.name}", ""]
    writer.text(header.text)
    writer.code(f"#include <deformer/{header.name}>")
    for declaration in header.declarations:
        if declaration.joined and writer.lines[-1] == "```":  # overloads and their like share one text
            writer.lines[-1:] = [declaration.code, "```"]
            continue
        called = declaration.kind == "" and "(" in declaration.code.split("=")[0]
        writer.heading(2, declaration.name + ("()" if called else ""), declaration.name)
        writer.text(declaration.text)
        if declaration.kind == "class":
            _write_class(writer, declaration)
        else:
            writer.code(declaration.code)
    return "\n".join(writer.lines) + "\n"


def places_of(headers: list[Header]) -> dict[str, str]:
    """Where each type is declared: "page#anchor"."""
    return {
        one.name: f"{header.page}#{one.name}"
        for header in headers
        for one in header.declarations
        if one.kind or _ALIAS.search(one.code)
    }


def index_of(headers: list[Header]) -> str:
    lines = [
        "# C++ reference",
        "",
        "The public headers, `#include <deformer/NAME.h>`, all in namespace `deformer`. They are contracts: units,",
        "shapes, errors, threads and defaults stand there, and each page has them in the header's own order. Begin with",
        "[span_qa.h](span_qa.md), [passage_encoder.h](passage_encoder.md), [passage_store.h](passage_store.md) and",
        "[model.h](model.md).",
        "",
        "| header | | declares |",
        "|---|---|---|",
    ]
    for header in headers:
        summary = re.split(r"(?<=\.)\s", " ".join(header.text))[0]
        headed = [one for one in header.declarations if not one.joined]
        shown = [one for one in headed if one.kind == "class"] or headed
        page = Path(header.page).name
        names = ", ".join(f"[{name}]({page}#{name})" for name in dict.fromkeys(one.name for one in shown))
        lines.append(f"| [{header.name}]({Path(header.page).name}) | {summary} | {names} |")
    return "\n".join(lines) + "\n"


def pages(folder: Path) -> dict[str, str]:
    """The pages by their place in the site."""
    headers = read_headers(folder)
    places = places_of(headers)
    return {"reference/cpp/index.md": index_of(headers), **{one.page: page_of(one, places) for one in headers}}
