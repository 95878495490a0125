"""A layer of choices, of which each may be missing, and how layers lie over each other."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

LONGEST_SHOWN = 40


class Layer(BaseModel):
    """Choices of one place about one subject; None where it leaves the choice to the layer below.

    Shape:  example is how one is written in YAML; entry_keys are the keys of entries of its lists that are mappings.
            Equal choices are equal and hash alike.
    Errors: pydantic's ValidationError; `understand` turns it into sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    example: ClassVar[str] = "{}"
    entry_keys: ClassVar[Collection[str]] = ()

    def over(self, lower: Self) -> Self:
        """The choices of both; where both chose, the ones made here."""
        both: dict[str, object] = {}
        for name in type(self).model_fields:
            ours, theirs = getattr(self, name), getattr(lower, name)
            both[name] = ours.over(theirs) if isinstance(ours, Layer) else theirs if ours is None else ours
        return self.model_copy(update=both)

    def chosen(self) -> dict[str, object]:
        """What is chosen here as plain values for JSON or YAML, as people write it; `understand` reads it back."""
        everything = self.model_dump(mode="json", exclude_none=True)
        return {key: value for key, value in everything.items() if value != {}}

    def by_key(self) -> dict[str, object]:
        """The same by keys as people name them, such as stack.burst."""
        flat: dict[str, object] = {}
        for key, value in self.chosen().items():
            flat |= (
                {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
            )
        return flat

    @classmethod
    def groups(cls) -> dict[str, type[Layer]]:
        """The keys that hold mappings of choices -> what those may be."""
        found = ((name, field.annotation) for name, field in cls.model_fields.items())
        return {name: kind for name, kind in found if isinstance(kind, type) and issubclass(kind, Layer)}

    @classmethod
    def sentences(cls) -> dict[str, str]:
        """Every key that may be chosen, as people name it -> the sentence about it."""
        flat: dict[str, str] = {}
        for name, field in cls.model_fields.items():
            group = cls.groups().get(name)
            inner = {} if group is None else group.sentences()
            flat |= {f"{name}.{key}": text for key, text in inner.items()} or {name: field.description or ""}
        return flat


def shown(text: object) -> str:
    """Somebody's word as it may stand in a sentence: quoted, short, without control characters."""
    word = str(text)
    return repr(word if len(word) <= LONGEST_SHOWN else f"{word[:LONGEST_SHOWN]}…")


def some_list(value: object, *, most: int, example: str) -> object:
    """The value, if it is a list that is not too long.

    Errors: ValueError with a sentence, as pydantic's validators raise it.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, such as {example}")  # noqa: TRY004  # pydantic wants ValueError
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries; it may have {most}")
    return value


def none_twice(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, of which no two are equal.

    Errors: ValueError with a sentence.
    """
    for word in words:
        if words.count(word) > 1:
            raise ValueError(f"has {shown(word)} twice; each may stand once")
    return words
