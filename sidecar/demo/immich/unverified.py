"""Rules that this emulation follows on the word of source code or descriptions only, by name."""

from __future__ import annotations

UNVERIFIED: dict[str, str] = {
    "promotion-order": "which child becomes primary is the database's choice; here the earliest member",
    "stack-member-order": "members after the primary come as the database likes; here in the order they joined",
    "tie-shuffle": "how servers before 3.1.0 permute equal times between pages is their database's choice; here seeded "
    "and by page",
    "offline-search": "isOffline:true implies withDeleted, offline assets are deleted: utils/database.ts 3.1.0",
    "library-import": "path checksum, libraryId, no exif row before extraction: library.service.ts 3.1.0",
    "import-webhook": "AssetCreate of a library file, which was seen of uploads alone; both come into being alike here",
    "sidecar-echo": "what follows the job that writes sidecar files only moves updatedAt here; really all metadata is "
    "read again from the file and its sidecar",
    "plugin-methods": "of the core plugin's methods only the webhook is known exactly; a filter stands for the others, "
    "and lets everything pass",
    "webhook-defaults": "a webhook without a method is a POST: the form names it, not what happens without",
    "notification-defaults": "a notification is Custom and of level info unless it says otherwise",
    "notification-nobody": "telling a user who does not exist breaks a rule of the database, and so is a 500",
    "near-duplicates": "the real detector compares learned embeddings; this one perceptual hashes of thumbnails",
    "legacy-messages": "2.7.5's validation sentences beyond the seen ones follow its validator's defaults; lists among "
    "metadata items, which break it, are refused like other things that are no items",
}
"""Name of the rule -> what is assumed and why. A rule leaves this table with a recording or a live observation."""
