"""What one process works with.

`connections` (`Runtime`), `config` (`config/ingest.yaml`), `failpoints`, and `web`, which both HTTP services share.
"""
