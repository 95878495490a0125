"""How Immich says no: one exception, rendered in the words of the emulated version."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sidecar.demo.immich.versions import Behaviour

_CORRELATION_BYTES = 4


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one field, in the words of both generations.

    Shape:  details are the issue's own keys in 3.x (code, minimum …); legacy are 2.x's sentences, for dates one that is
            the whole message rather than part of a list.
    """

    path: tuple[str | int, ...]
    message: str
    legacy: tuple[str, ...]
    details: dict[str, Any] = field(default_factory=dict)
    is_legacy_alone: bool = False


class Refusal(Exception):
    """The request is answered with this status and sentence."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self, behaviour: Behaviour) -> dict[str, Any]:
        """The JSON body of the emulated version."""
        return error_body(self.status, self.message, behaviour)


class Invalid(Refusal):
    """The request's fields are not what the operation takes."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, "Validation failed")
        self.issues = tuple(issues)

    def body(self, behaviour: Behaviour) -> dict[str, Any]:
        """3.x lists the issues beside the message, 2.x makes them the message.

        Source: recordings asset-bad-id, stack-create-one, search-badtime of both versions.
        """
        if behaviour.does("bare_errors"):
            errors = [{**issue.details, "path": list(issue.path), "message": issue.message} for issue in self.issues]
            return {"message": self.message, "errors": errors}
        alone = next((issue.legacy[0] for issue in self.issues if issue.is_legacy_alone), None)
        sentences = [sentence for issue in self.issues for sentence in issue.legacy]
        return error_body(self.status, alone or sentences, behaviour)


def error_body(status: HTTPStatus, message: str | list[str], behaviour: Behaviour) -> dict[str, Any]:
    """The plain error body of the emulated version.

    Source: recording login-wrong-password of both versions.
    """
    if behaviour.does("bare_errors"):
        return {"message": message}
    return {
        "message": message,
        "error": status.phrase,
        "statusCode": status.value,
        "correlationId": secrets.token_hex(_CORRELATION_BYTES),
    }


def bad_request(message: str) -> Refusal:
    """400 with Immich's sentence."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def no_access(permission: str) -> Refusal:
    """Unknown, foreign and hidden records are refused alike.

    Source: recordings asset-other-user, asset-unknown, stack-create-foreign, stack-old-is-gone.
    """
    return bad_request(f"Not found or no {permission} access")
