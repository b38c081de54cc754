"""Every error of the API as an RFC 9457 problem document with a stable code and the id of the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response

from config.kernel.api.errors import InsufficientScope, InvalidToken, NotAuthenticated
from config.kernel.clock import as_text
from config.kernel.counters import count_busy
from config.kernel.errors import Busy, DomainError, Invalid, NotFound
from config.kernel.locks import is_busy
from config.kernel.money import to_decimal

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:quan:problem:"

logger = structlog.get_logger(__name__)


TITLES = {
    400: gettext_lazy("Invalid request"),
    401: gettext_lazy("Not signed in"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("Not found"),
    405: gettext_lazy("Method not allowed"),
    406: gettext_lazy("No such representation"),
    409: gettext_lazy("Not possible now"),
    413: gettext_lazy("Request too large"),
    415: gettext_lazy("Unsupported content"),
    422: gettext_lazy("Cannot be processed"),
    429: gettext_lazy("Too many requests"),
    500: gettext_lazy("Internal error"),
    503: gettext_lazy("Not available now"),
}
OTHER_TITLE = gettext_lazy("Error")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error on its way out.

    Attributes:
        errors: what is wrong in the request, each with `parameter` (a path such as `lines[0].quantity`),
            `code` and `message`.
        data: further members that help to act on it.
    """

    status: int
    code: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answers an exception of an API view; one that nobody foresaw is logged and tells nothing of the inside."""
    problem = problem_of(error)
    if problem is None:
        logger.error("request_failed", exc_info=error)
        problem = Problem(500, "internal_error", _("Something went wrong on our side. Nothing was changed."))
    return Response(body_of(problem), status=problem.status, headers=dict(problem.headers), content_type=MEDIA_TYPE)


def body_of(problem: Problem) -> dict[str, Any]:
    """Returns the document; its own members win over data of the same name."""
    return {
        **{key: json_value(key, value) for key, value in problem.data.items()},
        "type": TYPE_PREFIX + problem.code,
        "title": title_of(problem.status),
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "parameter": problem.errors[0]["parameter"] if problem.errors else None,
        "errors": list(problem.errors),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }


def problem_of(error: Exception) -> Problem | None:
    """Returns the problem behind an exception; None for one that nobody foresaw."""
    if isinstance(error, DomainError):
        return _of_domain_error(error)
    if is_busy(error):
        count_busy(error)
        return _of_domain_error(Busy())
    if isinstance(error, exceptions.ValidationError):
        return _of_validation(error)
    if isinstance(error, Http404 | exceptions.NotFound):
        return _of_domain_error(NotFound())
    if isinstance(error, exceptions.NotAuthenticated):
        return _of_domain_error(NotAuthenticated())
    if isinstance(error, exceptions.APIException):
        return _of_api_exception(error)
    if isinstance(error, PermissionDenied):
        return Problem(403, "permission_denied", _("You may not do this."))
    if isinstance(error, SuspiciousOperation):
        return _of_domain_error(Invalid())
    return None


def _of_domain_error(error: DomainError) -> Problem:
    data = dict(error.data)
    errors = tuple(data.pop("errors", ()))
    parameter = data.pop("parameter", None)
    if parameter is not None:
        errors = ({"parameter": parameter, "code": error.code, "message": error.sentence}, *errors)
    return Problem(error.status, error.code, error.sentence, errors, data, _headers_of(error))


def _headers_of(error: DomainError) -> dict[str, str]:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    # RFC 6750: what a bearer token lacks is said in the challenge.
    if isinstance(error, InsufficientScope):
        headers["WWW-Authenticate"] = f'Bearer realm="api", error="insufficient_scope", scope="{error.data["scope"]}"'
    elif isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = 'Bearer realm="api", error="invalid_token"'
    elif isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return headers


def _of_validation(error: exceptions.ValidationError) -> Problem:
    errors = tuple(_flatten(error.detail, ""))
    codes = {each["code"] for each in errors}
    # A body with nothing but unknown members is told so; any other mixture is simply not valid.
    code = "unknown_field" if codes == {"unknown_field"} else Invalid.code
    return Problem(400, code, errors[0]["message"] if len(errors) == 1 else str(Invalid.message), errors)


def _flatten(detail: Any, path: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            yield from _flatten(value, _join(path, key))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            # A list of messages belongs to its field; a list of objects is a list of the request.
            nested = isinstance(value, Mapping | list)
            yield from _flatten(value, f"{path}[{index}]" if nested else path)
    else:
        yield {"parameter": path, "code": getattr(detail, "code", "invalid"), "message": str(detail)}


def _join(path: str, key: Any) -> str:
    if key == "non_field_errors":
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _of_api_exception(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    codes = {405: "method_not_allowed", 406: "not_acceptable", 415: "unsupported_media_type"}
    code = codes.get(error.status_code, error.default_code)
    return Problem(error.status_code, code, str(error.detail), headers=headers)


def title_of(status: int) -> str:
    """Returns the short title of a kind of problem, in the active language."""
    return str(TITLES.get(status, OTHER_TITLE))


def json_value(key: str, value: Any) -> Any:
    """Returns a member of a problem or of a refused coupon as the API writes it: money as a decimal string."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and (key == "amount" or key.endswith("_amount")):
        return str(to_decimal(value))
    if isinstance(value, datetime):
        return as_text(value)
    if isinstance(value, date | UUID | Promise):
        return str(value)
    if isinstance(value, Mapping):
        return {name: json_value(name, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(key, item) for item in value]
    return value
