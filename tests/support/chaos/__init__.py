"""The whole stack, and what is done to it."""
