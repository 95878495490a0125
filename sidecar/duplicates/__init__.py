"""What is a copy of what: fingerprints, search, judgement, sets, and which copy to keep.

Knows no I/O, no clock and no Immich; pictures arrive as samples, files as sizes and hashes.
"""
