"""Why a document is not searchable: its way from source to search, one link after the other."""
