"""Checks the built site: no dead link, nothing that a page loads from another host, every page reachable by navigation.

Usage: check_site.py SITE
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Pages that navigation need not reach: text of single files that others link to, and the page for what is not found.
_UNLISTED = ("source/", "404.html")
# What a page loads, in place of what its reader may follow.
_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.navigation: list[str] = []
        self._depth = 0  # of open <nav> elements
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        if tag == "nav":
            self._depth += 1
        elif tag == "a" and "href" in values:
            self.links.append(values["href"])
            if self._depth:
                self.navigation.append(values["href"])
        elif values.get(_LOADED.get(tag, "")):
            self.loads.append(values[_LOADED[tag]])

    def handle_endtag(self, tag: str) -> None:
        if tag == "nav":
            self._depth -= 1


def _local(page: str, link: str) -> tuple[str, str] | None:
    """File and anchor that a link of a page leads to; None where it leads to another host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path))) if parts.path else page
    return ("index.html" if path == "." else path), unquote(parts.fragment)


def problems(site: Path) -> Iterator[str]:
    pages = {
        path.relative_to(site).as_posix(): _Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    if "index.html" not in pages:
        yield f"{site}: expected a built site, found no index.html"
        return
    listed: set[str] = set()
    for name, page in pages.items():
        if name == "404.html":  # its links begin at the root of a host
            continue
        for link in page.loads + page.links:
            target = _local(name, link)
            if target is None:
                if link in page.loads:
                    yield f"{name}: expected nothing from other hosts, found {link}"
            elif not (site / target[0]).is_file():
                yield f"{name}: expected a file of the site, found {link}"
            elif target[1] and target[0] in pages and target[1] not in pages[target[0]].anchors:
                yield f"{name}: expected an anchor of {target[0]}, found {link}"
        listed.update(target[0] for link in page.navigation if (target := _local(name, link)))
    for name in pages:
        if not name.startswith(_UNLISTED) and name not in listed:
            yield f"{name}: expected a place in the navigation, found none"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(problems(Path(arguments[0])))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
