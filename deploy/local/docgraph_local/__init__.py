"""The stack on one machine, without Docker: stores, Airflow and the sidecar as supervised processes on loopback.

`docgraph_local.stack.Stack` is the way in for Python, `python -m docgraph_local` for people. Nothing here is used in production.
"""
