"""Whose photos the sidecar works on, and with which credential. Knows nothing of pairing, pages or jobs."""
