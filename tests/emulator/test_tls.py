"""The emulator over TLS: unmodified clients, addresses in answers, and what cannot be served."""

import contextlib
import socket
import ssl
import subprocess
import sys
from datetime import timedelta

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceRequestError
from cryptography.hazmat.primitives.asymmetric import ec

import own_ca
from batch_emulator.__main__ import main


@pytest.fixture
def batch(emulator, certificate):
    return emulator("--boot-time=0.05", *certificate.options, trust=str(certificate.ca))


def test_a_task_runs_over_tls_and_all_addresses_say_so(batch):
    assert batch.running.endpoint.startswith("https://127.0.0.1:")
    job = batch.job()
    task = batch.run("/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_URL'", job)
    assert batch.text(job, task.id) == f"{batch.running.endpoint}/\n"
    assert task.url == f"{batch.running.endpoint}/jobs/{job}/tasks/{task.id}"
    assert {f.url.partition(":")[0] for f in batch.client.list_task_files(job, task.id)} == {
        "https"
    }


def test_pages_and_new_resources_link_to_https(batch):
    job = batch.job(batch.pool(nodes=0))
    answer = batch.raw(
        "POST", f"/jobs/{job}/tasks", json={"id": "t", "commandLine": "true"},
        headers={"content-type": "application/json; odata=minimalmetadata"},
    )  # fmt: skip
    assert answer.headers["location"] == f"{batch.running.endpoint}/jobs/{job}/tasks/t"
    batch.task(job)
    link = batch.raw("GET", f"/jobs/{job}/tasks?maxresults=1").json()["odata.nextLink"]
    assert link.startswith(f"{batch.running.endpoint}/jobs/{job}/tasks?")
    assert len(list(batch.client.list_tasks(job, max_results=1))) == 2


def test_the_clock_is_moved_over_tls(batch):
    before = batch.running.admin.now()
    assert batch.running.admin.advance(timedelta(days=1)) - before >= timedelta(days=1)


def test_a_client_that_does_not_trust_the_certificate_does_not_connect(batch):
    credential = AzureNamedKeyCredential(batch.running.account, batch.running.key)
    with (
        BatchClient(batch.running.endpoint, credential, retry_total=0) as client,
        pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        list(client.list_jobs())


def test_old_versions_of_tls_and_plain_http_are_not_answered(batch, certificate):
    port = int(batch.running.endpoint.rpartition(":")[2])
    old = ssl.create_default_context(cafile=certificate.ca)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(plain, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"HTTP/" not in plain.recv(100)
    assert list(batch.client.list_jobs()) == []


def test_tls_to_a_port_of_plain_http_is_told_so(emulator):
    batch = emulator("--boot-time=0.05")
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    port = int(batch.running.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(hello.read())
        answer = b"".join(iter(lambda: plain.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"This port speaks http, and the client spoke https." in answer


def test_one_file_may_hold_the_certificate_and_its_key(emulator, certificate, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.cert.read_bytes() + certificate.key.read_bytes())
    batch = emulator(f"--tls-cert={both}", trust=str(certificate.ca))
    assert list(batch.client.list_jobs()) == []


@pytest.fixture
def bad(certificate, tmp_path):
    """Files that cannot be used, by name."""
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.pem").write_bytes(own_ca.pem(other))
    (tmp_path / "locked.pem").write_bytes(own_ca.pem(other, b"secret"))
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "broken.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    return {
        "good": certificate.cert,
        "key": certificate.key,
        **{n: tmp_path / f"{n}.pem" for n in ("other", "locked", "text", "broken", "missing")},
    }


@pytest.mark.parametrize(
    ("cert", "key", "option", "named", "reason"),
    [
        ("missing", "key", "--tls-cert", "missing", "No such file"),
        ("good", "missing", "--tls-key", "missing", "No such file"),
        ("text", "key", "--tls-cert", "text", "holds no certificate"),
        ("broken", "key", "--tls-cert", "broken", ""),
        ("good", "text", "--tls-key", "text", "holds no private key"),
        ("good", None, "--tls-key", "good", "holds no private key"),
        ("good", "other", "--tls-key", "other", "not the key of"),
        ("good", "locked", "--tls-key", "locked", "encrypted"),
        (None, "key", "--tls-key", "key", "--tls-cert, which is missing"),
    ],
)
def test_files_that_cannot_be_used_are_named(capsys, bad, cert, key, option, named, reason):
    options = [f"--tls-cert={bad[cert]}"] if cert else []
    options += [f"--tls-key={bad[key]}"] if key else []
    assert main(["serve", "--port=0", *options]) == 1
    error = capsys.readouterr().err
    assert option in error
    assert str(bad[named]) in error
    assert reason in error


def test_a_key_that_is_encrypted_does_not_ask_on_the_terminal(bad):
    done = subprocess.run(
        [sys.executable, "-m", "batch_emulator", "serve", "--port=0",
         f"--tls-cert={bad['good']}", f"--tls-key={bad['locked']}"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "pass phrase" not in done.stderr
