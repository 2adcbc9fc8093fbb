"""Moving a dataset to another embedding version while it is read and written."""
