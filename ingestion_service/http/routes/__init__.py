"""The HTTP routes, one file a noun (`docs/reference/http-api.md`). Each translates; what it asks for is done in `docgraph`."""
