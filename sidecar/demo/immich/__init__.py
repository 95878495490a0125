"""Owns an Immich server in memory for tests and the demo: its API, its rules, its background jobs.

Refuses to know the sidecar's client: what it answers is held against recordings of real servers instead.

    async with EmulatedImmich(version="3.1.0") as immich:
        ann = immich.add_user("Ann")
        key = immich.add_key(ann, ["asset.read", "stack.read", "stack.create", "asset.update"])
        jpeg = immich.add_asset(ann, "IMG_0001.JPG", taken_at=noon)
        raw = immich.upload(ann, "IMG_0001.DNG", dng_bytes)
        await immich.settle()                                # metadata, thumbnails and deletions are done
        immich.album(ann, "Trip", jpeg), immich.tag(ann, "holiday/sea", jpeg), immich.link(ann, jpeg)
        immich.workflow(ann, "http://127.0.0.1:8080/hook")   # her webhook; `immich.webhooks` tells what was sent
        immich.jobs.fail(raw, JobKind.THUMBNAIL)
        immich.fail("POST", "/stacks", cut=True, after_effect=True)
        ...                                                  # talk to immich.url with x-api-key: key
        immich.sockets.mute()                                # or await immich.sockets.drop()
        immich.traffic.calls_of("POST", "/stacks"), immich.stacks_of(ann), immich.memo_of(jpeg)

Reading `immich.state` is free; changing it goes through the methods of EmulatedImmich or of State, whose `listeners`
hear of every change; its `audience` hears what Immich tells others of. `versions.SINCE` lists what differs between
releases, `UNVERIFIED` what is not yet shown.
"""

from sidecar.demo.immich.background import JobFailure, JobKind
from sidecar.demo.immich.intake import Made, Uploaded
from sidecar.demo.immich.server import EmulatedImmich
from sidecar.demo.immich.state import Change, ChangeKind
from sidecar.demo.immich.synthetic import synthetic_library
from sidecar.demo.immich.traffic import Call, Failure
from sidecar.demo.immich.unverified import UNVERIFIED
from sidecar.demo.immich.webhooks import Sent
from sidecar.demo.immich.workflows import Trigger

__all__ = [
    "UNVERIFIED",
    "Call",
    "Change",
    "ChangeKind",
    "EmulatedImmich",
    "Failure",
    "JobFailure",
    "JobKind",
    "Made",
    "Sent",
    "Trigger",
    "Uploaded",
    "synthetic_library",
]
