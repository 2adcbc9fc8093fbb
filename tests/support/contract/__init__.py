"""One real server at a time."""
