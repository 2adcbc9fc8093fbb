"""The errors that docgraph raises on purpose; each docstring is the sentence a person reads.

An error is either *of the document* (recorded with it, never retried, the others go on) or one of the *infrastructure*
(a store is down: raised, and Airflow retries with back-off). No other module decides that question.
"""

from __future__ import annotations

from typing import Self


class DocgraphError(Exception):
    """Something failed; the message says what, on which input, why and what to do."""

    def __init__(self, message: str | None = None) -> None:
        """Keep `message`; without one the class docstring is the message."""
        super().__init__(message or (type(self).__doc__ or type(self).__name__).strip())


class DocumentError(DocgraphError):
    """This document can't be ingested as it is; fix the document and drop it again."""

    #: Short machine-readable name of the reason, stored with the job.
    code = "document_error"


class DocumentTooLargeError(DocumentError):
    """The document is larger than the limit; split it or raise the limit in config/ingest.yaml."""

    code = "too_large"

    @classmethod
    def of(cls, name: str, size: int, limit: int) -> Self:
        """Return the error of a document, by the name that people know it by, that has more bytes than the configured limit."""
        return cls(
            f"{name} has {size:,} bytes, more than the limit of {limit:,}; split the document, or raise "
            "limits.max_document_bytes in config/ingest.yaml."
        )


class DocumentEmptyError(DocumentError):
    """The document has no text to index; add text or remove the file."""

    code = "empty"


class DocumentEncodingError(DocumentError):
    """The document is not valid UTF-8 text; save it as UTF-8 and drop it again."""

    code = "not_utf8"


class UnsupportedFormatError(DocumentError):
    """No reader exists for this kind of file; convert it to Markdown."""

    code = "unsupported_format"


class DocumentUnreadableError(DocumentError):
    """The document's reader failed or broke its limits; convert the document to Markdown or split it."""

    code = "unreadable"


class DocumentTooSlowError(DocumentUnreadableError):
    """A stage took longer over the document than its limit; split the document or raise the limit in config/ingest.yaml."""

    code = "too_slow"

    @classmethod
    def of(cls, source_uri: str, what: str, seconds: float, setting: str) -> Self:
        """Return the error of a document over which `what` took more than these seconds, the value of `setting`."""
        return cls(
            f"{source_uri}: {what} took more than {seconds:g} s, the limit for one document; it was broken off, and the other "
            f"documents go on. Split the document or convert it to plain Markdown, or raise {setting} in config/ingest.yaml."
        )


class TextLostError(DocumentError):
    """Splitting a section lost some of its text, so it is not ingested; this is a fault of docgraph: report it with the file."""

    code = "text_lost"


class SnapshotMissingError(DocumentError):
    """The bytes that the job names are not in the snapshot store; upload them again and resume the job."""

    code = "snapshot_missing"


class InfrastructureError(DocgraphError):
    """A service that docgraph needs did not do its part: the work is retried; if that does not help, look at that service's log."""


class TaskTooLongError(InfrastructureError):
    """A task took longer than pipeline.task_seconds; it is retried, and goes on where it was broken off."""


class StoreUnavailableError(InfrastructureError):
    """A store can't be reached; check `make status` and the address in the settings."""


class ArtifactDamagedError(InfrastructureError):
    """An artifact's checksum does not match its content; it is computed again."""


class StaleAttemptError(InfrastructureError):
    """A newer attempt at this document has taken over; this attempt ends without a change."""


class EmbeddingVersionError(InfrastructureError):
    """The dataset's embedding version is not the one that the embeddings server makes."""


class DatasetVersionsError(DocgraphError):
    """The dataset's embedding versions don't allow this; `ingestctl reembed --status` shows them."""


class ReembeddingRefusedError(DocgraphError):
    """The new embedding version is not fit to be read; the dataset keeps its own."""


class ReadConflictError(InfrastructureError):
    """The documents kept changing while they were read; ask again."""


class ConfigurationError(DocgraphError):
    """The configuration can't be used as it is; the message names the file and the key."""


class StateUnreadableError(ConfigurationError):
    """A key in Redis does not hold what docgraph keeps there; remove it, or upgrade this process where a newer docgraph wrote it."""


class JobNotFoundError(DocgraphError):
    """No job has this id; `ingestctl status` lists the jobs."""


class IllegalTransitionError(DocgraphError):
    """The job is not in a state that allows this; `ingestctl status JOB` shows its state."""
