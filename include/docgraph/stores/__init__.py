"""The stores: the graph (Neo4j), the vectors (Qdrant), and blobs in folders or in S3 (snapshots, artifacts, reports)."""
