"""The whole stack."""
