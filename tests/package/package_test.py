"""Tests of the Debian package: package_test.py BUILD_DIR SOURCE_DIR TORCH_LIBRARIES TORCH_RUNTIME_DIR. Exit status 77: cannot be tested here."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD, SOURCE, TORCH, RUNTIME = (Path(argument) for argument in sys.argv[1:5])


def output_of(*command: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=250, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.made = Path(folder.name) / "made"
        output_of("cpack", "-G", "DEB", "-B", cls.made, "--config", BUILD / "CPackConfig.cmake", cwd=BUILD)
        (cls.deb,) = cls.made.glob("*.deb")
        cls.root = Path(folder.name) / "root"
        output_of("dpkg-deb", "-x", cls.deb, cls.root)
        cls.tool = cls.root / "usr/bin/deformer"
        cls.environment = {**os.environ, "LD_LIBRARY_PATH": str(TORCH)}
        cls.environment.pop("DEFORMER_MODEL", None)

    def control(self, field: str) -> str:
        return output_of("dpkg-deb", "-f", self.deb, field).strip()

    def test_the_tool_says_its_version(self):
        said = output_of(self.tool, "--version", env=self.environment).strip()
        self.assertEqual(said, f"deformer {self.control('Version')}")

    def test_the_tool_answers_with_the_bundled_model(self):
        passage = self.root / "faust.txt"
        passage.write_text("Faust was written by Goethe.\n", encoding="utf-8")
        arguments = ["answer", "--passage", passage, "--question", "Who wrote Faust?", "--json"]
        answer = json.loads(output_of(self.tool, *arguments, env=self.environment, cwd=self.root))
        passage.unlink()
        self.assertEqual(answer["answers"][0]["text"], "Goethe")

    def test_all_files_are_below_usr(self):
        self.assertEqual([path.name for path in self.root.iterdir()], ["usr"])
        self.assertLessEqual({path.name for path in (self.root / "usr").iterdir()}, {"bin", "include", "lib", "share"})

    def test_everything_is_in_it(self):
        for name in (
            "include/deformer/span_qa.h",
            "include/deformer/export.h",
            "lib/systemd/system/deformer.service",
            "share/doc/deformer/copyright",
            "share/doc/deformer/README.Debian",
            "share/doc/deformer/examples/serve.toml",
        ):
            self.assertTrue((self.root / "usr" / name).is_file(), name)
        self.assertTrue(list(self.root.glob("usr/lib*/**/deformerConfig.cmake")))
        self.assertTrue(list(self.root.glob("usr/lib*/**/libdeformer.*")))

    def test_the_unit_leaves_the_options_to_the_file(self):
        # What the environment holds would win over it.
        unit = (self.root / "usr/lib/systemd/system/deformer.service").read_text(encoding="utf-8")
        self.assertNotIn("DEFORMER_SERVE_", unit)

    def test_nothing_names_the_machine_that_built_it(self):
        header = output_of("readelf", "-d", self.tool)
        self.assertEqual(re.findall(r"R(?:UN)?PATH.*\[(.*)\]", header), [f"$ORIGIN/../lib:{RUNTIME}"])
        places = [str(place).encode() for place in (BUILD, SOURCE, TORCH)]
        for path in self.root.rglob("*"):
            if path.is_file() and path.suffix not in (".a", ".safetensors") and path != self.tool:
                contents = path.read_bytes()
                self.assertFalse([place for place in places if place in contents], path)

    def test_it_depends_on_what_the_tool_links(self):
        depends = {re.sub(r" \(.*\)", "", word) for word in self.control("Depends").split(", ")}
        needed = re.findall(r"NEEDED.*\[(.*?)\.so", output_of("readelf", "-d", self.tool))
        for library in needed:
            if library.startswith(("libtorch", "libc10", "libcrypto", "libm", "ld-linux")):
                continue
            plain = library.replace("_", "-")
            self.assertTrue([name for name in depends if name.startswith(plain)], f"{library} in {depends}")
        self.assertFalse([name for name in depends if "torch" in name or "python" in name])

    def test_the_manual_page_has_every_verb_and_renders(self):
        with gzip.open(self.root / "usr/share/man/man1/deformer.1.gz", "rt", encoding="utf-8") as file:
            page = file.read()
        for heading in ("NAME", '"ANSWER"', '"SERVE"', '"STORE"', '"STORE MERGE"', '"TRAIN"'):
            self.assertIn(f".SH {heading}\n", page)
        if shutil.which("groff"):
            done = subprocess.run(
                ["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=True, timeout=60
            )
            self.assertEqual(done.stderr, "")
            self.assertIn("--require-store", re.sub("\x1b\\[[0-9;]*m|.\b", "", done.stdout))

    def completed(self, *words: str) -> list[str]:
        script = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _deformer; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        file = self.root / "usr/share/bash-completion/completions/deformer"
        command = ["bash", "--norc", "-euc", script, "bash", file, self.tool, *words]
        return output_of(*command, env=self.environment).split()

    def test_bash_completes_verbs_options_and_files(self):
        self.assertEqual(self.completed("ans"), ["answer"])
        self.assertEqual(self.completed("answer", "--requ"), ["--require-store"])
        self.assertEqual(self.completed("store", "mer"), ["merge"])
        self.assertEqual(self.completed("store", "merge", "--in"), ["--into"])
        self.assertEqual(self.completed("answer", "--passage", "art"), [])  # bash's own: files

    def test_the_bill_of_materials_has_what_spdx_requires(self):
        document = json.loads((self.root / "usr/share/doc/deformer/deformer.spdx.json").read_text(encoding="utf-8"))
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(document["dataLicense"], "CC0-1.0")
        self.assertEqual(document["SPDXID"], "SPDXRef-DOCUMENT")
        self.assertRegex(document["documentNamespace"], r"^https://[^#]+$")
        self.assertRegex(document["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(document["creationInfo"]["creators"][0], r"^Tool: .+")
        known = {"SPDXRef-DOCUMENT"}
        for package in document["packages"]:
            self.assertRegex(package["SPDXID"], r"^SPDXRef-[A-Za-z0-9.-]+$")
            self.assertNotIn(package["SPDXID"], known)
            known.add(package["SPDXID"])
            self.assertTrue(package["name"] and package["downloadLocation"])
            self.assertNotEqual(package["licenseDeclared"], "NOASSERTION", package["name"])
        for relationship in document["relationships"]:
            self.assertIn(relationship["spdxElementId"], known)
            self.assertIn(relationship["relatedSpdxElement"], known)
        names = {package["name"] for package in document["packages"]}
        depends = {re.sub(r" \(.*\)", "", word) for word in self.control("Depends").split(", ")}
        self.assertLessEqual(depends | {"LibTorch", "nlohmann/json", "CLI11", "Boost"}, names)

    def test_the_bill_of_materials_knows_libtorch_in_a_folder_with_a_blank(self):
        libraries = self.root.parent / "lib torch"
        libraries.symlink_to(TORCH)
        bill = self.root.parent / "bill.json"
        options = ["--version", "1", "--torch-dir", libraries, "--torch-version", "2"]
        environment = {**self.environment, "LD_LIBRARY_PATH": str(libraries)}
        output_of(sys.executable, SOURCE / "packaging/make_sbom.py", self.tool, bill, *options, env=environment)
        packages = json.loads(bill.read_text(encoding="utf-8"))["packages"]
        known = [package["name"] for package in packages if package["licenseDeclared"] != "NOASSERTION"]
        self.assertEqual([package["name"] for package in packages], known)
        self.assertIn("LibTorch", known)


if __name__ == "__main__":
    lacking = [name for name in ("dpkg-deb", "cpack", "readelf", "bash") if not shutil.which(name)]
    if lacking:
        print(f"skipped: not installed: {', '.join(lacking)}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
