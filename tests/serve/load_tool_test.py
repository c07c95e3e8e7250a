"""The load tool drives a small load and counts what it should: load_tool_test.py TOOL MODEL LOAD_TOOL SQUAD."""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

from service_process import Service


def run_load(load_tool, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        done = subprocess.run([load_tool, *arguments, "--json", str(report)], capture_output=True, text=True, timeout=120,
                              check=False)
        return done, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


@contextlib.contextmanager
def silent_server():
    """Takes connections and requests, and never answers: its port."""
    with contextlib.ExitStack() as connections, socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connections.enter_context(server.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def check_refusals(load_tool, squad):
    with silent_server() as port:
        here = ["--url", f"http://127.0.0.1:{port}"]
        common = ["--squad", squad, "--seconds", "0.1", "--patience", "0.1"]
        for arguments, expected in [
            (["--url", "http://192.0.2.1:80", "--clients", "1"], "expected http://127.0.0.1:PORT"),
            (here, "load: expected --clients or --rates, found neither"),
            ([*here, "--clients", "1,0"], "--clients: expected a number above 0, found 0"),
            ([*here, "--rates", "0"], "--rates: expected a number above 0, found 0"),
            ([*here, "--rates", "nan"], "--rates: expected a number above 0, found nan"),
            ([*here, "--rates", "5", "--connections", "0"], "--connections: expected a number above 0, found 0"),
            ([*here, "--clients", "1", "--questions", "0"], "--questions: expected a number above 0, found 0"),
        ]:
            done, report = run_load(load_tool, *common, *arguments)
            assert done.returncode == 1 and expected in done.stderr, (arguments, done.stderr)
            assert report is None, report
        for path, expected in [("/nowhere/report.json", "expected a file to write"), ("/dev/full", "expected room")]:
            done = subprocess.run([load_tool, *common, *here, "--clients", "1", "--json", path],
                                  capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 1 and f"--json: {expected}" in done.stderr, (path, done.stderr)


def check_silence(load_tool, squad):
    """Requests without a response are counted, and so is a probe of /livez that hangs."""
    with silent_server() as port:
        done, report = run_load(load_tool, "--url", f"http://127.0.0.1:{port}", "--squad", squad, "--clients", "2",
                                "--rates", "100", "--connections", "3", "--requests", "20", "--seconds", "0.5",
                                "--patience", "0.3")
    assert done.returncode == 0, done.stderr
    closed, opened = report
    assert closed["sent"] == closed["unanswered"] == 2, closed
    assert opened["sent"] == opened["unanswered"] > 3, opened
    for run in report:
        assert run["statuses"] == {} and run["answers_per_second"] == 0, run
        assert 700 < run["livez_ms"]["max"] < 1e6, run


def main(tool, model, load_tool, squad):
    check_refusals(load_tool, squad)
    check_silence(load_tool, squad)
    with Service(tool, "--model", model, "--store", "memory:", "--queue-tokens", "400") as service:
        service.wait_until_ready()
        common = ["--url", service.url, "--squad", squad, "--by-id"]
        done, report = run_load(load_tool, *common, "--clients", "1,3", "--requests", "30", "--seconds", "60")
        assert done.returncode == 0, done.stderr
        assert [run["offered"]["clients"] for run in report] == [1, 3], report
        assert report[0]["statuses"] == {"200": 30}, report[0]
        assert report[0]["unanswered"] == report[1]["unanswered"] == 0, report
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
