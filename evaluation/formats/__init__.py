"""What the readers of formats leave of real documents, beside a truth that is found without them: `make eval-formats`.

A module a format offers `cases(folder, say)`; `__main__` runs them all and prints one table.
"""
