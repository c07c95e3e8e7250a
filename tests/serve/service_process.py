"""A running `deformer serve` for tests in Python: on a free port of the loopback, stopped by its process id."""

import json
import subprocess
import time
import urllib.error
import urllib.request

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def skip(reason):
    print(f"SKIPPED: {reason}")
    raise SystemExit(SKIPPED)


class Service:
    def __init__(self, tool, *arguments):
        command = [tool, "serve", "--listen", "127.0.0.1:0", "--log-level", "error", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def request(self, method, path, value=None, headers=None, context=None):
        """Status and body; the body as text."""
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json", **(headers or {})},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_until_ready(self, context=None):
        for _ in range(600):
            if self.request("GET", "/readyz", context=context)[0] == 200:
                return
            time.sleep(0.05)
        raise RuntimeError("the service is not ready after 30 s")
