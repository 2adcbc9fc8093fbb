"""One file a command; each is light to import, because `ingestctl --help` reads all of them."""
