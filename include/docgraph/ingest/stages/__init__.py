"""The stages, one file each; `docgraph.ingest.pipeline` shows their order.

A stage takes one document (embed: a batch of them), leaves a content-addressed artifact or a durable effect, and says so
in a checkpoint. It runs again only where its fingerprint changed or its artifact is damaged.
"""
