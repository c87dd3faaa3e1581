"""Our engine and its peers, timed on the same checkpoint and the same work: see README.md in this folder."""
