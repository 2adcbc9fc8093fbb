"""The embedding servers of a deployment: which of them makes the vectors of which embedding version.

One server is the usual case. Two stand side by side while datasets use different models, or move from one to the other.
The caller names the version whose vectors it needs; the order of the servers matters to new datasets only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import EmbeddingVersionError, StoreUnavailableError
from docgraph.model_servers.client import EmbeddingClient, Vectors


@dataclass(frozen=True, slots=True)
class Embedder:
    """A server that is held to one embedding version: it gives vectors of that version, or an error."""

    version: EmbeddingVersion
    client: EmbeddingClient

    def embed(self, texts: Sequence[str], *, within: float | None = None) -> Vectors:
        """Return the vectors of `texts`; see `EmbeddingClient.embed`."""
        return self.client.embed(texts, self.version, within=within)


class EmbeddingServers:
    """The clients of all servers; safe to share between threads."""

    def __init__(self, first: EmbeddingClient, *others: EmbeddingClient) -> None:
        """Keep the clients; nothing is connected before the first question."""
        self.first = first
        self.clients = (first, *others)

    def serving(self, name: str, *, patience: float | None = None, within: float | None = None) -> Embedder:
        """Return the embedder of the version with this name.

        `patience` is how many seconds a server may need to be back, `within` how many one may take to answer.

        Raises:
            EmbeddingVersionError: all servers answer, and none makes that version.
            StoreUnavailableError: none of those that answer makes it, and one does not answer.
            ConfigurationError: an address is not that of an embedding server.
        """
        for client in self.clients:
            if client.known_version is not None and client.known_version.name == name:
                return Embedder(client.known_version, client)
        said: list[str] = []
        away = False
        for client in self.clients:
            try:
                version = client.version(patience=patience, within=within)
            except StoreUnavailableError as error:
                away = True
                said.append(str(error).rstrip("."))
            else:
                if version.name == name:
                    return Embedder(version, client)
                said.append(f"{client.url} makes {version.name} ({version.model})")
        reason = f"No embedding server makes version {name}: {'; '.join(said)}."
        if away:
            raise StoreUnavailableError(reason)
        raise EmbeddingVersionError(reason)

    def served(self) -> list[EmbeddingVersion]:
        """Return the versions of all servers that answer, the first server's first.

        Raises:
            StoreUnavailableError: none answers.
        """
        found: list[EmbeddingVersion] = []
        for client in self.clients:
            try:
                found.append(client.version())
            except StoreUnavailableError:
                if client is self.clients[-1] and not found:
                    raise
        return list(dict.fromkeys(found))

    def engine(self, name: str) -> str | None:
        """Return what the server of the version with this name computes with; None where none was asked or it does not say it."""
        named = (client for client in self.clients if client.known_version and client.known_version.name == name)
        return next((client.engine for client in named), None)

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients:
            client.close()
