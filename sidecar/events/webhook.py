"""What a webhook of Immich's workflows says, read strictly: anybody may send anything. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from sidecar.errors import SidecarError
from sidecar.model import AssetId, OwnerId, Visibility
from sidecar.storage.changes import Change, Source

BODY_LIMIT_BYTES = 512 * 1024
"""Three hundred times a usual one: only the description is of any length."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TYPE = "AssetV1"


class Malformed(SidecarError):
    """The body is not what Immich sends."""

    code = "malformed"


class OfSomebodyElse(SidecarError):
    """The body is about another user than the one to whom the hook belongs."""

    code = "wrong_owner"


class _Exif(msgspec.Struct, rename="camel"):
    # No database takes control characters in a text as they are.
    auto_stack_id: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")] | None = None


class _Asset(msgspec.Struct, rename="camel"):
    id: UUID
    owner_id: UUID
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)]
    visibility: str
    exif_info: _Exif | None = None


class _Data(msgspec.Struct):
    asset: _Asset


class _Envelope(msgspec.Struct):
    type: str
    data: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope)
_data = msgspec.json.Decoder(_Data)


def read_webhook(body: bytes, owner_id: OwnerId) -> Change | None:
    """The change that it tells of; None if it is of a kind that we do not know, or about what never concerns us.

    Shape:  hidden assets, the moving halves of live photos, concern us only through their picture.
    Errors: Malformed, OfSomebodyElse.
    Source: plugin-core/src/index.ts, Immich 3.0.3 and 3.1.0; `autoStackId` is told nowhere else.
    """
    try:
        envelope = _envelope.decode(body)
        if envelope.type != _TYPE:
            return None
        asset = _data.decode(envelope.data).asset
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the body is not an event as Immich sends it") from error
    if str(asset.owner_id) != owner_id:
        raise OfSomebodyElse("the event is about another user's asset")
    if asset.visibility == Visibility.HIDDEN:
        return None
    burst = asset.exif_info.auto_stack_id if asset.exif_info is not None else None
    updated_at_ms = (asset.updated_at - _EPOCH) // _MILLISECOND
    return Change(owner_id, Source.WEBHOOK, AssetId(str(asset.id)), updated_at_ms, burst or None)
