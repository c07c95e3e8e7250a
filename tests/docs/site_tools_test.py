"""Tests of scripts/site: the C++ reference, the notebooks, and the check of the built site."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "site"))
import check_site  # noqa: E402
import cpp_reference  # noqa: E402
import notebook_pages  # noqa: E402

HEADER = """\
// What a reader does.
// With two lines.
#pragma once

#include <string>

namespace deformer {

class Later;

/// Kinds of cut.
enum class CutKind {
  kNone,  ///< nothing is cut
};

/// Longest text.
inline constexpr int kLongest = 5;

[[nodiscard]] DEFORMER_EXPORT std::string to_string(CutKind kind);
[[nodiscard]] DEFORMER_EXPORT CutKind parse(std::string_view name);

/// Reads by CutKind; a < b, and
///   plain    as it is
class DEFORMER_EXPORT Reader {
 public:
  /// Opens.
  explicit Reader(int size = 0);
  Reader(const Reader&) = delete;

  /// Reads `text`.
  [[nodiscard]] int read(const std::string& text) const { return text.empty() ? 0 : size_; }

 private:
  int size_;
};

}  // namespace deformer
"""


class CppReference(unittest.TestCase):
    def page(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "reader.h").write_text(text, encoding="utf-8")
            return cpp_reference.pages(Path(folder))["reference/cpp/reader.md"]

    def test_declarations_have_headings_in_the_headers_order(self):
        headings = [
            line.split(" {")[0] for line in self.page(HEADER).splitlines() if line.startswith("#") and "{" in line
        ]
        expected = ["## CutKind", "## kLongest", "## to_string()", "## Reader", "### Constructor", "### read()"]
        self.assertEqual(headings, expected)

    def test_text_and_declarations_are_those_of_the_header(self):
        page = self.page(HEADER)
        self.assertIn("What a reader does.\nWith two lines.", page)
        self.assertIn("  kNone,  // nothing is cut\n", page)
        self.assertIn("std::string to_string(CutKind kind);\n[[nodiscard]] CutKind parse(std::string_view name);", page)
        self.assertIn("[CutKind](#CutKind); a \\< b, and\n\n    plain    as it is\n", page)

    def test_what_is_private_or_only_declared_is_left_out(self):
        page = self.page(HEADER)
        for absent in ("size_;\n", "Later", "= delete", "DEFORMER_EXPORT"):
            self.assertNotIn(absent, page)

    def test_an_unfinished_declaration_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "expected the end of a declaration"):
            self.page("namespace deformer {\n\nclass Reader {\n\n}  // namespace deformer\n")

    def test_every_public_header_has_its_declarations(self):
        headers = cpp_reference.read_headers(ROOT / "include" / "deformer")
        self.assertGreater(len(headers), 20)
        names = {one.name for header in headers for one in header.declarations}
        self.assertLessEqual({"Model", "SpanQa", "PassageStore", "open_passage_store", "kMaxTopK", "QaSink"}, names)


class Glossary(unittest.TestCase):
    def test_names_are_declared_where_it_says(self):
        text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
        found = re.findall(r"`(\w+)`(?:, `\w+`)*, ((?:src/)?[\w/]+\.h)\b", text)
        self.assertGreater(len(found), 10)
        for name, header in found:
            with self.subTest(name=name):
                path = ROOT / (header if header.startswith("src/") else f"include/deformer/{header}")
                declared = rf"\b(struct|class)\b[^;{{]*\b{name}\b"
                self.assertRegex(path.read_text(encoding="utf-8"), declared)


class Notebooks(unittest.TestCase):
    FILES = notebook_pages.notebooks(ROOT / "examples" / "notebooks")

    def test_are_kept_without_results(self):
        self.assertGreater(len(self.FILES), 2)
        for notebook in self.FILES:
            for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
                with self.subTest(notebook=notebook.name):
                    self.assertFalse(cell.get("outputs"), "clear the results before committing")
                    self.assertIsNone(cell.get("execution_count"))

    def test_are_pages_of_their_text_and_code(self):
        pages = notebook_pages.pages(ROOT / "examples" / "notebooks")
        self.assertEqual(len(pages), len(self.FILES))
        page = pages["notebooks/pipeline.md"]
        self.assertTrue(page.startswith("# In place of transformers' pipeline\n"))
        self.assertIn("```python\nimport tempfile\n", page)


class CheckSite(unittest.TestCase):
    def problems(self, **pages: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"index": '<nav><a href="other.html">o</a><a href=".">i</a></nav>', **pages}.items():
                (Path(folder) / f"{name}.html").write_text(text, encoding="utf-8")
            return list(check_site.problems(Path(folder)))

    def test_a_sound_site_passes(self):
        other = '<h1 id="top"></h1><a href="#top">a</a><a href="index.html">b</a><a href="https://example.org/x">c</a>'
        self.assertEqual(self.problems(other=other), [])

    def test_dead_links_are_found(self):
        self.assertEqual(
            self.problems(other='<a href="gone.html">a</a><a href="#gone">b</a><img src="gone.svg">'),
            [
                "other.html: expected a file of the site, found gone.svg",
                "other.html: expected a file of the site, found gone.html",
                "other.html: expected an anchor of other.html, found #gone",
            ],
        )

    def test_what_other_hosts_would_serve_is_found(self):
        for load in ('<script src="https://example.org/a.js">', '<link href="//example.org/a.css">'):
            (found,) = self.problems(other=load)
            self.assertIn("expected nothing from other hosts", found)

    def test_a_page_outside_the_navigation_is_found(self):
        found = self.problems(other='<a href="hidden.html">h</a>', hidden="")
        self.assertEqual(found, ["hidden.html: expected a place in the navigation, found none"])

    def test_no_site_is_not_a_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(list(check_site.problems(Path(folder)))), 1)


if __name__ == "__main__":
    unittest.main()
