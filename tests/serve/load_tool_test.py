"""The load tool drives a small load and counts what it should: load_tool_test.py TOOL MODEL LOAD_TOOL SQUAD."""

import json
import pathlib
import subprocess
import sys
import tempfile

from service_process import Service


def run_load(load_tool, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        done = subprocess.run([load_tool, *arguments, "--json", str(report)], capture_output=True, text=True, timeout=120,
                              check=False)
        return done, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


def main(tool, model, load_tool, squad):
    done, _ = run_load(load_tool, "--url", "http://192.0.2.1:80", "--squad", squad, "--clients", "1")
    assert done.returncode == 1 and "expected http://127.0.0.1:PORT" in done.stderr, done.stderr

    with Service(tool, "--model", model, "--store", "memory:", "--queue-tokens", "400") as service:
        service.wait_until_ready()
        common = ["--url", service.url, "--squad", squad, "--by-id"]
        done, report = run_load(load_tool, *common, "--clients", "1,3", "--requests", "30", "--seconds", "60")
        assert done.returncode == 0, done.stderr
        assert [run["offered"]["clients"] for run in report] == [1, 3], report
        assert report[0]["statuses"] == {"200": 30}, report[0]
        assert sum(report[1]["statuses"].values()) == report[1]["sent"] == 30, report[1]
        assert 0 < report[0]["latency_ms"]["p50"] <= report[0]["latency_ms"]["max"], report[0]

        # More than the queue has room for: only answers and refusals; who keeps silent disturbs nobody.
        done, report = run_load(load_tool, *common, "--rates", "2000", "--connections", "50", "--seconds", "2",
                                "--idle", "100", "--half-open", "20")
        assert done.returncode == 0, done.stderr
        (run,) = report
        assert set(run["statuses"]) == {"200", "429"}, run
        assert sum(run["statuses"].values()) == run["sent"], run
        assert 2000 < run["sent"] < 6000, run
        assert run["idle_lost"] == 0, run
        assert run["livez_ms"]["max"] < 5000, run
        assert service.request("GET", "/livez")[0] == 200
    print("ok")


main(*sys.argv[1:])
