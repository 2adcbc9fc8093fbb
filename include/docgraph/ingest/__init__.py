"""From a change in a source to a committed document: taking, intake, starting runs, the six stages, closing runs."""
