"""What may be connected to: every way to write, and to reach, an address inside."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docgraph.sources.http.guard import AllowedHost, ForbiddenAddressError, Guard, inner_kind, parse_address

INNER = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
INNER_6 = [
    "::",
    "::1",
    "::127.0.0.1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.1.1",
    "223.255.255.255",
]
PUBLIC_6 = [
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "2001:200::1",
]

addresses_4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
inner_4 = st.sampled_from(INNER).map(ipaddress.IPv4Address)


def spellings(address: ipaddress.IPv4Address) -> list[str]:
    """All the ways in which C's resolver, a browser or an IPv6 stack takes the address."""
    number, parts = int(address), address.packed
    a, b, c, d = parts
    return [
        str(address),
        f"{a}.{b}.{c}.{d}.",
        str(number),
        hex(number),
        oct(number).replace("0o", "0"),
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{b * 65536 + c * 256 + d}",
        f"{hex(a)}.{b}.0{c:o}.{d}",
        f"{a}.{b}.{c}.{d:03}",
        "。".join(map(str, parts)),
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[0:0:0:0:0:ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::]",
        f"[2606:4700::5efe:{address}]",
        f"[2606:4700::200:5efe:{address}]",
    ]


@pytest.mark.parametrize("text", [*INNER, *INNER_6])
def test_addresses_inside_are_not_public(text: str) -> None:
    assert inner_kind(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, *PUBLIC_6])
def test_public_addresses_are(text: str) -> None:
    assert inner_kind(ipaddress.ip_address(text)) == ""


@given(inner_4)
def test_no_spelling_of_an_address_inside_gets_past_the_guard(address: ipaddress.IPv4Address) -> None:
    for host in spellings(address):
        for scheme in ("http", "https", "HTTP"):
            with pytest.raises(ForbiddenAddressError):
                Guard().check(f"{scheme}://{host}:8080/x")


@given(addresses_4)
@example(ipaddress.IPv4Address("127.0.0.1"))
@example(ipaddress.IPv4Address("9.255.255.255"))
def test_an_address_is_judged_alike_however_it_is_embedded(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    embedded = [0xFFFF << 32 | number, int(ipaddress.IPv6Address("64:ff9b::")) | number, 0x2002 << 112 | number << 80]
    kinds = {inner_kind(ipaddress.IPv6Address(each)) for each in embedded}
    assert kinds == {inner_kind(address)}


@given(addresses_4)
def test_nothing_that_python_calls_private_is_public(address: ipaddress.IPv4Address) -> None:
    if not address.is_global:
        assert inner_kind(address)


@given(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address))
def test_nothing_that_python_calls_private_is_public_in_ipv6(address: ipaddress.IPv6Address) -> None:
    if not address.is_global and address.ipv4_mapped is None and address.sixtofour is None:
        assert inner_kind(address)


@given(st.one_of(addresses_4, st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)))
def test_what_a_literal_says_is_what_is_connected_to(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    resolved: list[str] = []
    guard = Guard(resolver=lambda name, _: resolved.append(name) or [name])  # type: ignore[func-returns-value]
    try:
        url = guard.check(f"http://{host}/")
    except ForbiddenAddressError:
        assert inner_kind(address)
        return
    assert list(guard.addresses(url.raw_host.decode(), 80)) == [str(address)]
    assert not resolved, "a number is never resolved"


@pytest.mark.parametrize(
    "text",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "//example.org/x",
        "example.org",
        "http://",
        "http:///etc/passwd",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://8.8.8.8%2f@example.org/",
        "http://h\\@example.org/",
        "http://exa mple.org/",
        "http://ex%61mple.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://[::1/",
        "http://exa\tmple.org/",
        "http://exam\0ple.org/",
        "http://①②⑦.0.0.1/",
        "http://-.example.org/",
        "http://example.org/" + "x" * 2000,
        "http://" + "x" * 64 + ".org/",
        "http://example.org/\ud800",
    ],
)
def test_what_has_no_single_reading_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenAddressError) as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://127.0.0.1", "//"]))
def test_any_text_is_an_address_or_refused(text: str, before: str) -> None:
    try:
        url = Guard(resolver=lambda *_: pytest.fail("nothing is resolved by looking at an address")).check(
            before + text
        )
    except ForbiddenAddressError:
        return
    assert url.scheme in {"http", "https"}
    assert parse_address(str(url)) == url, "what was checked is read the same way again"


def test_every_address_of_a_name_must_be_public() -> None:
    guard = Guard(resolver=lambda *_: ["8.8.8.8", "2606:4700::1111", "::ffff:10.0.0.1"])
    with pytest.raises(ForbiddenAddressError, match=r"leads to ::ffff:a00:1, which is private; .*options.allow_hosts"):
        guard.addresses("example.org", 80)
    assert list(Guard(resolver=lambda *_: ["8.8.8.8"]).addresses("example.org", 80)) == ["8.8.8.8"]


def test_an_address_with_a_zone_is_what_it_is_without() -> None:
    with pytest.raises(ForbiddenAddressError, match="link-local"):
        Guard(resolver=lambda *_: ["fe80::1%eth0"]).addresses("example.org", 80)


def test_names_of_this_machine_lead_inside() -> None:
    for name in ("localhost", socket.gethostname()):
        try:
            found = socket.getaddrinfo(name, 80)
        except OSError:
            continue
        if all(inner_kind(ipaddress.ip_address(str(each[4][0]).partition("%")[0])) for each in found):
            with pytest.raises(ForbiddenAddressError):
                Guard().addresses(name, 80)


@pytest.mark.parametrize(
    ("allowed", "host", "port", "passes"),
    [
        ("wiki.corp", "wiki.corp", 443, True),
        ("WIKI.corp", "wiki.corp", 80, True),
        ("wiki.corp", "other.corp", 80, False),
        ("wiki.corp", "sub.wiki.corp", 80, False),
        ("wiki.corp:8080", "wiki.corp", 8080, True),
        ("wiki.corp:8080", "wiki.corp", 6379, False),
        ("10.0.0.5", "wiki.corp", 80, True),
        ("10.0.0.5:80", "wiki.corp", 81, False),
        ("10.0.0.0/24", "anything.corp", 80, True),
        ("10.0.1.0/24", "anything.corp", 80, False),
        ("[fd00::1]:80", "wiki.corp", 80, False),
    ],
)
def test_the_configuration_allows_hosts_addresses_and_networks(
    allowed: str, host: str, port: int, passes: bool
) -> None:
    guard = Guard([AllowedHost.parse(allowed)], resolver=lambda *_: ["10.0.0.5"])
    if passes:
        assert list(guard.addresses(host, port)) == ["10.0.0.5"]
        return
    with pytest.raises(ForbiddenAddressError):
        guard.addresses(host, port)


@pytest.mark.parametrize("text", ["", "a b", "http://x", "h:99999", "h:x", "10.0.0.1/8", "*"])
def test_what_can_not_be_a_host_is_not_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        AllowedHost.parse(text)
