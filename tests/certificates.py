"""Certificates for servers on loopback addresses."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(cert: Path, key: Path, name: str) -> None:
    """A self-signed certificate for 127.0.0.1."""
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    command = ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
