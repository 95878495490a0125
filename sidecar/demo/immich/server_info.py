"""What the server says about itself, to anyone."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.media_types import media_types
from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.routing import Ask, Needs, Operation, json_bytes, reply


async def _ping(_: Ask) -> web.StreamResponse:
    """Source: recording server-server-ping."""
    return reply({"res": "pong"})


async def _version(ask: Ask) -> web.StreamResponse:
    """Source: recording server-server-version."""
    major, minor, patch = ask.state.behaviour.version.numbers
    answer: dict[str, int | None] = {"major": major, "minor": minor, "patch": patch}
    if ask.state.behaviour.does("prerelease"):
        answer["prerelease"] = None
    return reply(answer)


async def _features(ask: Ask) -> web.StreamResponse:
    """A server without machine learning, OAuth and mail; whether it has a trash is the state's.

    Source: recording server-server-features.
    """
    switched_on = "map reverseGeocoding sidecar search trash passwordLogin"
    switched_off = (
        "smartSearch facialRecognition duplicateDetection importFaces oauth oauthAutoLaunch ocr configFile email"
    )
    answer = dict.fromkeys(switched_on.split(), True) | dict.fromkeys(switched_off.split(), False)
    answer["trash"] = ask.state.has_trash
    if ask.state.behaviour.does("transcoding_feature"):
        answer["realtimeTranscoding"] = False
    return reply(answer)


async def _config(ask: Ask) -> web.StreamResponse:
    """Source: recording server-server-config."""
    answer: dict[str, Any] = {
        "loginPageMessage": "",
        "trashDays": 30,
        "userDeleteDelay": 7,
        "oauthButtonText": "Login with OAuth",
        "isInitialized": any(user.is_admin for user in ask.state.users.values()),
        "isOnboarded": False,
        "externalDomain": "",
        "publicUsers": True,
        "mapDarkStyleUrl": "https://tiles.immich.cloud/v1/style/dark.json",
        "mapLightStyleUrl": "https://tiles.immich.cloud/v1/style/light.json",
        "maintenanceMode": False,
    }
    if ask.state.behaviour.does("min_faces"):
        answer["minFaces"] = 3
    return reply(answer)


async def _media_types(ask: Ask) -> web.StreamResponse:
    """Source: recording server-server-media-types."""
    return reply(media_types(ask.state.behaviour))


async def _about(ask: Ask) -> web.StreamResponse:
    """Source: recordings about, about-without-credentials."""
    version = f"v{ask.state.behaviour.version}"
    answer = {
        "version": version,
        "versionUrl": f"https://github.com/immich-app/immich/releases/tag/{version}",
        "licensed": False,
        "nodejs": "v24.15.0",
        "exiftool": "13.59",
        "ffmpeg": "5.1.9",
        "libvips": "8.17.3",
        "imagemagick": "",
    }
    return reply(answer)


async def _described(ask: Ask) -> web.StreamResponse:
    """What the server says of its own API, as far as the emulation was given it.

    Source: recording spec.
    """
    if ask.state.description is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "Cannot GET /api/spec.json")
    return json_bytes(ask.state.description)


OPERATIONS = (
    Operation("GET", "/spec.json", _described, Needs.NOTHING),
    Operation("GET", "/server/ping", _ping, Needs.NOTHING),
    Operation("GET", "/server/version", _version, Needs.NOTHING),
    Operation("GET", "/server/features", _features, Needs.NOTHING),
    Operation("GET", "/server/config", _config, Needs.NOTHING),
    Operation("GET", "/server/media-types", _media_types, Needs.NOTHING),
    Operation("GET", "/server/about", _about, "server.about"),
)
