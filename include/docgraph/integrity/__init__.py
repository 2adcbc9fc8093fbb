"""Whether both stores hold the same set: comparing, repairing what a document's own attempt may repair.

`staging` is the one way of a vector to its point.
"""
