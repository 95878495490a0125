"""Finding and deciding about duplicates: reading files and thumbnails, forming sets, recording, keeping, undoing."""
