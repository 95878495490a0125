from __future__ import annotations

import json
import ssl
from collections.abc import Callable

import httpcore
import httpx
import msgspec
import pytest

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotImmich,
    SettingsError,
    SidecarError,
)
from sidecar.immich_client.failures import (
    HTTP_ERRORS,
    Failure,
    failure_of_answer,
    failure_of_content,
    failure_of_exception,
)

OPERATION, ADDRESS = "createStack", "http://immich:2283"
JSON = {"content-type": "application/json; charset=utf-8"}

# Every exception that httpx can raise, and what it means to us.
MEANINGS: dict[str, type[SidecarError]] = {
    "CloseError": ImmichUnavailable,
    "ConnectError": ImmichUnavailable,
    "ConnectTimeout": ImmichUnavailable,
    "CookieConflict": ContractBroken,
    "DecodingError": ImmichUnavailable,
    "HTTPError": ContractBroken,
    "HTTPStatusError": ContractBroken,
    "InvalidURL": SettingsError,
    "LocalProtocolError": ContractBroken,
    "NetworkError": ImmichUnavailable,
    "PoolTimeout": ImmichUnavailable,
    "ProtocolError": ContractBroken,
    "ProxyError": ImmichUnavailable,
    "ReadError": ImmichUnavailable,
    "ReadTimeout": ImmichUnavailable,
    "RemoteProtocolError": ImmichUnavailable,
    "RequestError": ContractBroken,
    "RequestNotRead": ContractBroken,
    "ResponseNotRead": ContractBroken,
    "StreamClosed": ContractBroken,
    "StreamConsumed": ContractBroken,
    "StreamError": ContractBroken,
    "TimeoutException": ImmichUnavailable,
    "TooManyRedirects": NotImmich,
    "TransportError": ContractBroken,
    "UnsupportedProtocol": SettingsError,
    "WriteError": ImmichUnavailable,
    "WriteTimeout": ImmichUnavailable,
}

NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}


def _is_exception(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Exception)


def exception_named(name: str) -> Exception:
    kind: Callable[..., Exception] = getattr(httpx, name)
    if name == "HTTPStatusError":
        return kind("text", request=httpx.Request("GET", "http://immich"), response=httpx.Response(500))
    if name in {"StreamConsumed", "StreamClosed", "ResponseNotRead", "RequestNotRead"}:
        return kind()
    return kind("text")


def failed(status: int, body: object = None, **headers: str) -> Failure:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    failure = failure_of_answer(
        status, httpx.Headers({**JSON, **headers}), content, operation=OPERATION, address=ADDRESS
    )
    assert failure is not None
    return failure


def test_every_exception_of_httpx_has_a_meaning() -> None:
    raised = {name for name in httpx.__all__ if _is_exception(getattr(httpx, name))}
    assert raised == MEANINGS.keys()


@pytest.mark.parametrize("name", MEANINGS)
def test_an_exception_of_httpx_becomes_ours(name: str) -> None:
    error = exception_named(name)
    assert isinstance(error, HTTP_ERRORS)
    failure = failure_of_exception(error, operation=OPERATION, address=ADDRESS)
    assert type(failure.error) is MEANINGS[name]
    assert failure.is_passing is (MEANINGS[name] is ImmichUnavailable)
    assert failure.was_sent is (name not in NEVER_SENT)
    assert failure.cause is error
    assert str(failure.error).startswith("Immich at http://immich:2283 ")


BELOW_HTTPX = [name for name in httpcore.__all__ if _is_exception(getattr(httpcore, name))]


@pytest.mark.parametrize("name", BELOW_HTTPX)
def test_an_exception_from_below_httpx_means_what_httpx_means_by_its_name(name: str) -> None:
    error: Exception = getattr(httpcore, name)(OSError("text"))
    twin = httpx.ConnectError("text") if name == "ConnectionNotAvailable" else exception_named(name)
    assert isinstance(error, HTTP_ERRORS)
    ours, theirs = (failure_of_exception(each, operation=OPERATION, address=ADDRESS) for each in (error, twin))
    assert (type(ours.error), str(ours.error)) == (type(theirs.error), str(theirs.error))
    assert (ours.is_passing, ours.was_sent) == (theirs.is_passing, theirs.was_sent)


def test_a_distrusted_certificate_is_a_matter_for_a_person() -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__context__ = ssl.SSLCertVerificationError("self-signed")
    failure = failure_of_exception(error, operation=OPERATION, address=ADDRESS)
    assert isinstance(failure.error, SettingsError)
    assert "certificate" in str(failure.error)
    assert not failure.is_passing


# Both versions' wording, as recorded.
REFUSALS = [
    pytest.param(
        401, {"message": "Invalid API key"}, ImmichRefused, "refuses the API key: Invalid API key.", id="3.1.0 key"
    ),
    pytest.param(
        401,
        {"message": "Authentication required", "error": "Unauthorized", "statusCode": 401, "correlationId": "40junyou"},
        ImmichRefused,
        "refuses the API key: Authentication required.",
        id="2.7.5 key",
    ),
    pytest.param(
        403,
        {"message": "Missing required permission: stack.create"},
        ImmichRefused,
        "lacks the permission stack.create for createStack.",
        id="3.1.0 permission",
    ),
    pytest.param(
        403,
        {"message": "Missing required permission: stack.create", "error": "Forbidden", "statusCode": 403},
        ImmichRefused,
        "lacks the permission stack.create for createStack.",
        id="2.7.5 permission",
    ),
    pytest.param(403, {"message": "Forbidden"}, ImmichRefused, "forbids createStack: Forbidden.", id="not an admin"),
    pytest.param(
        400, {"message": "Not found or no asset.update access"}, ImmichMissing, "or it is gone", id="3.1.0 gone"
    ),
    pytest.param(
        400,
        {"message": "Not found or no stack.read access", "error": "Bad Request", "statusCode": 400},
        ImmichMissing,
        "or it is gone",
        id="2.7.5 gone",
    ),
    pytest.param(
        400,
        {"message": ["assetIds must contain at least 2 elements"], "error": "Bad Request", "statusCode": 400},
        ContractBroken,
        "rejects createStack with 400: assetIds must contain at least 2 elements.",
        id="2.7.5 validation",
    ),
    pytest.param(
        400,
        {
            "message": "Validation failed",
            "errors": [{"origin": "array", "path": ["assetIds", 0], "message": "Too small"}, {"code": "x"}],
        },
        ContractBroken,
        "with 400: Validation failed; assetIds.0: Too small; :.",
        id="3.1.0 validation",
    ),
    pytest.param(404, {"message": "Cannot GET /api/x"}, ContractBroken, "with 404: Cannot GET /api/x.", id="no route"),
    pytest.param(413, {"message": "request entity too large"}, ContractBroken, "with 413", id="too large"),
    pytest.param(406, {"message": "only returns text/html"}, NotImmich, "as a page, not as data", id="a path too far"),
    pytest.param(404, {"detail": "Not Found"}, NotImmich, "not worded as Immich's are", id="another server's 404"),
    pytest.param(401, b"[]", NotImmich, "not worded as Immich's are", id="another server's 401"),
    pytest.param(400, b"\xff", NotImmich, "not worded as Immich's are", id="no text"),
]


@pytest.mark.parametrize(("status", "body", "kind", "says"), REFUSALS)
def test_a_refusal_becomes_ours(status: int, body: object, kind: type[SidecarError], says: str) -> None:
    failure = failed(status, body)
    assert type(failure.error) is kind
    assert says in str(failure.error)
    assert not failure.is_passing


def test_a_missing_permission_is_named_for_programs_too() -> None:
    error = failed(403, {"message": "Missing required permission: stack.create"}).error
    assert isinstance(error, ImmichRefused)
    assert error.permission == "stack.create"


def test_a_refused_key_names_no_permission() -> None:
    error = failed(401, {"message": "Invalid API key"}).error
    assert isinstance(error, ImmichRefused)
    assert error.permission is None


def test_a_long_message_is_cut_and_stays_on_one_line() -> None:
    sentence = str(failed(400, {"message": "a\n" * 1000}).error)
    assert len(sentence) < 400
    assert "\n" not in sentence


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b'{"message": "Bad gateway"}', b""])
def test_a_server_in_trouble_may_be_asked_again(status: int, body: bytes) -> None:
    failure = failed(status, body)
    assert isinstance(failure.error, ImmichUnavailable)
    assert str(status) in str(failure.error)
    assert failure.is_passing
    assert failure.was_sent


def test_immichs_own_words_about_its_trouble_are_kept() -> None:
    assert str(failed(500, {"message": "Failed to update assets"}).error).endswith(
        "answers 500 to createStack: Failed to update assets."
    )


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        pytest.param({}, None, id="no wish"),
        pytest.param({"retry-after": "7"}, 7.0, id="seconds"),
        pytest.param({"retry-after": "9" * 400}, 999_999_999.0, id="for ever"),
        pytest.param({"retry-after": "-1"}, None, id="less than nothing"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param(
            {"retry-after": "Wed, 01 May 2024 10:00:09 GMT", "date": "Wed, 01 May 2024 10:00:00 GMT"}, 9.0, id="a date"
        ),
        pytest.param(
            {"retry-after": "Wed, 01 May 2024 10:00:00 GMT", "date": "Wed, 01 May 2024 10:00:09 GMT"},
            0.0,
            id="past date",
        ),
        pytest.param({"retry-after": "Wed, 01 May 2024 10:00:09 GMT"}, None, id="a date without the server's own"),
        pytest.param(
            {"retry-after": "Wed, 01 May 2024 10:00:09", "date": "Wed, 01 May 2024 10:00:00 GMT"}, None, id="odd date"
        ),
    ],
)
def test_a_servers_wish_for_a_pause_is_read(headers: dict[str, str], pause_s: float | None) -> None:
    assert failed(503, **headers).retry_after_s == pause_s


@pytest.mark.parametrize(
    ("status", "content_type", "says"),
    [
        pytest.param(
            200, "text/html; charset=utf-8", "is answered 200 with text/html instead of JSON", id="a web page"
        ),
        pytest.param(404, "text/html", "is answered 404 with text/html", id="another server's 404"),
        pytest.param(401, "text/plain", "is answered 401 with text/plain", id="a proxy that wants a login"),
        pytest.param(403, "", "is answered 403 with nothing", id="a firewall"),
    ],
)
def test_what_is_not_json_is_not_immich(status: int, content_type: str, says: str) -> None:
    failure = failed(status, b"<!doctype html>", **{"content-type": content_type})
    assert type(failure.error) is NotImmich
    assert says in str(failure.error)
    assert str(failure.error).endswith("Check IMMICH_URL.")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        pytest.param("https://login.example/start?token=geheim", "to https://login.example, perhaps", id="login page"),
        pytest.param("https://immich:2283", "to https://immich:2283, perhaps", id="https"),
        pytest.param("/auth?token=geheim", "to another page", id="own page"),
        pytest.param("https://me:geheim@login.example/", "to another page", id="with a password"),
        pytest.param("", "to another page", id="nowhere"),
    ],
)
def test_a_redirect_is_not_immich_and_its_secrets_stay_where_they_are(location: str, says: str) -> None:
    failure = failed(302, b"", location=location)
    assert type(failure.error) is NotImmich
    assert says in str(failure.error)
    assert "geheim" not in str(failure.error)


@pytest.mark.parametrize(
    ("status", "headers", "body", "answers_json", "is_success"),
    [
        pytest.param(201, JSON, b"{}", True, True, id="JSON"),
        pytest.param(204, {}, b"", True, False, id="nothing instead of JSON"),
        pytest.param(204, {}, b"", False, True, id="nothing where nothing is expected"),
        pytest.param(200, {"content-type": "text/html"}, b"<html>", False, False, id="a page instead of nothing"),
        pytest.param(200, JSON, b"[]", False, True, id="JSON that nobody reads"),
    ],
)
def test_success_is_json_or_the_expected_silence(
    status: int, headers: dict[str, str], body: bytes, *, answers_json: bool, is_success: bool
) -> None:
    assert (
        failure_of_answer(status, headers, body, answers_json=answers_json, operation=OPERATION, address=ADDRESS)
        is None
    ) is is_success


def test_an_answer_without_a_promised_field_breaks_the_contract() -> None:
    error = msgspec.ValidationError("Object missing required field `id` - at `$.assets[0]`")
    failure = failure_of_content(error, operation=OPERATION, address=ADDRESS)
    assert type(failure.error) is ContractBroken
    assert "missing required field `id`" in str(failure.error)
    assert failure.cause is error


def test_an_answer_that_only_claims_to_be_json_is_not_immich() -> None:
    failure = failure_of_content(msgspec.DecodeError("JSON is malformed"), operation=OPERATION, address=ADDRESS)
    assert type(failure.error) is NotImmich
    assert "not JSON, though it says so" in str(failure.error)
