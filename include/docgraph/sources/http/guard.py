"""Which web addresses may be asked: nothing inside the network, whatever it is called, unless the configuration allows it.

A list comes from outside, and so does each redirect; both could name what only this machine can reach (a database, a cloud's
metadata). So an address is taken by its spelling only where it has one reading, and by what its name resolves to: every address
that a name has must be public. The connection then goes to an address that was checked, never to a second answer of the resolver.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from docgraph.domain.errors import DocumentError

#: Longer addresses are refused; browsers and servers stop about here, too.
MAX_ADDRESS_CHARACTERS = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
#: Of one name, as many as are tried.
MAX_ADDRESSES = 16

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
#: What a resolver of C reads as a number (decimal, octal, hexadecimal) where a name's last label is one.
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")

# IANA's registries of special-purpose addresses, kept here because Python's own lists differ from release to release.
_INNER_4 = tuple(
    (ipaddress.IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_INNER_6 = tuple(
    (ipaddress.IPv6Network(network), what)
    for network, what in (
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
#: Networks whose addresses stand for an IPv4 address, and by how many bits that lies from the right.
_EMBEDDING = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
#: The middle of an interface's part that carries an IPv4 address (ISATAP), with either value of its bit for "universal".
_ISATAP = (0x00005EFE, 0x02005EFE)


class ForbiddenAddressError(DocumentError):
    """The address leads to something that must not be read; allow its host in options.allow_hosts if it is meant."""

    code = "forbidden_address"


def inner_kind(address: IPAddress) -> str:
    """Return what an address is where it isn't public (`private`, `loopback`, …), else an empty text."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((what for network, what in _INNER_4 if address in network), "")
    for network, shift in _EMBEDDING:
        if address in network:
            return inner_kind(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    if found := next((what for network, what in _INNER_6 if address in network), ""):
        return found
    if address not in _PUBLIC_6:
        return "reserved"
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return inner_kind(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return ""


def parse_address(text: str) -> httpx.URL:
    """Return a web address as it is asked for, without its fragment: one spelling, one reading.

    Raises:
        ForbiddenAddressError: another scheme, credentials, a host that is no plain name or number, or too long; the message is a
            clause that follows the address.
    """
    if len(text) > MAX_ADDRESS_CHARACTERS:
        raise ForbiddenAddressError(f"has more than {MAX_ADDRESS_CHARACTERS:,} characters")
    try:
        # Reading an address is dear, and a list has many.
        url = httpx.URL(text.partition("#")[0])
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ForbiddenAddressError(f"is no web address ({error})") from error
    if url.scheme not in DEFAULT_PORTS:
        raise ForbiddenAddressError("is neither http nor https")
    if url.userinfo or "@" in url.netloc.decode("ascii", "replace"):
        raise ForbiddenAddressError("carries credentials; those belong into an Airflow connection")
    if not host:
        raise ForbiddenAddressError("names no host")
    if url.port is not None and not 0 < url.port < 2**16:
        raise ForbiddenAddressError("names a port that doesn't exist")
    if not _is_number(host):
        last = host.removesuffix(".").rpartition(".")[2]
        if _NUMBER.fullmatch(last):
            raise ForbiddenAddressError("names its host by a number in an unusual spelling")
        if not _NAME.fullmatch(host.removesuffix(".")):
            raise ForbiddenAddressError("names a host that can't be one")
    return url


def joined(base: httpx.URL, reference: str) -> str:
    """Return the address that a reference found at `base` means.

    Raises:
        ForbiddenAddressError: it means none; the message is a clause that follows the reference.
    """
    if reference.startswith(("http://", "https://")):
        return reference
    try:
        return str(base.join(reference))
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ForbiddenAddressError(f"is no web address ({error})") from error


def origin_of(url: httpx.URL) -> str:
    """Return scheme, host and port, which together say who answers."""
    return f"{url.scheme}://{url.host.lower()}:{url.port or DEFAULT_PORTS.get(url.scheme, 0)}"


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses that a name has.

    Raises:
        OSError: it has none, or the resolver can't be reached.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host, or a network, that may be asked although it lies inside; `port` None: at every port."""

    host: str
    port: int | None = None
    network: _Network | None = None

    @classmethod
    def parse(cls, text: str) -> AllowedHost:
        """Read `name`, `name:port`, an address, `[v6]:port` or a network such as `10.1.0.0/16`.

        Raises:
            ValueError: it is none of these.
        """
        try:
            return cls("", None, ipaddress.ip_network(text.strip("[]")))
        except ValueError:
            pass
        host, _, port = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
        number = int(port) if port else None
        if (address := _as_number(host.strip("[]"))) is not None:
            return cls("", number, ipaddress.ip_network(address))
        if not _NAME.fullmatch(host.lower()) or (number is not None and not 0 < number < 2**16):
            raise ValueError(f"{text!r} is no host: give a name, an address or a network, with or without :port")
        return cls(host.lower(), number)

    def allows(self, host: str, port: int, address: IPAddress) -> bool:
        """Tell whether this host at this port, resolved to this address, is meant."""
        if self.port not in {None, port}:
            return False
        return address in self.network if self.network is not None else host == self.host


class Guard:
    """Decides what may be connected to."""

    def __init__(self, allowed: Sequence[AllowedHost] = (), resolver: Resolve = resolve) -> None:
        """Allow public addresses, and these."""
        self._allowed = tuple(allowed)
        self._resolver = resolver

    def check(self, text: str) -> httpx.URL:
        """Return the address, refused where its spelling alone says that it must not be asked.

        Raises:
            ForbiddenAddressError: it must not; the message is a clause that follows the address.
        """
        url = parse_address(text)
        host = url.raw_host.decode("ascii")
        if _is_number(host) and (number := _as_number(host)) is not None:
            self._judge(host, url.port or DEFAULT_PORTS[url.scheme], [str(number)])
        return url

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses to connect to: all that the name has, each of them checked.

        Raises:
            ForbiddenAddressError: one of them must not be asked; the message is a clause that follows the address.
            OSError: the name can't be resolved.
        """
        host = host.lower()
        number = _as_number(host)
        found = [str(number)] if number is not None else list(self._resolver(host, port))
        self._judge(host, port, found)
        return found[:MAX_ADDRESSES]

    def _judge(self, host: str, port: int, found: Sequence[str]) -> None:
        for text in found:
            # A zone ("fe80::1%eth0") says through which interface; it changes nothing about what the address is.
            address = ipaddress.ip_address(text.partition("%")[0])
            kind = inner_kind(address)
            if kind and not any(allowed.allows(host, port, address) for allowed in self._allowed):
                leads = f"leads to {address}" if host != str(address) else f"is {address}"
                raise ForbiddenAddressError(
                    f"{leads}, which is {kind}; if it is meant, put {host} into options.allow_hosts"
                )


def _is_number(host: str) -> bool:
    """Tell whether a host may be an address in its usual spelling; most are none, and trying it is dear."""
    return (":" in host or host[-1:].isdigit()) and _as_number(host) is not None


def _as_number(host: str) -> IPAddress | None:
    """Return the address that a host is in its usual spelling."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
