"""Whether both stores hold the same set: comparing, and mending what a document's own attempt may mend."""
