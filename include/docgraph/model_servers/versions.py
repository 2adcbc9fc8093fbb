"""The embedding version: everything that decides a vector, hashed to one short name.

Two vectors may be compared only if their versions are equal, so each version has a collection of its own. What does *not*
decide a vector (batch size, number of threads, the process that computed it) is not part of the name.
"""

from __future__ import annotations

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.identity import content_hash

#: How a section becomes the text that is embedded (`docgraph.domain.documents.embedded_text`).
TEMPLATE = "heading-path-newline-text"
NAME_LENGTH = 10


def embedding_version(
    *,
    model: str,
    revision: str,
    dimensions: int,
    max_tokens: int,
    pooling: str = "mean",
    normalisation: str = "l2",
    template: str = TEMPLATE,
) -> EmbeddingVersion:
    """Return the version of vectors that `model` at `revision` gives; its name is ten hexadecimal digits.

    `revision` identifies the weights (a hash of the files where the server knows it); `max_tokens` counts the special tokens
    too and is 0 where a server does not say it.
    """
    digest = content_hash("embedding-version", model, revision, pooling, normalisation, template)
    return EmbeddingVersion(
        name=digest[:NAME_LENGTH],
        model=model,
        revision=revision,
        dimensions=dimensions,
        max_tokens=max_tokens,
        template=template,
    )
