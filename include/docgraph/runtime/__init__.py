"""What one process works with: its connections, the configuration, and the places where a test can stop it."""
