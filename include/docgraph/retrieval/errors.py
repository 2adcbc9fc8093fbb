"""What can be wrong with a question; what is wrong with a store is raised by the store."""

from __future__ import annotations

from docgraph.domain.errors import DocgraphError


class QueryError(DocgraphError):
    """The question can't be asked like this; the message names the part to change."""

    code = "bad_query"


class UnknownDatasetError(DocgraphError):
    """No dataset has this tag; `ingestctl status` lists the datasets, `ingestctl ingest --tag=TAG` makes one."""

    code = "unknown_dataset"
