"""Background workers of the service: dispatcher, reaper, gate, and what keeps its metrics current."""
