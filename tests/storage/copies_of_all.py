"""Two rows of every table, of whatever its columns hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.storage.tables import metadata

_VALUES: dict[type, tuple[Any, Any]] = {
    Boolean: (True, False),
    BigInteger: (-(1 << 63), (1 << 63) - 1),
    Integer: (0, (1 << 31) - 1),
    Float: (0.1, -1e300),
    LargeBinary: (bytes(range(256)), b""),
    Text: ("Straße \U0001f600 \u202e'\"\\%s", ""),
    String: ("a", "b"),
}


def _value(column: Column[Any], number: int) -> Any:
    if number and column.nullable:
        return None
    return next(values[number] for kind, values in _VALUES.items() if type(column.type) is kind)


async def fill(connection: AsyncConnection) -> None:
    for table in metadata.sorted_tables:
        rows = [{column.name: _value(column, number) for column in table.columns} for number in (0, 1)]
        await connection.execute(table.insert(), rows)


async def contents(connection: AsyncConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in one order."""
    return {
        table.name: sorted((tuple(row) for row in await connection.execute(select(table))), key=repr)
        for table in metadata.sorted_tables
    }
