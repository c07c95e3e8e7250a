#!/usr/bin/env python3
"""Writes the tool's software bill of materials, SPDX 2.3 in JSON, from what the tool really links."""

import argparse
import datetime
import json
import os
import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

NOT_KNOWN = "NOASSERTION"

# Licences by Debian package, without the numbers that libraries carry in their package's name.
LICENCES = {
    "libc": "LGPL-2.1-or-later",
    "libgcc-s": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libstdc++": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libhiredis": "BSD-3-Clause",
    "liblmdb": "OLDAP-2.8",
    "libsentencepiece": "Apache-2.0",
    "libssl": "Apache-2.0",
    "libutf8proc": "MIT",
    "libxxhash": "BSD-2-Clause",
}

# Compiled in: headers of these Debian packages. GoogleTest is linked by the tests alone.
HEADERS = [
    ("nlohmann/json", "nlohmann-json3-dev", "MIT", "STATIC_LINK"),
    ("CLI11", "libcli11-dev", "BSD-3-Clause", "STATIC_LINK"),
    ("Boost", "libboost-dev", "BSL-1.0", "STATIC_LINK"),
    ("GoogleTest", "libgtest-dev", "BSD-3-Clause", "TEST_DEPENDENCY_OF"),
]


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    licence: str
    relation: str
    debian: bool = True


def output_of(*command: str) -> str:
    """Empty where the command fails or is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def version_of(package: str) -> str:
    return output_of("dpkg-query", "--show", "--showformat=${Version}", package) or NOT_KNOWN


def system_libraries() -> dict[str, str]:
    """Where the system's loader finds a library by its name. LibTorch brings copies of some, which a package does not."""
    listed = output_of("/sbin/ldconfig", "-p")
    found: dict[str, str] = {}
    for name, path in re.findall(r"^\s+(\S+) \(.*\) => (\S+)$", listed, re.MULTILINE):
        found.setdefault(name, path)
    return found


def linked_libraries(tool: Path) -> dict[str, str]:
    """Name and path of the shared libraries that the tool loads, its dependencies' dependencies too."""
    listed = subprocess.run(["ldd", tool], capture_output=True, text=True, check=True).stdout
    missing = re.findall(r"^\s+(\S+) => not found", listed, re.MULTILINE)
    if missing:
        raise SystemExit(f"{tool}: expected all shared libraries, not found: {', '.join(missing)}")
    return dict(re.findall(r"^\s+(\S+) => (/.+) \(0x", listed, re.MULTILINE))


def package_of(path: str) -> str:
    """The Debian package of a file, which dpkg may know with or without /usr. Empty where there is none."""
    real = os.path.realpath(path)
    for candidate in (path, real, real.removeprefix("/usr")):
        owner = output_of("dpkg-query", "--search", candidate)
        if owner:
            return owner.split(":")[0]
    return ""


def licence_of(package: str) -> str:
    return LICENCES.get(re.sub(r"-?[\d.]+$", "", package), NOT_KNOWN)


def shared_parts(tool: Path, torch_dir: Path, torch_version: str) -> list[Part]:
    parts = {Part("LibTorch", torch_version, "BSD-3-Clause", "DYNAMIC_LINK", debian=False)}
    system = system_libraries()
    for name, path in linked_libraries(tool).items():
        path = system.get(name, path)
        if Path(path).resolve().is_relative_to(torch_dir.resolve()) or name.startswith("libdeformer."):
            continue
        package = package_of(path)
        if package:
            parts.add(Part(package, version_of(package), licence_of(package), "DYNAMIC_LINK"))
        else:
            parts.add(Part(name, NOT_KNOWN, NOT_KNOWN, "DYNAMIC_LINK", debian=False))
    return sorted(parts, key=lambda part: part.name)


def header_parts() -> list[Part]:
    return [Part(name, version_of(package), licence, relation) for name, package, licence, relation in HEADERS]


def identifier(name: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def described(part: Part) -> dict:
    supplier = "Organization: Debian" if part.debian else NOT_KNOWN
    return {
        "SPDXID": identifier(part.name),
        "name": part.name,
        "versionInfo": part.version,
        "supplier": supplier,
        "downloadLocation": NOT_KNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": part.licence,
        "licenseDeclared": part.licence,
        "copyrightText": NOT_KNOWN,
    }


def relationship(part: Part, product: str) -> dict:
    ends = [product, identifier(part.name)]
    if part.relation.endswith("_OF"):
        ends.reverse()
    return {"spdxElementId": ends[0], "relationshipType": part.relation, "relatedSpdxElement": ends[1]}


def created() -> str:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.now(datetime.timezone.utc)
    when = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else now
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def document(version: str, parts: list[Part]) -> dict:
    product = Part("deformer", version, "Apache-2.0", "", debian=False)
    packages = [described(part) for part in [product, *parts]]
    name = f"deformer-{version}"
    # The same contents have the same name.
    unique = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(packages))
    describes = {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": identifier(product.name),
    }
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{unique}",
        "creationInfo": {"created": created(), "creators": ["Tool: deformer-make_sbom"]},
        "packages": packages,
        "relationships": [describes, *(relationship(part, identifier(product.name)) for part in parts)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--version", required=True, help="of the tool")
    parser.add_argument("--torch-dir", type=Path, required=True, help="folder of LibTorch's shared libraries")
    parser.add_argument("--torch-version", required=True)
    options = parser.parse_args()
    parts = shared_parts(options.tool, options.torch_dir, options.torch_version) + header_parts()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(options.version, parts), indent=2)
    options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
