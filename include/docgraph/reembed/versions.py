"""Which embedding versions a dataset has, and what those who wait for a move are told; shared by its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docgraph.domain.errors import DocgraphError
from docgraph.domain.versions import DatasetVersions
from docgraph.retrieval import UnknownDatasetError
from docgraph.runtime.connections import Runtime


def versions_of(runtime: Runtime, tag: str) -> DatasetVersions:
    """Return the versions of a dataset.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
    """
    versions = runtime.graph.dataset_versions(tag)
    if versions is None:
        raise UnknownDatasetError(f"No dataset has the tag {tag!r}; `ingestctl datasets` lists them.")
    return versions


def is_current(runtime: Runtime, tag: str, name: str) -> bool:
    """Whether readers have the version already; else it is being built.

    Raises:
        DatasetVersionsError: it is neither.
    """
    versions = versions_of(runtime, tag)
    return versions.switch(name).current == versions.current


@contextmanager
def noting(runtime: Runtime, tag: str, step: str) -> Iterator[None]:
    """Note the step, and what it failed with, for those who wait."""
    runtime.state.reembeddings.note(tag, {"step": step, "error": ""})
    try:
        yield
    except DocgraphError as error:
        runtime.state.reembeddings.note(tag, {"error": str(error)})
        raise
