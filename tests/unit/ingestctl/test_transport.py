"""What the command line trusts of a server."""

from __future__ import annotations

import ssl

import pytest

from ingestctl.transport import _authorities


@pytest.mark.parametrize("url", ["https://docs.example", "HTTPS://docs.example:443"])
def test_a_server_over_tls_is_checked_against_the_authorities(url: str) -> None:
    assert _authorities(url) is True


def test_where_no_tls_is_spoken_no_certificate_would_be_accepted() -> None:
    context = _authorities("http://127.0.0.1:9108")
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs() == []
