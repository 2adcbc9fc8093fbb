"""Why is this document not searchable? Walks its whole way and names the first link that is missing and what to do.

Source → queue → stages → commit → graph → embedding → vectors → full text → search → readiness. It only looks: nothing is
repaired, requeued or triggered from here. Each link is tried the way the readers use it, not by trusting a status.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

from docgraph import retrieval
from docgraph.domain.documents import Committed, EmbeddingVersion
from docgraph.domain.errors import ConfigurationError, DocgraphError, EmbeddingVersionError, StoreUnavailableError
from docgraph.domain.identity import canonical_source_uri, document_id, is_tag
from docgraph.domain.jobs import JobState, JobStatus, Operation
from docgraph.formats import content_type_of
from docgraph.ingest.airflow_api import INGEST_DAG, LIVE_RUN_STATES, AirflowApi
from docgraph.retrieval import QueryError
from docgraph.runtime.connections import Runtime
from docgraph.sources import filesystem
from docgraph.sources.filesystem import READY_SUFFIX, SOURCE_PREFIX
from docgraph.stores.graph import lucene

#: The links of the chain, in their order.
LINKS = (
    "source", "queue", "stages", "commit", "graph", "embedding", "vectors", "fulltext", "search", "readiness",
)  # fmt: skip
#: Where among the hits for its own words a document has to be.
SEARCH_TOP = 20
#: Sections whose words are tried before a document is said not to be found.
PROBES = 3
_PROBE_TERMS = 8
_PROBE_CHARACTERS = 200
_REJECTED_LOOKED_AT = 200
_ROUNDS = 3


class LinkStatus(StrEnum):
    """How a link stands: it holds, it is missing, or it was not looked at because an earlier one is."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """One link: what was found (`message`), a short name of it (`code`), and, where it is missing, what to do (`action`)."""

    name: str
    status: LinkStatus
    code: str
    message: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain of one document. `searchable`: a search finds it now, in the newest content that was asked for."""

    source_uri: str
    tag: str
    document_id: str
    links: tuple[Link, ...]
    #: Every address that was tried, as (tag, address).
    tried: tuple[tuple[str, str], ...] = ()

    @property
    def broken(self) -> Link | None:
        """The first link that is missing."""
        return next((link for link in self.links if link.status is LinkStatus.BROKEN), None)

    @property
    def searchable(self) -> bool:
        """Whether every link up to the search holds; the dataset may still not be ready."""
        return all(link.status is LinkStatus.OK for link in self.links if link.name != "readiness")

    @property
    def is_known(self) -> bool:
        """Whether docgraph has ever heard of the document."""
        return self.broken is None or self.broken.code not in {"never_ingested", "tag_unknown"}


class _BrokenError(Exception):
    """A link is missing; ends the walk."""

    def __init__(self, code: str, message: str, action: str) -> None:
        super().__init__(message)
        self.code, self.message, self.action = code, message, action


@dataclass
class _Case:
    """What is known of the document while its way is walked."""

    runtime: Runtime
    airflow: AirflowApi | None
    tag: str
    uri: str
    checksum: str
    document: str = ""
    job: JobState | None = None
    committed: Committed = field(default_factory=lambda: Committed(""))

    def __post_init__(self) -> None:
        self.document = document_id(self.tag, self.uri)
        self.committed = Committed(self.document)

    @property
    def older_stands(self) -> str:
        """A remark for the links of the queue: whether earlier content can be searched meanwhile."""
        return " Meanwhile its earlier content stands." if self.committed.exists else ""


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
        QueryError: no address is given, one has no scheme, or the tag can't be one.
    """
    for address in addresses:
        if ":" not in address:
            raise QueryError(f"{address!r} is no address; give one with a scheme, such as upload:///guide.md.")
    if not addresses:
        raise QueryError("No address is given; name one, such as uri=upload:///guide.md.")
    if tag is not None and not is_tag(tag):
        raise QueryError(f"{tag!r} is no tag: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit.")
    uris = list(dict.fromkeys(canonical_source_uri(address) for address in addresses))
    try:
        candidates = [(each, uri) for uri in uris for each in ([tag] if tag else _tags_for(runtime, uri))]
        chosen = next((pair for pair in candidates if _is_known(runtime, *pair)), candidates[0])
    except StoreUnavailableError:
        candidates = [(tag or runtime.config.watch.default_tag, uri) for uri in uris]
        chosen = candidates[0]
    case = _Case(runtime, airflow, chosen[0], chosen[1], checksum.lower())
    links = _walk(case)
    for _ in range(_ROUNDS - 1):
        # A commit that happened while the stores were looked at would show as damage.
        if not _moved(case, links):
            break
        links = _walk(case)
    return Explanation(case.uri, case.tag, case.document, tuple(links), tuple(candidates))


def _tags_for(runtime: Runtime, uri: str) -> list[str]:
    """Return the datasets in which an address without a tag may be: the one the watch folder gives first, then all."""
    default = runtime.config.watch.default_tag
    relative = _watched(uri)
    first = filesystem.tag_of(relative, default) if relative else default
    tags = [row["tag"] for row in runtime.graph.datasets()]
    recent = [state.job.tag for state in runtime.state.jobs.find(limit=_REJECTED_LOOKED_AT)]
    return list(dict.fromkeys([first, *tags, *(each for each in recent if is_tag(each))]))


def _is_known(runtime: Runtime, tag: str, uri: str) -> bool:
    document = document_id(tag, uri)
    if runtime.state.jobs.newest(document) or _rejected(runtime, tag, document):
        return True
    relative = _watched(uri)
    if relative and filesystem.tag_of(relative, runtime.config.watch.default_tag) == tag:
        found = _dropped(runtime.settings.watch_root, relative)
        if found.exists or found.marker or found.claimed:
            return True
    return runtime.graph.committed(document).fence > 0


def _walk(case: _Case) -> list[Link]:
    """Look at one link after the other; behind the first that is missing nothing is looked at."""
    steps: dict[str, Callable[[_Case], tuple[str, str]]] = {
        "source": _source,
        "queue": _queue,
        "stages": _stages,
        "commit": _commit,
        "graph": _graph,
        "embedding": _embedding,
        "vectors": _vectors,
        "fulltext": _fulltext,
        "search": _search,
        "readiness": _readiness,
    }
    links: list[Link] = []
    walking = iter(steps.items())
    for name, step in walking:
        try:
            code, message = step(case)
        except _BrokenError as broken:
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
        f"Start what is away (`make up`, `make status`), then ask again; the link {name!r} was not reached.",
    )


def _moved(case: _Case, links: Sequence[Link]) -> bool:
    broken = next((link for link in links if link.status is LinkStatus.BROKEN), None)
    if broken is None or broken.name not in {"graph", "vectors", "fulltext", "search"} or broken.code == "store_away":
        return False
    return case.runtime.graph.committed(case.document).fence != case.committed.fence


@dataclass(frozen=True, slots=True)
class _Drop:
    """What lies in the watch folder under a name: the file, its marker, and whether it was claimed but not put aside."""

    path: Path
    exists: bool
    marker: bool
    claimed: bool
    done: bool


def _watched(uri: str) -> str:
    """Return the path below the watch folder that an address stands for; empty for other addresses."""
    if not uri.startswith(SOURCE_PREFIX):
        return ""
    relative = unquote(uri.removeprefix(SOURCE_PREFIX))
    return "" if ".." in relative.split("/") else relative


def _dropped(watch_root: Path, relative: str) -> _Drop:
    path = watch_root / relative
    if not path.exists() and path.parent.is_dir():
        # A name may be composed differently on disk than in the address.
        named = (each for each in path.parent.iterdir() if unicodedata.normalize("NFC", each.name) == path.name)
        path = next(named, path)
    beside = watch_root.parent
    return _Drop(
        path=path,
        exists=path.is_symlink() or path.exists(),
        marker=path.with_name(path.name + READY_SUFFIX).exists(),
        claimed=any((folder / relative).exists() for folder in filesystem.left_claimed(watch_root)),
        done=(beside / "done" / relative).exists(),
    )


def _source(case: _Case) -> tuple[str, str]:
    relative = _watched(case.uri)
    if not relative:
        return "sent", f"{case.uri} is sent by its owner; docgraph does not watch it."
    runtime = case.runtime
    drop = _dropped(runtime.settings.watch_root, relative)
    if drop.exists:
        raise _waiting_in_folder(case, drop, relative)
    if drop.marker:
        raise _BrokenError(
            "marker_without_file",
            f"{relative}{READY_SUFFIX} announces {relative}, but that file is not in the watch folder.",
            f"Drop {relative} into {runtime.settings.watch_root}, or remove the marker.",
        )
    if drop.claimed:
        raise _BrokenError(
            "left_claimed",
            f"{relative} was taken from the watch folder, but a crash or a store that is away kept it from being queued.",
            f"It is taken up again by the next round of the watcher. {_airflow_advice(case)}",
        )
    return (
        "taken",
        f"{relative} was taken from the watch folder." if drop.done else "Nothing waits in the watch folder.",
    )


def _waiting_in_folder(case: _Case, drop: _Drop, relative: str) -> _BrokenError:
    """Say why a file still lies in the watch folder."""
    config, root = case.runtime.config.watch, case.runtime.settings.watch_root
    own = filesystem.tag_of(relative, config.default_tag)
    if own != case.tag:
        return _BrokenError(
            "other_dataset",
            f"{relative} lies in the watch folder, but its first folder puts it into the dataset {own!r}, not {case.tag!r}.",
            f"Ask with --tag {own}, or move it to {root / case.tag}.",
        )
    settle = config.settle_seconds
    if drop.path not in {each.path for each in filesystem.dropped_files(root)}:
        return _BrokenError(
            "ignored_name",
            f"{relative} lies in the watch folder, but names like this (hidden, or what editors and copying tools leave for "
            "a moment) are never taken.",
            "Rename it, for instance to end in .md.",
        )
    if content_type_of(drop.path.name) is None:
        return _BrokenError(
            "unsupported_format",
            f"{relative} lies in the watch folder, but no reader exists for this kind of file; its job will fail.",
            "Convert it to Markdown and drop it under a name that ends in .md.",
        )
    status = drop.path.lstat()
    age = time.time() - max(status.st_mtime, status.st_ctime)
    # A time that lies ahead tells of a clock that was put back, and nothing about the file.
    if not drop.marker and 0 <= age < settle:
        return _BrokenError(
            "settling",
            f"{relative} was still being written {age:.1f} s ago; it is taken once it stood still for {settle:g} s.",
            f"Wait {settle - age:.1f} s, or drop {drop.path.name}{READY_SUFFIX} beside it to say that it is complete.",
        )
    return _BrokenError(
        "waiting_for_watcher",
        f"{relative} is complete and lies in the watch folder, but nobody has taken it yet.",
        f"The DAG watch_filesystem takes it within seconds. {_airflow_advice(case)}",
    )


def _airflow_advice(case: _Case) -> str:
    if case.airflow is None:
        return "If it does not, look at Airflow."
    try:
        case.airflow.ping()
    except (StoreUnavailableError, ConfigurationError) as error:
        return f"It can't now: {error}"
    return "Airflow is well; if nothing happens, see in its UI that the DAG is not paused."


def _rejected(runtime: Runtime, tag: str, document: str) -> JobState | None:
    """Return the newest request for the document that was refused before it became a job of the document."""
    failed = runtime.state.jobs.find(tag=tag, status=JobStatus.FAILED, limit=_REJECTED_LOOKED_AT)
    return next((state for state in failed if state.document_id == document), None)


def _newest_job(case: _Case) -> JobState | None:
    found = [case.runtime.state.jobs.newest(case.document), _rejected(case.runtime, case.tag, case.document)]
    return max((state for state in found if state), key=lambda state: state.job.created_at, default=None)


def _queue(case: _Case) -> tuple[str, str]:
    case.job = _newest_job(case)
    case.committed = case.runtime.graph.committed(case.document)
    if case.job is None and not case.committed.fence:
        raise _never_ingested(case)
    newest = case.job.job.checksum if case.job else case.committed.checksum
    is_upsert = case.job.job.op is Operation.UPSERT if case.job else not case.committed.deleted
    if case.checksum and is_upsert and newest and newest != case.checksum:
        raise _BrokenError(
            "content_changed",
            f"The file has other content (SHA-256 {case.checksum[:12]}…) than what was last sent ({newest[:12]}…)."
            + (case.older_stands or f" The job for that is {case.job.status if case.job else 'gone'}."),
            "Send it: `ingestctl ingest FILE --tag " + case.tag + "`, or drop it into the watch folder.",
        )
    if case.job is None:
        return "job_forgotten", "The job that brought it was removed by retention; what it left is looked at."
    if case.job.status is JobStatus.QUEUED:
        raise _still_queued(case, case.job)
    if case.job.status is JobStatus.CANCELLED:
        raise _cancelled(case, case.job)
    return "claimed", f"Job {case.job.job.job_id} was queued at {case.job.queued_at} and claimed."


def _never_ingested(case: _Case) -> _BrokenError:
    tags = [row["tag"] for row in case.runtime.graph.datasets()]
    if case.tag not in tags:
        return _BrokenError(
            "tag_unknown",
            f"No dataset has the tag {case.tag!r}, and no job asked for this document; the datasets are "
            f"{', '.join(tags) or 'none yet'}.",
            "Check --tag, or make the dataset: `ingestctl ingest FILE --tag " + case.tag + "`.",
        )
    return _BrokenError(
        "never_ingested",
        f"No job ever asked for {case.uri} in the dataset {case.tag!r}.",
        f"Send it (`ingestctl ingest FILE --tag {case.tag}`). If you did, it has another address: the address is the path below "
        "--base, or below the watch folder; `ingestctl status --tag " + case.tag + "` lists what was sent.",
    )


def _still_queued(case: _Case, job: JobState) -> _BrokenError:
    said = f"Job {job.job.job_id} has been queued since {job.queued_at} and no run has claimed it.{case.older_stands}"
    gate = case.runtime.state.gate.state()
    if not gate.open:
        return _BrokenError(
            "gate_closed",
            f"{said} The gate is closed since {gate.since}: {gate.reason}",
            "It opens by itself when the stores answer quickly again; `make status` shows which one does not.",
        )
    if case.airflow is not None:
        try:
            case.airflow.ping()
        except (StoreUnavailableError, ConfigurationError) as error:
            return _BrokenError(
                "airflow_away",
                f"{said} {error}",
                "Start Airflow (`make up`); the sidecar then triggers the run by itself.",
            )
    return _BrokenError(
        "queued",
        said,
        f"A run is triggered within seconds: `ingestctl tail {job.job.job_id}`. If nothing happens, see in Airflow's UI that "
        f"{INGEST_DAG} is not paused and has a slot free.",
    )


def _cancelled(case: _Case, job: JobState) -> _BrokenError:
    if job.error.startswith("superseded"):
        return _BrokenError(
            "superseded",
            f"Job {job.job.job_id} was replaced by a request with newer content: {job.error}.{case.older_stands}",
            f"Look at the newer job, or send the document again: `ingestctl status --tag {case.tag}`.",
        )
    return _BrokenError(
        "cancelled",
        f"Job {job.job.job_id} was cancelled at {job.finished_at}: {job.error or 'no reason given'}.{case.older_stands}",
        f"`ingestctl resume {job.job.job_id}`",
    )


def _stages(case: _Case) -> tuple[str, str]:
    job = case.job
    if job is None:
        return "job_forgotten", "Nothing is known of its stages any more."
    stage = job.stage or "the first stage"
    if job.status is JobStatus.FAILED:
        advice = (
            "Mend the document and send it again"
            if job.error_code not in {"", "run_lost"}
            else "See the run in Airflow's UI"
        )
        raise _BrokenError(
            "failed",
            f"Job {job.job.job_id} failed in {stage} ({job.error_code or 'no code'}): {job.error}{case.older_stands}",
            f"{advice}; if the cause lay elsewhere and is gone, `ingestctl resume {job.job.job_id}`.",
        )
    if job.status is JobStatus.PAUSED:
        gate = case.runtime.state.gate.state()
        raise _BrokenError(
            "paused",
            f"Job {job.job.job_id} waits in {stage}: the gate is closed"
            f"{f' ({gate.reason})' if gate.reason else ''}.{case.older_stands}",
            "It goes on by itself when the stores answer quickly again; `make status` shows which one does not.",
        )
    if job.status is JobStatus.RUNNING:
        raise _running(case, job, stage)
    return "completed", f"Job {job.job.job_id} completed at {job.finished_at}: {job.outcome}."


def _running(case: _Case, job: JobState, stage: str) -> _BrokenError:
    said = f"Job {job.job.job_id} is in {stage} (attempt {job.attempt}, run {job.run_id}).{case.older_stands}"
    if job.error:
        said += f" The last try failed: {job.error}"
    if case.airflow is not None:
        try:
            state = case.airflow.run_state(INGEST_DAG, job.run_id)
        except (StoreUnavailableError, ConfigurationError) as error:
            return _BrokenError("airflow_away", f"{said} {error}", "Start Airflow (`make up`); the run then goes on.")
        if state not in LIVE_RUN_STATES:
            return _BrokenError(
                "run_lost",
                f"{said} That run {f'ended ({state})' if state else 'is gone from Airflow'} without finishing it.",
                "The sidecar gives the job back to the queue within seconds; look again.",
            )
    return _BrokenError("running", said, f"Wait, or follow it: `ingestctl tail {job.job.job_id}`.")


def _commit(case: _Case) -> tuple[str, str]:
    committed, job = case.committed, case.job
    again = f"Ingest it again: `ingestctl ingest FILE --tag {case.tag}`."
    if committed.deleted:
        raise _BrokenError("deleted", "The document was deleted; what is left of it is a tombstone.", again)
    if not committed.exists:
        raise _BrokenError(
            "not_committed",
            f"The job completed, but Neo4j knows no document {case.document}: the graph was emptied or restored since.",
            again,
        )
    if job is not None and job.job.op is Operation.UPSERT and committed.checksum != job.job.checksum:
        raise _BrokenError(
            "other_content_committed",
            f"Neo4j holds other content (SHA-256 {committed.checksum[:12]}…) than the last job delivered "
            f"({job.job.checksum[:12]}…): the graph was restored from an earlier state.",
            again,
        )
    return "committed", f"{len(committed.generation)} sections are committed under fence {committed.fence}."


def _graph(case: _Case) -> tuple[str, str]:
    nodes = case.runtime.graph.section_hashes([case.document])[case.document]
    lost = [i for i in case.committed.generation if i not in nodes]
    if lost:
        raise _BrokenError(
            "sections_missing",
            f"{len(lost)} of {len(case.committed.generation)} sections of the committed generation are not in Neo4j (first: {lost[0]}).",
            f"`ingestctl repair --tag {case.tag}` mends the graph.",
        )
    return "sections_there", f"All {len(nodes)} sections are in Neo4j."


def _embedding(case: _Case) -> tuple[str, str]:
    name = _readers_version(case)
    try:
        case.runtime.embedder.serving(name)
    except EmbeddingVersionError as error:
        raise _BrokenError(
            "wrong_embedding_version",
            f"The dataset {case.tag!r} is indexed under embedding version {name or 'none'}. {error}",
            "Start a server with the model that the dataset was indexed with, or move the dataset: "
            f"`ingestctl reembed --tag={case.tag}`.",
        ) from error
    return "version_served", f"An embedding server makes the dataset's embedding version {name}."


def _readers_version(case: _Case) -> str:
    return (case.runtime.graph.dataset(case.tag) or {}).get("embedding_version") or ""


def _vectors(case: _Case) -> tuple[str, str]:
    runtime, generation = case.runtime, case.committed.generation
    version = EmbeddingVersion.named(_readers_version(case))
    repair = f"`ingestctl repair --tag {case.tag}` puts them back."
    if not runtime.vectors.exists(version):
        raise _BrokenError("collection_missing", f"Qdrant has no collection {version.collection}.", repair)
    points = runtime.vectors.retrieve(version, generation)
    lost = [i for i in generation if i not in points]
    if lost:
        raise _BrokenError(
            "points_missing",
            f"{len(lost)} of {len(generation)} sections have no point in Qdrant (first: {lost[0]}).",
            repair,
        )
    hashes = runtime.graph.section_hashes([case.document])[case.document]
    wrong = [i for i in generation if points[i].text_hash != hashes.get(i) or points[i].tag != case.tag]
    if wrong:
        raise _BrokenError(
            "points_mismatched",
            f"{len(wrong)} points in Qdrant were made of other text than Neo4j holds (first: {wrong[0]}).",
            repair,
        )
    return "points_there", f"All {len(generation)} points are in Qdrant."


def _probes(case: _Case) -> Iterator[tuple[str, str]]:
    """Yield (words, question) of some sections that hold words at all; both are the section's own."""
    found = case.runtime.graph.sections(case.committed.generation[: 10 * PROBES])
    wordy = [found[i] for i in case.committed.generation[: 10 * PROBES] if i in found and lucene.terms(found[i].text)]
    for section in wordy[:PROBES]:
        words = " ".join(lucene.terms(section.text)[:_PROBE_TERMS])
        heading = section.heading_path[-1] if section.heading_path else ""
        yield words, f"{heading} {section.text[:_PROBE_CHARACTERS]}".strip()


def _fulltext(case: _Case) -> tuple[str, str]:
    tried = ""
    for words, _ in _probes(case):
        if case.runtime.graph.fulltext(case.tag, words, 1, document_ids=[case.document]):
            return "found_by_words", f"The full-text index finds it by its own words ({words})."
        tried = words
    if not tried:
        return "no_words", "It holds no words that full text could find; it can be found by meaning only."
    raise _BrokenError(
        "not_in_fulltext",
        f"Neo4j's full-text index does not return it for its own words ({tried}).",
        f"The index is damaged: `ingestctl repair --tag {case.tag}` mends it.",
    )


def _search(case: _Case) -> tuple[str, str]:
    runtime = case.runtime
    asked = ""
    for _, question in _probes(case):
        answer = retrieval.search(
            runtime.graph, runtime.vectors, runtime.embedder, question, case.tag, limit=SEARCH_TOP, related=False
        )
        ranks = [rank for rank, hit in enumerate(answer.evidence, start=1) if hit.document_id == case.document]
        if ranks:
            return "found_by_search", f"A search for its own text finds it at rank {ranks[0]}."
        asked = question
    if not asked:
        return "no_words", "It holds no words to ask for."
    raise _BrokenError(
        "outranked",
        f"It is whole in both stores, but other documents answer better: it is not among the first {SEARCH_TOP} for its own text.",
        "Look for copies of it in the dataset; or restrict the search, for instance with --source-prefix.",
    )


def _readiness(case: _Case) -> tuple[str, str]:
    verdict = case.runtime.state.readiness.get(case.tag)
    if verdict is None:
        raise _BrokenError(
            "not_judged",
            f"A search finds it, but no run of the dataset {case.tag!r} has been judged yet.",
            "Wait for the report of the run; without one, any ingest into the dataset makes one.",
        )
    if verdict.get("ready") != "true":
        raise _BrokenError(
            "dataset_not_ready",
            f"A search finds it, but the last verdict on the dataset {case.tag!r} is not ready "
            f"({verdict.get('reasons') or 'no reason given'}).",
            f"`ingestctl report latest --tag {case.tag}` says why and what to do.",
        )
    return "ready", f"The dataset is ready (judged {verdict.get('at', '')})."
