"""Names that follow from content: canonical text, document, section and entity ids, hashes.

Everything here is pure and must give the same answer on every machine, in every order, locale and hash seed: the ids are
the keys of both stores. Changing any of it is a change of the whole dataset's identity.
"""

from __future__ import annotations

import array
import hashlib
import re
import sys
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote, urlsplit, urlunsplit

#: Namespace of all docgraph ids (a random UUID, fixed for good).
NAMESPACE = uuid.UUID("6b1f0c58-3f0e-5d54-9a37-52f4a1f6c0de")
TAG_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_URI_SAFE = "/-._~!$&'()*+,;=:@"


def is_tag(text: str) -> bool:
    """Tell whether `text` may name a dataset."""
    return TAG_PATTERN.fullmatch(text) is not None


def canonical_text(text: str) -> str:
    """Drop a byte order mark, turn CRLF and CR into LF, and normalise to NFC."""
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))


def canonical_source_uri(uri: str) -> str:
    """Give an address its one spelling: lower-case scheme and host, NFC, minimal percent-encoding, no fragment, no dot segments."""
    parts = urlsplit(unicodedata.normalize("NFC", uri))
    path = quote(unquote(_without_dot_segments(parts.path)), safe=_URI_SAFE)
    query = quote(unquote(parts.query), safe=_URI_SAFE + "?/&=") if parts.query else ""
    scheme = parts.scheme.lower()
    netloc = parts.netloc.lower() if scheme in {"http", "https"} else parts.netloc
    text = urlunsplit((scheme, netloc, path, query, ""))
    # urlunsplit drops the empty authority of schemes that it does not know (upload:///a → upload:/a).
    if scheme and not netloc and path.startswith("/") and not text.startswith(f"{scheme}:///"):
        text = f"{scheme}://{text[len(scheme) + 1 :]}"
    return text


def _without_dot_segments(path: str) -> str:
    if not path:
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if len(kept) > 1 or (kept and kept[0]):
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept)


def resolve_reference(base_uri: str, reference: str) -> tuple[str, str]:
    """Resolve a link found in the document at `base_uri`: (canonical address, anchor without `#`)."""
    target, _, anchor = reference.partition("#")
    anchor = unquote(anchor)
    if not target:
        return canonical_source_uri(base_uri), anchor
    if urlsplit(target).scheme:
        return canonical_source_uri(target), anchor
    base = urlsplit(base_uri)
    if target.startswith("//"):
        return canonical_source_uri(f"{base.scheme}:{target}"), anchor
    path, _, query = target.partition("?")
    folder = "" if path.startswith("/") else base.path.rpartition("/")[0] + "/"
    authority = base.netloc
    return canonical_source_uri(f"{base.scheme}://{authority}{folder}{path}" + (f"?{query}" if query else "")), anchor


def _length_prefixed(fields: Iterable[str]) -> str:
    """Join fields so that no two different lists give the same text (netstrings: byte length, colon, field, comma)."""
    return "".join(f"{len(field.encode())}:{field}," for field in fields)


def document_id(tag: str, source_uri: str) -> str:
    """Return the id of the document at `source_uri` in the dataset `tag`: stable for life."""
    return str(uuid.uuid5(NAMESPACE, _length_prefixed(("document", tag, canonical_source_uri(source_uri)))))


def section_id(document: str, heading_path: Sequence[str], text: str, occurrence: int) -> str:
    """Return the id of a section: Section node in Neo4j and point in Qdrant.

    `text` and `heading_path` are canonical; `occurrence` counts the earlier sections of the document with the same path and text.
    """
    fields = ("section", str(len(heading_path)), *heading_path, text, str(occurrence))
    return str(uuid.uuid5(uuid.UUID(document), _length_prefixed(fields)))


def entity_id(tag: str, kind: str, name: str) -> str:
    """Return the id of an entity: one per dataset, kind and canonical name."""
    return str(uuid.uuid5(NAMESPACE, _length_prefixed(("entity", tag, kind, name))))


def content_hash(*fields: str) -> str:
    """Return the SHA-256 (hex) over length-prefixed fields."""
    return hashlib.sha256(_length_prefixed(fields).encode()).hexdigest()


def text_hash(heading_path: Sequence[str], text: str) -> str:
    """Return the hash that a point's payload carries for the text it was embedded from."""
    return content_hash(*heading_path, text)


def vector_hash(vector: Sequence[float]) -> str:
    """Return the SHA-256 (hex) over the vector as little-endian float32, the form in which Qdrant stores it."""
    packed = array.array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return hashlib.sha256(packed.tobytes()).hexdigest()


def fingerprint(name: str, version: int, inputs: Iterable[str], options: str = "") -> str:
    """Return what identifies the output of a stage: its name, `STAGE_VERSION`, its inputs' fingerprints and its options."""
    return content_hash("fingerprint", name, str(version), options, *inputs)


def uri_for_path(prefix: str, relative_path: str) -> str:
    """Return the address of a file below `prefix` (`upload:///`, `fs://ingest/watch/`): any file name, percent-encoded."""
    return canonical_source_uri(prefix + quote(unicodedata.normalize("NFC", relative_path), safe=_URI_SAFE))
