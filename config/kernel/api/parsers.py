"""JSON as RFC 8259 means it, and nothing that two readers could understand differently."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from config.kernel.api.errors import BodyTooLarge, MalformedJson, UnsupportedContentEncoding

MAXIMUM_DEPTH = 32
# More digits than any count, id or millisecond; amounts are strings.
MAXIMUM_INTEGER_DIGITS = 18


class StrictJSONParser(BaseParser):
    """Reads UTF-8 JSON; refuses NaN, numbers out of range, a key twice, NUL, lone surrogates, depth and size."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns the parsed body.

        Raises:
            MalformedJson, BodyTooLarge, UnsupportedContentEncoding
        """
        request = (parser_context or {}).get("request")
        if request is not None and request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedContentEncoding
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(limit=limit)
        return read_json(body)


def read_json(body: bytes) -> Any:
    """Returns what a body says.

    Raises:
        MalformedJson: it is not strict JSON; `reason` says what is wrong.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_short_integer,
            object_pairs_hook=_object_without_doubles,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(reason="the body is not UTF-8") from error
    except RecursionError as error:
        raise MalformedJson(reason="the body is nested too deeply") from error
    except ValueError as error:
        raise MalformedJson(reason=str(error)) from error
    _refuse_depth_and_bad_text(value)
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _short_integer(text: str) -> int:
    if len(text) > MAXIMUM_INTEGER_DIGITS:
        raise ValueError("a number is out of range")
    return int(text)


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _refuse_depth_and_bad_text(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAXIMUM_DEPTH:
            raise MalformedJson(reason="the body is nested too deeply")
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _refuse_bad_text(item)
            elif isinstance(item, list):
                deeper.extend(item)
            elif isinstance(item, dict):
                for key, member in item.items():
                    _refuse_bad_text(key)
                    deeper.append(member)
        level = deeper


def _refuse_bad_text(text: str) -> None:
    # PostgreSQL stores neither of them.
    if "\0" in text:
        raise MalformedJson(reason="a string contains U+0000")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedJson(reason="a string contains half of a surrogate pair")
