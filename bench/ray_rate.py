#!/usr/bin/env python3
"""Compares the rate of deformer.ray.encode() with the sum of what its workers reach as single processes.

Usage: ray_rate.py MODEL_DIR SQUAD_FILE [--workers N] [--files N] [--passages N] [--nodes]

Encodes the passages of a SQuAD file, repeated under other ids, FILES files of PASSAGES passages each, one thread a worker. In turn: one worker alone as a
plain process over its share of the files (the single rate), all workers as plain processes at once (what the machine gives
them together), all workers under Ray. Ray's rate counts everything from the call to its return, start of the workers and
loading of the models included. --nodes: each worker on a Ray node of its own, all on this machine. Needs Ray beside deformer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from machine import cpu_name


def write_inputs(squad_file: str, folder: Path, files: int, passages: int) -> list[str]:
    data = json.loads(Path(squad_file).read_text(encoding="utf-8"))["data"]
    texts = cycle([paragraph["context"] for article in data for paragraph in article["paragraphs"]])
    paths = []
    for file in range(files):
        path = folder / f"part-{file:03}.jsonl"
        rows = [{"id": f"{file}-{i}", "text": text} for i, text in enumerate(islice(texts, passages))]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        paths.append(str(path))
    return paths


def start_worker(model: str, stores: Path, inputs: list[str], share: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deformer.shards", "--model", model, "--stores", f"lmdb:{stores}/{{stem}}"]
    return subprocess.Popen([*command, "--threads", "1", "--shard", share, *inputs], stdout=subprocess.DEVNULL)


def encoded_at_once(model: str, stores: Path, inputs: list[str], workers: int, shares: list[int]) -> tuple[float, float]:
    """Passages a second of these shares at once: by the clock, and by what the records say the workers worked."""
    begin = time.monotonic()
    running = [start_worker(model, stores, inputs, f"{share}/{workers}") for share in shares]
    if any(worker.wait() != 0 for worker in running):
        raise SystemExit("a worker failed")
    seconds = time.monotonic() - begin
    records = [json.loads(path.read_text(encoding="utf-8")) for path in stores.glob("*.json")]
    passages = sum(record["passages"] for record in records)
    return passages / seconds, len(shares) * passages / sum(record["seconds"] for record in records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("squad")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--passages", type=int, default=300)
    parser.add_argument("--nodes", action="store_true")
    options = parser.parse_args()

    import ray
    from ray.cluster_utils import Cluster

    import deformer.ray

    print(f"{cpu_name()}, ray {ray.__version__}, {options.files} files of {options.passages} passages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = write_inputs(options.squad, folder, options.files, options.passages)
        workers = options.workers
        alone, alone_working = encoded_at_once(options.model, folder / "alone", inputs, workers, [1])
        print(f"one process alone: {alone:.1f} passages/s, {alone_working:.1f} while it encodes")
        together, together_working = encoded_at_once(
            options.model, folder / "together", inputs, workers, list(range(1, workers + 1))
        )
        print(f"{workers} processes at once: {together:.1f} passages/s, {together_working:.1f} while they encode")
        if options.nodes:
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
            for _ in range(workers - 1):
                cluster.add_node(num_cpus=1)
            ray.init(address=cluster.address, log_to_driver=False)
        else:
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        nodes = sum(node["Alive"] for node in ray.nodes())
        summary = deformer.ray.encode(inputs, options.model, f"lmdb:{folder}/ray/{{stem}}", workers=workers)
        rate = summary.passages_per_second
        print(
            f"{workers} workers under Ray, {nodes} nodes: {rate:.1f} passages/s; {100 * rate / (workers * alone):.1f} % of {workers} times "
            f"one alone, {100 * rate / together:.1f} % of the processes at once"
        )


if __name__ == "__main__":
    main()
