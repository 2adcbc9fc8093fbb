"""Where documents come from: one file a kind of source. Each takes bytes, enqueues a job, and only then lets go of the original."""
