"""The real stores together."""
