"""Everything a task or a service needs from outside, connected when first used: settings, configuration, state, stores, embedder."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from docgraph.domain.documents import EmbeddingVersion
from docgraph.formats.isolation import IsolatedReader, ReadLimits
from docgraph.model_servers import EmbeddingClient, EmbeddingServers
from docgraph.runtime.config import IngestConfig
from docgraph.settings import Settings
from docgraph.state import State
from docgraph.stores.artifacts import ArtifactStore, VectorJournal
from docgraph.stores.blobs.base import BlobStore
from docgraph.stores.blobs.local import LocalBlobs
from docgraph.stores.graph import GraphStore
from docgraph.stores.snapshots import SnapshotStore
from docgraph.stores.vectors import VectorStore


class Runtime:
    """The connections of one process; close it, or use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def load(cls) -> Runtime:
        """Return a runtime with the settings of the environment."""
        return cls(Settings.load())

    @cached_property
    def config(self) -> IngestConfig:
        """What `config/ingest.yaml` says."""
        return IngestConfig.load(self.settings.config_file, self.settings.options)

    @cached_property
    def state(self) -> State:
        """Redis."""
        return State.connect(self.settings.redis_url)

    @cached_property
    def graph(self) -> GraphStore:
        """Neo4j."""
        return GraphStore(self.settings.neo4j_uri, self.settings.neo4j_user, self.settings.neo4j_password)

    @cached_property
    def vectors(self) -> VectorStore:
        """Qdrant."""
        return VectorStore(self.settings.qdrant_url, self.settings.qdrant_api_key)

    @cached_property
    def embedder(self) -> EmbeddingServers:
        """The embedding servers: one, or two while datasets use different models."""
        settings = self.settings
        clients = [EmbeddingClient(settings.embeddings_url, settings.embeddings_api_key)]
        if settings.second_embeddings_url:
            clients.append(EmbeddingClient(settings.second_embeddings_url, settings.second_embeddings_api_key))
        return EmbeddingServers(*clients)

    @property
    def embedding_version(self) -> EmbeddingVersion:
        """The version that new datasets get: what the first embedding server makes."""
        return self.embedder.first.version()

    @cached_property
    def snapshots(self) -> SnapshotStore:
        """The bytes of every source, by their SHA-256."""
        return SnapshotStore(self._blobs("snapshots", self.settings.snapshots_root))

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """What the stages leave for each other."""
        return ArtifactStore(self._blobs("artifacts", self.settings.artifacts_root))

    @cached_property
    def journal(self) -> VectorJournal:
        """Vectors, durable batch by batch."""
        return VectorJournal(self._blobs("artifacts/vectors", self.settings.artifacts_root / "vectors"))

    @cached_property
    def reports(self) -> BlobStore:
        """The reports, for `docgraph.readiness.report`."""
        return self._blobs("reports", self.settings.reports_root)

    def _blobs(self, name: str, folder: Path) -> BlobStore:
        if self.settings.blobs_url is None:
            return LocalBlobs(folder)
        # boto3 takes a while to import, and most deployments never use it.
        from docgraph.stores.blobs.s3 import S3Blobs

        return S3Blobs(f"{self.settings.blobs_url.rstrip('/')}/{name}", self.settings.aws)

    @cached_property
    def reader(self) -> IsolatedReader:
        """Reads documents, in a bounded child process where they are not small text."""
        limits = self.config.limits
        return IsolatedReader(ReadLimits(seconds=limits.reader_seconds, memory_bytes=limits.reader_memory_bytes))

    def close(self) -> None:
        """Close whatever was connected."""
        for name in ("state", "graph", "vectors", "embedder", "reader"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
