"""The server's end of TLS: a certificate and its key, from two PEM files or one that holds both."""

from __future__ import annotations

import ssl
from pathlib import Path

from batch_emulator.options import OptionError
from batch_emulator.wire.other_scheme import HintingContext


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What a listener needs to speak TLS 1.2 or later.

    Raises:
        OptionError: naming the file that cannot be used, and why.
    """
    _check_readable("--tls-cert", certificate)
    if key is not None:
        _check_readable("--tls-key", key)
    context = HintingContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse(key or certificate))
    except ssl.SSLError as error:
        raise _fault(error, certificate, key) from None
    return context


def _check_readable(option: str, file: Path) -> None:
    """OpenSSL does not say which of two files it could not open."""
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise OptionError(f"{option} {file}: {error.strerror}") from None


def _refuse(key: Path) -> str:
    """Give no passphrase: OpenSSL would ask for one on the terminal."""
    raise OptionError(
        f"--tls-key {key}: the key is encrypted, and one without a passphrase is needed. "
        "`openssl pkey -in FILE -out NEW` makes one."
    )


def _fault(error: ssl.SSLError, certificate: Path, key: Path | None) -> OptionError:
    if error.reason == "KEY_VALUES_MISMATCH":
        return OptionError(
            f"--tls-key {key or certificate}: not the key of --tls-cert's {certificate}"
        )
    if not _holds(certificate, b"CERTIFICATE-----"):
        return OptionError(f"--tls-cert {certificate}: holds no certificate in PEM form")
    if not _holds(key or certificate, b"PRIVATE KEY-----"):
        missing = "" if key else "; give the file that does as --tls-key"
        return OptionError(f"--tls-key {key or certificate}: holds no private key in PEM{missing}")
    reason = error.reason or "not in PEM form"
    return OptionError(f"--tls-cert {certificate}, --tls-key {key or certificate}: {reason}")


def _holds(file: Path, mark: bytes) -> bool:
    return mark in file.read_bytes()
