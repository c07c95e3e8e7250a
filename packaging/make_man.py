#!/usr/bin/env python3
"""Writes the manual page of the tool from the tool's own help: make_man.py TOOL OUTPUT."""

import argparse
import datetime
import os
import re
import subprocess
from pathlib import Path

# An entry of a list: name and what it means, two blanks or more apart. An example has one blank between its words.
ENTRY = re.compile(r"  (\S.*?)\s{2,}(\S.*)")
# A name too long for its column stands alone; what it means is in the next line.
LONG_ENTRY = re.compile(r"  (-\S.*)")


def ask(tool: Path, *arguments: str) -> list[str]:
    """Lines that the tool prints."""
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def verbs_of(lines: list[str]) -> list[str]:
    if "Subcommands:" not in lines:
        return []
    verbs = []
    for line in lines[lines.index("Subcommands:") + 1 :]:
        entry = ENTRY.fullmatch(line)
        if not entry:
            break
        verbs.append(entry[1])
    return verbs


def escaped(text: str) -> str:
    """Text of groff's: hyphens of options stay hyphens, and no line begins with a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def verbatim(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return [".PP", ".nf", *map(escaped, lines), ".fi"] if lines else []


def entries(lines: list[str]) -> tuple[list[str], int]:
    """The list that `lines` begins with, and how many lines that are."""
    page: list[str] = []
    used = 0
    for line in lines:
        entry = ENTRY.fullmatch(line)
        alone = LONG_ENTRY.fullmatch(line)
        if entry and not line.startswith("   "):
            page += [".TP", f"\\fB{escaped(entry[1])}\\fR", escaped(entry[2])]
        elif alone:
            page += [".TP", f"\\fB{escaped(alone[1])}\\fR"]
        elif page and line.startswith(" " * 10):
            page.append(escaped(line.strip()))
        else:
            break
        used += 1
    return page, used


def body(lines: list[str]) -> list[str]:
    """A help text below its usage line: lists under a heading, and text as it stands."""
    page: list[str] = []
    text: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        found, used = entries(lines[at:]) if re.fullmatch(r"\S.*:", line) else ([], 0)
        if not found:
            text.append(line)
            continue
        page += verbatim(text) + [".PP", f"\\fI{escaped(line)}\\fR", *found]
        text = []
        at += used
    return page + verbatim(text)


def section(title: str, lines: list[str]) -> list[str]:
    """A verb: what it is for, how it is called, and the rest of its help."""
    about, usage, *rest = lines
    call = escaped(usage.removeprefix("Usage: "))
    return [f'.SH "{title.upper()}"', escaped(about) + ".", ".PP", f"\\fB{call}\\fR", *body(rest)]


def nested(tool: Path, verb: str) -> list[str]:
    lines = ask(tool, verb, "--help")
    page = section(verb, lines)
    parent = set(lines)
    for inner in verbs_of(lines):
        # Examples and notes are the same for all of them and stand above.
        own = [line for line in ask(tool, verb, inner, "--help") if not line or line not in parent or line == "Options:"]
        page += section(f"{verb} {inner}", own)
    return page


def made_on() -> str:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.now(datetime.timezone.utc)
    return str((datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else now).date())


def manual_page(tool: Path) -> str:
    lines = ask(tool, "--help")
    version = ask(tool, "--version")[0]
    about, _, *rest = lines
    page = [
        f'.TH DEFORMER 1 "{made_on()}" "{version}" "User Commands"',
        ".SH NAME",
        f"deformer \\- {escaped(about[0].lower() + about[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        "\\fBdeformer\\fR \\fIVERB\\fR [\\fIOPTION\\fR]...",
        ".SH DESCRIPTION",
        *body(rest),
    ]
    for verb in verbs_of(lines):
        page += nested(tool, verb)
    return "\n".join(page) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(manual_page(options.tool.resolve()), encoding="utf-8")


if __name__ == "__main__":
    main()
