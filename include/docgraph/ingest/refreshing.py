"""Reading documents again that an older pipeline made: a corrected reader, other options, another way to build the graph.

The bytes are those in the snapshot store; nobody has to send anything. Only documents whose record says that they would be made
otherwise today are asked for, and of these only sections whose text changed are embedded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.ingest.taking import Taken, in_batches
from docgraph.ingest.work import pipeline_version
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.views import MadeDocument

logger = logging.getLogger(__name__)


def refresh(runtime: Runtime, tag: str) -> Taken:
    """Ask for every document of a dataset that would be made otherwise today; repeated, it asks for what is still left.

    A document for which something else was asked meanwhile is left to that. One whose bytes are no longer kept stays as it is,
    and is named in the log.

    Raises:
        InfrastructureError: a store can't be reached; what was asked for until then stays asked for.
    """
    today = pipeline_version(runtime)
    outdated = (made for made in runtime.graph.documents_as_made(tag) if not today.made(made.pipeline))
    taken = Taken()
    for together in in_batches(outdated):
        for enqueued in intake.ask_again(runtime, list(_news(runtime, tag, together))):
            taken.add(tag, enqueued.job_id)
    return taken


def _news(runtime: Runtime, tag: str, documents: Sequence[MadeDocument]) -> Iterator[NewJob]:
    for made in documents:
        size = runtime.snapshots.size(made.checksum)
        if size is None:
            logger.warning("%s can't be read again: its bytes are no longer kept; send it again", made.source_uri)
        else:
            yield NewJob(made.source_uri, tag, made.checksum, made.content_type, size=size)
