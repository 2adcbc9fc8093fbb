"""What tests share: builders, servers and harnesses, a package a layer; each imports those below it only."""
