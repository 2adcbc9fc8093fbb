"""Why is this document not searchable? Walks its whole way and names the first link that is missing and what to do.

Source → queue → stages → commit → graph → embedding → vectors → full text → search → readiness. It only looks: nothing is
repaired, requeued or triggered from here. Each link is tried the way the readers use it, not by trusting a status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docgraph.api.explain import LinkStatus
from docgraph.diagnosis.chain import BrokenError, Case, Explanation, Link
from docgraph.diagnosis.finding import fulltext, readiness, search
from docgraph.diagnosis.folder import source, source_at
from docgraph.diagnosis.jobs import REJECTED_LOOKED_AT, queue, rejected, stages
from docgraph.diagnosis.stores import commit, embedding, graph, vectors
from docgraph.domain.addresses import Address, AddressError
from docgraph.domain.errors import DocgraphError, StoreUnavailableError
from docgraph.domain.identity import document_id, is_tag
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.retrieval import QueryError
from docgraph.runtime.connections import Runtime
from docgraph.sources.base import Place

_ROUNDS = 3


def explain(
    runtime: Runtime,
    addresses: Sequence[str],
    tag: str | None = None,
    *,
    checksum: str = "",
    airflow: AirflowApi | None = None,
) -> Explanation:
    """Walk the way of the document at one of `addresses` (the first one that docgraph knows) and say where it ends.

    Without `tag` all datasets are tried. `checksum` is the SHA-256 (hex) of the content that is expected to be searchable;
    `airflow` lets it say why a queued or running job does not move.

    Raises:
        QueryError: no address is given, one can't be one, or the tag can't be one.
    """
    try:
        uris = list(dict.fromkeys(Address.of(address).uri for address in addresses))
    except AddressError as error:
        raise QueryError(str(error)) from error
    if not uris:
        raise QueryError("No address is given; name one, such as uri=upload:///guide.md.")
    if tag is not None and not is_tag(tag):
        raise QueryError(f"{tag!r} is not a valid tag: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit.")
    try:
        candidates = [(each, uri) for uri in uris for each in ([tag] if tag else _tags_for(runtime, uri))]
        chosen = next((pair for pair in candidates if _is_known(runtime, *pair)), candidates[0])
    except StoreUnavailableError:
        candidates = [(tag or runtime.config.watch.default_tag, uri) for uri in uris]
        chosen = candidates[0]
    case = Case(runtime, airflow, chosen[0], chosen[1], checksum.lower())
    links = _walk(case)
    for _ in range(_ROUNDS - 1):
        # A commit that happened while the stores were looked at would show as damage.
        if not _moved(case, links):
            break
        links = _walk(case)
    return Explanation(case.uri, case.tag, case.document, tuple(links), tuple(candidates))


def _tags_for(runtime: Runtime, uri: str) -> list[str]:
    """Return the datasets in which an address without a tag may be: the one the watch folder gives first, then all."""
    own = source_at(runtime, uri)
    first = own.locate(uri).tag if own is not None else runtime.config.watch.default_tag
    tags = [row["tag"] for row in runtime.graph.datasets()]
    recent = [state.job.tag for state in runtime.state.jobs.find(limit=REJECTED_LOOKED_AT)]
    return list(dict.fromkeys([first, *tags, *(each for each in recent if is_tag(each))]))


def _is_known(runtime: Runtime, tag: str, uri: str) -> bool:
    document = document_id(tag, uri)
    if runtime.state.jobs.newest(document) or rejected(runtime, tag, document):
        return True
    own = source_at(runtime, uri)
    if own is not None:
        location = own.locate(uri)
        if location.tag == tag and location.place not in {Place.ABSENT, Place.SETTLED}:
            return True
    return runtime.graph.committed(document).fence > 0


def _walk(case: Case) -> list[Link]:
    """Look at one link after the other; behind the first that is missing nothing is looked at."""
    steps: dict[str, Callable[[Case], tuple[str, str]]] = {
        "source": source,
        "queue": queue,
        "stages": stages,
        "commit": commit,
        "graph": graph,
        "embedding": embedding,
        "vectors": vectors,
        "fulltext": fulltext,
        "search": search,
        "readiness": readiness,
    }
    links: list[Link] = []
    walking = iter(steps.items())
    for name, step in walking:
        try:
            code, message = step(case)
        except BrokenError as broken:
            links.append(Link(name, LinkStatus.BROKEN, broken.code, broken.message, broken.action))
            break
        except DocgraphError as error:
            links.append(Link(name, LinkStatus.BROKEN, *_trouble(name, error)))
            break
        links.append(Link(name, LinkStatus.OK, code, message))
    links += [Link(name, LinkStatus.UNKNOWN, "not_looked_at", "not looked at") for name, _ in walking]
    return links


def _trouble(name: str, error: DocgraphError) -> tuple[str, str, str]:
    """Return code, message and action for a link that could not be looked at."""
    code = "store_away" if isinstance(error, StoreUnavailableError) else "store_trouble"
    return (
        code,
        str(error),
        f"Start what is unavailable (`make up`, `make status`), then ask again; the link {name!r} was not reached.",
    )


def _moved(case: Case, links: Sequence[Link]) -> bool:
    broken = next((link for link in links if link.status is LinkStatus.BROKEN), None)
    if broken is None or broken.name not in {"graph", "vectors", "fulltext", "search"} or broken.code == "store_away":
        return False
    return case.runtime.graph.committed(case.document).fence != case.committed.fence
