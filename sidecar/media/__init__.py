"""Media: which format bytes really are, and decoding them within bounds.

Knows no Immich, no database and no asset: bytes or a path and a name come in, a verdict or a picture goes out.
"""
