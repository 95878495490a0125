"""What operations.toml asks for: the operations to call, the fields to send and read, the operations only to pin."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sidecar.immich_client.contract.description import DescriptionError

SELECTION = Path(__file__).with_name("operations.toml")


class Selected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation to call: what we send, which model reads the answer if any does, and if a POST may be repeated.

    Shape:  words are, of each enum among sends, those that we send; inside is, of each list of objects, the fields that
            we fill in them; nulls are fields that may be sent as null where at least one pin takes that: the caller
            knows the version. since is the first pin of which the operation is wanted, None if all have it: what older
            ones call by the same name, or lack, is left alone, and the caller does not ask them.
    """

    answer: str | None = None
    since: str | None = None
    sends: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = {}
    inside: dict[str, tuple[str, ...]] = {}
    repeatable: bool = False


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of operations.toml.

    Shape:  a model's entry is a field's name, or one {field: how}; how is another model, "raw", "raw Model" or "text".
            An emulated operation is its name, or one {name: since}. understood is model -> field -> words.
    """

    calls: dict[str, Selected]
    models: dict[str, tuple[str | dict[str, str], ...]]
    emulated: tuple[str | dict[str, str], ...] = ()
    understood: dict[str, dict[str, tuple[str, ...]]] = {}

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation to pin, called or only emulated, sorted."""
        return tuple(sorted({*self.calls, *(name for entry in self.emulated for name in _names(entry))}))

    @property
    def since(self) -> dict[str, str]:
        """Operation -> the first pin that is to have it, for those that not all are to have."""
        emulated = {name: since for entry in self.emulated if isinstance(entry, dict) for name, since in entry.items()}
        return emulated | {name: call.since for name, call in self.calls.items() if call.since is not None}

    def reads(self, model: str) -> dict[str, str | None]:
        """Field -> how it is read (a model, "raw", "raw Model", "text", or None for plainly), in the listed order.

        Errors: DescriptionError if no model of that name is listed.
        """
        if model not in self.models:
            raise DescriptionError(f"operations.toml names the model {model}, but does not list it.")
        plain: dict[str, str | None] = {}
        for entry in self.models[model]:
            plain.update({entry: None} if isinstance(entry, str) else entry)
        return plain


def _names(entry: str | dict[str, str]) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(entry)


def load_selection(path: Path = SELECTION) -> Selection:
    """The selection as written in operations.toml.

    Errors: DescriptionError if the file is not what this module describes.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Selection)
    except msgspec.DecodeError as error:
        raise DescriptionError(f"{path.name} cannot be read: {error}.") from error
