"""TLS with a certificate made for the test: tls_test.py TOOL MODEL."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings

from service_process import Service, skip

QUESTION = {"question": "Who wrote Faust?", "passage": "Faust was written by Goethe."}


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"],
                   check=True, capture_output=True)


def trusting(folder):
    return ssl.create_default_context(cafile=f"{folder}/certificate.pem")


def subject(service):
    port = int(service.url.rsplit(":", 1)[1])
    text = ssl.get_server_certificate(("127.0.0.1", port))
    return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=text, text=True, check=True,
                          capture_output=True).stdout


def asks_for_no_passphrase(tool, model, folder):
    """A service has nobody at its terminal: it says what is wrong, at once, in either form of an encrypted key."""
    for command in ("pkey", "ec"):
        encrypted = f"{folder}/encrypted-{command}.pem"
        subprocess.run(["openssl", command, "-aes256", "-passout", "pass:secret", "-in", f"{folder}/key.pem",
                        "-out", encrypted], check=True, capture_output=True)
        ended = subprocess.run([tool, "serve", "--model", model, "--listen", "127.0.0.1:0",
                                "--tls-cert", f"{folder}/certificate.pem", "--tls-key", encrypted],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert ended.returncode != 0 and ended.stdout == "", ended
        assert "expected a private key without a passphrase" in ended.stderr, ended.stderr
        assert ended.stderr.count("\n") == 1, ended.stderr


def refuses(service, context):
    try:
        service.request("GET", "/livez", context=context)
    except OSError:
        return True
    return False


def received(service, context, request):
    """All that comes; an end without close_notify, which might be a cut, raises."""
    port = int(service.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        connection = context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        connection.sendall(request)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
        return b"".join(pieces)


def main(tool, model):
    if not shutil.which("openssl"):
        skip("there is no openssl")
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder, "first")
        asks_for_no_passphrase(tool, model, folder)
        with Service(tool, "--model", model, "--tls-cert", f"{folder}/certificate.pem",
                     "--tls-key", f"{folder}/key.pem") as service:
            assert service.url.startswith("https://"), service.url
            context = trusting(folder)
            service.wait_until_ready(context)
            status, body = service.request("POST", "/v1/answer", QUESTION, context=context)
            assert status == 200 and '"Goethe"' in body, body

            # A response that the connection's end ends is whole; so is one to a body that is not read.
            close = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            assert received(service, context, close).startswith(b"HTTP/1.1 200 ")
            refused = (b"POST /v1/answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                       b"Content-Length: 1000000\r\n\r\n" + b" " * 1000000)
            assert received(service, context, refused).startswith(b"HTTP/1.1 415 ")

            # A client that does not know the certificate, one that speaks an old version, one that speaks none.
            assert refuses(service, ssl.create_default_context())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old = trusting(folder)
                old.minimum_version = ssl.TLSVersion.TLSv1
                old.maximum_version = ssl.TLSVersion.TLSv1_1
                old.set_ciphers("DEFAULT@SECLEVEL=0")
            assert refuses(service, old)
            secure_url, service.url = service.url, service.url.replace("https", "http")
            assert refuses(service, None)
            service.url = secure_url

            # SIGHUP: the new certificate is for new connections; a broken one changes nothing.
            assert "first" in subject(service)
            make_certificate(folder, "second")
            os.kill(service.process.pid, signal.SIGHUP)
            for _ in range(100):
                if "second" in subject(service):
                    break
                time.sleep(0.05)
            assert "second" in subject(service)
            with open(f"{folder}/certificate.pem", "w", encoding="utf-8") as file:
                file.write("broken")
            os.kill(service.process.pid, signal.SIGHUP)
            time.sleep(0.3)
            assert "second" in subject(service)
            service.process.terminate()
            assert service.process.wait(20) == 0
    print("ok")


main(*sys.argv[1:])
