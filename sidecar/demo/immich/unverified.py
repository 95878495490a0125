"""Rules that this emulation follows on the word of source code or descriptions only, by name."""

from __future__ import annotations

UNVERIFIED: dict[str, str] = {
    "asset-delete-2.7": "2.7.5 keeps a stack of one when a child goes, and promotes while two children remain: read in "
    "asset.service.ts 2.7.5, never seen happening",
    "dissolve-since": "3.1.0 is taken to be the first release that dissolves stacks of one; 3.0.x was not looked at",
    "timeline-created-since": "3.1.0 is taken to be the first with that column; 3.0.x was not looked at",
    "promotion-order": "which child becomes primary is the database's choice; here the earliest member",
    "stack-member-order": "members after the primary come as the database likes; here in the order they joined",
    "tie-shuffle": "how servers before 3.1.0 permute equal times between pages is their database's choice; here seeded "
    "and by page",
    "offline-search": "isOffline:true implies withDeleted, offline assets are deleted: utils/database.ts 3.1.0",
    "library-import": "path checksum, libraryId, no exif row before extraction: library.service.ts 3.1.0",
    "near-duplicates": "the real detector compares learned embeddings; this one perceptual hashes of thumbnails",
    "legacy-messages": "2.7.5's validation sentences beyond the recorded ones follow its validator's defaults",
}
"""Name of the rule -> what is assumed and why. A rule leaves this table with a recording or a live observation."""
