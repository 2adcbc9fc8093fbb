"""Bytes by key: the port (`base`), a folder (`local`), S3 (`s3`) and memory for unit tests (`memory`)."""
