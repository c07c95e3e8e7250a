#!/usr/bin/env python3
"""What `deformer serve` must hold, measured: one bar or several, each with a service of its own on a free port.

  bench/service/bars.py --build build/release --squad dev-v1.1.json throughput latency overload
  bench/service/bars.py --build build/release --squad dev-v1.1.json all

  throughput   32 closed-loop clients against `deformer answer` on the same questions, in turn
  latency      one client against the library call, question by question
  overload     10 times the capacity for a minute, with 5,000 idle connections
  memory       100,000 requests (tiny random model): resident memory, file descriptors
  stop         SIGTERM while 32 clients ask
  slowloris    1,000 half-open requests beside 8 clients
  idle         5,000 idle connections beside 8 clients
  store        a Redis server that dies and comes back (needs redis-server)
  fuzz         schemathesis on the OpenAPI document for ten minutes (needs schemathesis)

Questions come from a SQuAD file; passages lie in an LMDB store, but where the bar is about another one. Everything stays on the
loopback interface and ends by itself. Run it on a quiet machine, with OMP_WAIT_POLICY=passive.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROUNDS = 3
TINY = "tests/golden/models/bert-split"


class Service:
    def __init__(self, options, model=None, store=None):
        self.folder = tempfile.TemporaryDirectory()
        command = [f"{options.build}/deformer", "serve", "--model", model or options.model, "--listen", "127.0.0.1:0",
                   "--log-level", "error", "--store", store or f"lmdb:{self.folder.name}/store"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["listening"]
        begin = time.monotonic()
        while self.request("GET", "/readyz")[0] != 200:
            if time.monotonic() - begin > 60:
                raise RuntimeError("the service is not ready after 60 s")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.process.stdout.close()
        self.folder.cleanup()

    def request(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def load(options, service, *arguments, squad=None, wait=True):
    """Runs the load tool; its report, a list with an entry for each run. Without waiting: what gives the report."""
    folder = tempfile.TemporaryDirectory()
    report = pathlib.Path(folder.name) / "report.json"
    command = [f"{options.build}/bench/service/deformer_service_load", "--url", service.url, "--squad",
               squad or options.squad, "--json", str(report), "--questions", str(options.questions), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def finish():
        with folder:
            try:
                if process.wait(900) != 0:
                    raise RuntimeError("the load tool failed")
            finally:
                process.kill()
            runs = json.loads(report.read_text(encoding="utf-8"))
        for run in runs:
            assert run["unanswered"] == 0, f"{run['unanswered']} of {run['sent']} requests without a response"
        return runs

    return finish() if wait else finish


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


# ---- Speed ----

def offline_lines(options, count):
    """As the load tool takes them: evenly from the file, passages by the ids that it gives them."""
    data = json.loads(pathlib.Path(options.squad).read_text(encoding="utf-8"))["data"]
    asked, place = [], 0
    for article in data:
        for paragraph in article["paragraphs"]:
            asked += [{"question": qa["question"], "passage_id": f"passage-{place}"} for qa in paragraph["qas"]]
            place += 1
    return [json.dumps(asked[i * len(asked) // count]) for i in range(count)]


def offline_seconds(options, store, lines, folder):
    path = folder / "questions.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [f"{options.build}/deformer", "answer", "--model", options.model, "--store", store, "--require-store",
               "--jsonl", str(path), "--output", str(folder / "answers.jsonl"), "--quiet"]
    begin, used = time.monotonic(), children_cpu_seconds()
    subprocess.run(command, check=True)
    return time.monotonic() - begin, children_cpu_seconds() - used


def children_cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def throughput(options):
    """The offline program's start is measured with one question and taken off. Processor time is compared too: it says what
    the service costs where other programs use the same cores."""
    count = options.questions
    with scratch() as folder:
        store = f"lmdb:{folder}/store"
        with Service(options, store=store) as service:
            load(options, service, "--by-id", "--requests", 1, "--clients", 1)
            lines = offline_lines(options, count)
            ratios, costs = [], []
            for turn in range(ROUNDS + 1):
                start, start_cpu = offline_seconds(options, store, lines[:1], folder)
                whole, whole_cpu = offline_seconds(options, store, lines, folder)
                offline, offline_cpu = count / (whole - start), 1000 * (whole_cpu - start_cpu) / count
                used = service.cpu_seconds()
                (run,) = load(options, service, "--by-id", "--requests", count, "--clients", 32,
                              "--seconds", 600)
                assert run["statuses"] == {"200": count}, run["statuses"]
                served, served_cpu = run["answers_per_second"], 1000 * (service.cpu_seconds() - used) / count
                if turn:  # the first turn warms up
                    ratios.append(served / offline)
                    costs.append(offline_cpu / served_cpu)
                print(f"  offline {offline:.1f} questions/s, 32 clients {served:.1f}: {served / offline:.3f}; processor time a "
                      f"question {offline_cpu:.2f} ms, {served_cpu:.2f} ms: {offline_cpu / served_cpu:.3f}", flush=True)
    return (f"{statistics.median(ratios):.3f} of the offline rate (bar: 0.90), "
            f"by processor time {statistics.median(costs):.3f}")


def latency(options):
    with scratch() as folder:
        store = f"lmdb:{folder}/store"
        with Service(options, store=store) as service:
            load(options, service, "--by-id", "--requests", 1, "--clients", 1)
            results = []
            for _ in range(ROUNDS):
                done = subprocess.run([f"{options.build}/bench/service/deformer_service_latency", service.url, options.model,
                                       store, options.squad, str(options.questions)],
                                      check=True, capture_output=True, text=True)
                print("  " + done.stdout.strip(), flush=True)
                results.append(done.stdout.strip())
    by_difference = sorted(results, key=lambda line: float(re.search(r": ([+-][\d.]+) ms;", line)[1]))
    return by_difference[len(results) // 2] + " (the median round; bar: 1 ms + 2 %)"


# ---- Load ----

def describe(run):
    return (f"statuses {run['statuses']}, {run['answers_per_second']:.1f} answers/s, p50 {run['latency_ms']['p50']:.0f} ms, "
            f"p99 {run['latency_ms']['p99']:.0f} ms, livez p99 {run['livez_ms']['p99']:.1f} ms, max {run['livez_ms']['max']:.1f} ms")


def overload(options):
    with Service(options) as service:
        (capacity,) = load(options, service, "--by-id", "--clients", 32, "--seconds", 10)
        rate = 10 * capacity["answers_per_second"]
        print(f"  capacity: {describe(capacity)}", flush=True)
        (run,) = load(options, service, "--by-id", "--rates", f"{rate:.0f}", "--connections", 512, "--seconds", options.minute,
                      "--idle", options.idle)
        (after,) = load(options, service, "--by-id", "--clients", 32, "--seconds", 10)
        print(f"  {rate:.0f} a second offered: {describe(run)}\n  capacity after it: {describe(after)}", flush=True)
    share = run["answers_per_second"] / statistics.mean([capacity["answers_per_second"], after["answers_per_second"]])
    assert set(run["statuses"]) <= {"200", "429"}, run["statuses"]
    return (f"{share:.2f} of capacity (bar: 0.90), only 200 and 429, p99 of answers {run['latency_ms']['p99']:.0f} ms, "
            f"livez at most {run['livez_ms']['max']:.0f} ms (bar: 50), idle connections lost: {run['idle_lost']}")


def idle(options):
    with Service(options) as service:
        (run,) = load(options, service, "--by-id", "--clients", 8, "--seconds", 15, "--idle", options.idle)
    print("  " + describe(run), flush=True)
    return f"livez at most {run['livez_ms']['max']:.1f} ms (bar: 50), idle connections lost: {run['idle_lost']}"


def slowloris(options):
    with Service(options) as service:
        shares = []
        for _ in range(ROUNDS):
            (alone,) = load(options, service, "--by-id", "--clients", 8, "--seconds", 10)
            (beside,) = load(options, service, "--by-id", "--clients", 8, "--seconds", 10, "--half-open", 1000)
            print(f"  alone: {describe(alone)}\n  beside: {describe(beside)}, cut off {beside['half_open_ended']}", flush=True)
            shares.append((beside["answers_per_second"] / alone["answers_per_second"],
                           beside["latency_ms"]["p50"] / alone["latency_ms"]["p50"]))
    return (f"answers/s beside 1,000 half-open requests: {statistics.median(s[0] for s in shares):.2f} of those alone, "
            f"median latency {statistics.median(s[1] for s in shares):.2f}")


# ---- Endurance ----

def memory(options):
    first, step = options.requests // 20, options.requests * 19 // 100
    with Service(options, model=TINY) as service:
        # Both ways: what the first request of a kind lays out is no growth.
        for way in (["--by-id"], []):
            load(options, service, *way, "--clients", 16, "--requests", first // 2, "--seconds", 600, squad="examples/sample.json")
        time.sleep(1)
        begin, open_before = service.resident_mib(), service.descriptors()
        points = []
        for _ in range(5):
            (run,) = load(options, service, "--clients", 16, "--requests", step, "--seconds", 600, squad="examples/sample.json")
            assert run["statuses"] == {"200": step}, run["statuses"]
            points.append(service.resident_mib())
            print(f"  {begin:.1f} MiB after {first:,} requests, {points[-1]:.1f} after {first + step * len(points):,}", flush=True)
        time.sleep(1)
        open_after = service.descriptors()
    return (f"resident memory {100 * (points[-1] / begin - 1):+.1f} % after {step * len(points):,} more requests (bar: 5 %), "
            f"descriptors {open_before} before, {open_after} after")


def stop(options):
    outcomes = []
    for _ in range(ROUNDS):
        with Service(options) as service:
            report = load(options, service, "--clients", 32, "--seconds", 30, wait=False)
            time.sleep(4)
            begin = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            status = service.process.wait(60)
            seconds = time.monotonic() - begin
            (run,) = report()
        assert status == 0, status
        # "refused": new connections, after the door was closed.
        print(f"  statuses {run['statuses']}, ended in {seconds:.2f} s", flush=True)
        outcomes.append(run["statuses"].get("broken", 0))
    return f"requests lost: {sum(outcomes)}, exit status 0 each time"


# ---- The store fails ----

def free_port():
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def redis(port):
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
                               stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def store(options):
    if not shutil.which("redis-server"):
        return "not measured: there is no redis-server"
    port = free_port()
    text = {"text": "Faust was written by Goethe."}
    by_id = {"question": "Who wrote Faust?", "passage_id": "faust"}
    by_text = {"question": "Who wrote Faust?", "passage": text["text"]}
    with redis(port) as server:
        with Service(options, store=f"redis://127.0.0.1:{port}?timeout_ms=1000&connect_timeout_ms=500") as service:
            ask = lambda value: service.request("POST", "/v1/answer", value)
            assert service.request("PUT", "/v1/passages/faust", text)[0] == 200
            assert ask(by_id)[0] == 200
            server.kill()
            server.wait()
            down = [ask(by_id), ask(by_text), service.request("PUT", "/v1/passages/faust", text), service.request("GET", "/livez")]
            print("  down: " + "; ".join(f"{status} {body.strip()[:140]}" for status, body in down), flush=True)
            with redis(port):
                again = [service.request("PUT", "/v1/passages/faust", text), ask(by_id)]
                print("  back: " + "; ".join(f"{status}" for status, _ in again), flush=True)
    assert down[0][0] == down[2][0] == 503 and down[3][0] == 200, down
    assert all(status == 200 for status, _ in again), again
    return "503 with the reason while it is down, 200 again without a restart"


# ---- Malformed requests ----

def fuzz(options):
    command = [options.schemathesis, "run", "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
               "response_schema_conformance", "--max-examples", "100000", "--max-time", str(options.fuzz_seconds), "--seed", "1",
               "--continue-on-failure"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                   "PYTHONPATH": str(pathlib.Path(__file__).resolve().parent), "PYTHONDONTWRITEBYTECODE": "1"}
    with Service(options, model=TINY) as service, scratch() as folder:
        done = subprocess.run([*command, service.url + "/openapi.json"], cwd=folder, env=environment, capture_output=True,
                              text=True, check=False)
        print("\n".join("  " + line for line in done.stdout.splitlines()[-40:]), flush=True)
        samples = service.request("GET", "/metrics")[1].splitlines()
    statuses = collections.Counter()
    for line in samples:
        if line.startswith("deformer_requests_total{"):
            statuses[line.split('status="')[1].split('"')[0]] += int(line.rsplit(" ", 1)[1])
    return f"exit status {done.returncode} (0: nothing found), requests by status {dict(sorted(statuses.items()))}"


BARS = [throughput, latency, overload, idle, slowloris, memory, stop, store, fuzz]


def end(*_):
    """So that what was started ends too; a second signal must not disturb that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars", nargs="+", choices=[bar.__name__ for bar in BARS] + ["all"])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--model", default="models/squad-mini")
    parser.add_argument("--squad", required=True)
    parser.add_argument("--questions", type=int, default=1500, help="different questions, evenly from the file")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections")
    parser.add_argument("--minute", type=float, default=60, help="seconds of overload")
    parser.add_argument("--requests", type=int, default=100_000, help="of the memory bar")
    parser.add_argument("--schemathesis", default="schemathesis", help="the program of this name (pip install schemathesis)")
    parser.add_argument("--fuzz-seconds", type=int, default=600)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    for bar in BARS:
        if bar.__name__ in options.bars or "all" in options.bars:
            print(f"{bar.__name__}:", flush=True)
            print(f"  => {bar(options)}", flush=True)


main()
