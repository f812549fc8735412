"""A certificate authority made for one run of the tests, with a certificate of this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificate:
    """Files in PEM form."""

    ca: Path
    """What clients trust."""
    cert: Path
    key: Path

    @property
    def options(self) -> tuple[str, str]:
        return f"--tls-cert={self.cert}", f"--tls-key={self.key}"


def make(folder: Path, *hosts: str) -> Certificate:
    """A certificate for localhost and the loopback addresses, signed by an authority of its own.

    Args:
        folder: where the files go.
        hosts: other names that it is to be good for.
    """
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("a test's own authority")
    ca = _builder(ca_name, ca_name, ca_key, ca_key, authority=True).sign(ca_key, hashes.SHA256())
    names = [x509.DNSName(host) for host in ("localhost", *hosts)]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    builder = _builder(_name("localhost"), ca_name, key, ca_key, authority=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = Certificate(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    signed = builder.sign(ca_key, hashes.SHA256())
    made.cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(pem(key))
    return made


def pem(key: Key, password: bytes | None = None) -> bytes:
    """A key as a file holds it."""
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, ca_key: Key, *, authority: bool
) -> x509.CertificateBuilder:
    """With all that strict checks ask for (Python 3.13 has them on)."""
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=authority, crl_sign=authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    ca_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own_id, critical=False)
        .add_extension(ca_id, critical=False)
    )
