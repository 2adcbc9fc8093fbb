"""From a queued job to a committed document: intake, the six stages, starting runs and closing them."""
