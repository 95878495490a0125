"""Asking a person before something is done, and telling scripts where nobody is there to answer."""

from __future__ import annotations

import asyncio
import sys
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode


async def consent(question: str, *, answers: TextIO | None, out: TextIO, err: TextIO) -> ExitCode:
    """DONE if a person says yes; otherwise the number to end with, after it was said that nothing was changed.

    Shape:  answers is where a person types, by default standard input; who is no terminal is nobody.
    """
    # Python has no standard input where the caller closed it.
    person: TextIO | None = sys.stdin if answers is None else answers
    if person is None or not person.isatty():
        print("sidecar: nobody is here to say yes; look at the list above and add --yes", file=err)
        return ExitCode.BAD_USE
    # What was shown must be on the screen before the question.
    out.flush()
    if await _agrees(question, person, err):
        return ExitCode.DONE
    print("Nothing was changed.", file=out)
    return ExitCode.PARTLY_FAILED


async def _agrees(question: str, answers: TextIO, err: TextIO) -> bool:
    print(f"{question} [y/N] ", end="", file=err, flush=True)
    try:
        answer = await _line_from(answers)
    except asyncio.CancelledError:
        print("\nNothing was changed.", file=err)
        raise
    if not answer.endswith("\n"):
        print(file=err)
    return answer.strip().lower() in {"y", "yes"}


async def _line_from(terminal: TextIO) -> str:
    """What a person types, without keeping the loop from hearing Ctrl-C meanwhile, as a plain read would."""
    typed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal.fileno(), typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(terminal.fileno())
    return terminal.readline()
