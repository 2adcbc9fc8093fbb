"""Whether a dataset is fit to be queried: checks, probes, the verdict, and the report that proves it."""
