#!/usr/bin/env python3
"""Times whole runs of the tool, from its start to its end: `--version`, and one answer from a sentence.

Usage: start_times.py MODEL_DIR PROGRAM [PROGRAM ...] [--rounds N]

PROGRAM is build/release/deformer, or several builds of it, which take turns. Prints the median and the shortest time of each.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time

from machine import cpu_name

PASSAGE = "The Rhine rises in the Alps and flows through six countries to the North Sea."


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Times whole runs of the tool.")
    parser.add_argument("model")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    print(f"{cpu_name()}, {options.rounds} rounds, ms")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as passage:
        passage.write(PASSAGE)
        passage.flush()
        answer = ["answer", "--model", options.model, "--passage", passage.name, "--question", "Where does it rise?"]
        for arguments in (["--version"], answer):
            times: dict[str, list[float]] = {program: [] for program in options.programs}
            for _ in range(options.rounds):
                for program, all_times in times.items():
                    all_times.append(1000 * seconds([program, *arguments]))
            for program, all_times in times.items():
                print(f"{arguments[0]:>10}  {program}: median {statistics.median(all_times):.0f}, shortest {min(all_times):.0f}")


if __name__ == "__main__":
    main()
