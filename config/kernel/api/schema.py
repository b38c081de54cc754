"""How the API describes itself: who may call, which scope, which refusals, with examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from django.conf import settings
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from config.kernel.api.errors import (
    BodyTooLarge,
    InsufficientScope,
    IntegratorsOnly,
    InvalidToken,
    MalformedJson,
    NotAuthenticated,
    UnsupportedContentEncoding,
)
from config.kernel.api.problems import MEDIA_TYPE, body_of, problem_of, title_of
from config.kernel.api.serializers import ProblemSerializer
from config.kernel.errors import (
    Busy,
    DomainError,
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Invalid,
    Throttled,
)

EXAMPLE_REQUEST_ID = "0b6f3a0e-6f0c-4c5e-9a9d-3f1f2d7c8a10"

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "Your own name for this write, 1 to 255 visible ASCII characters, such as a UUID. The same key with the "
        "same body answers what it answered before, with `Idempotency-Replayed: true`, and does nothing again. A "
        "refused call leaves the key unused. Keys are kept for 14 days."
    ),
)


def scopes_of_shop() -> dict[str, Any]:
    """Returns the scopes that a token may have, with what they allow."""
    provider: dict[str, Any] = settings.OAUTH2_PROVIDER
    return provider["SCOPES"]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library is untyped there
    """The shop's backend."""

    target_class = "config.kernel.api.authentication.BearerAuthentication"
    name = "oauth2"

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[str]]:
        scope = getattr(auto_schema.view, "scopes", {}).get(auto_schema.method)
        return {self.name: [scope] if scope else []}

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        scopes = {name: str(label) for name, label in scopes_of_shop().items()}
        return {
            "type": "oauth2",
            "description": "Client credentials of the shop's backend.",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes}},
        }


class PageSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library is untyped there
    """A signed-in shopper's page."""

    target_class = "config.kernel.api.authentication.PageSessionAuthentication"
    name = "session"

    def get_security_requirement(self, auto_schema: AutoSchema) -> Any:
        # None leaves this way in out of the operation.
        return None if getattr(auto_schema.view, "integrators_only", False) else {self.name: []}

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A signed-in shopper; writes also need the header X-CSRFToken.",
        }


def operation(
    *,
    id: str,  # noqa: A002  # what OpenAPI calls it
    tag: str,
    summary: str,
    description: str = "",
    parameters: Sequence[Any] = (),
    request: Any = None,
    request_example: Any = None,
    response: Any,
    status: int = 200,
    response_example: Any = None,
    refusals: Sequence[DomainError] = (),
    idempotent: bool = False,
    integrators_only: bool = False,
) -> Callable[[Any], Any]:
    """Describes one operation; adds the refusals that every operation of its kind has.

    Args:
        response: the answer's serializer, or several by their status; then `response_example` is one for each, or one
            for all.
        refusals: an instance of each refusal of its own, with example data.
        idempotent: it takes an Idempotency-Key.
        integrators_only: a shopper's session is refused.
    """
    every = [*_common_refusals(has_body=request is not None, idempotent=idempotent), *refusals]
    if integrators_only:
        every.append(IntegratorsOnly())
    responses = response if isinstance(response, dict) else {status: response}
    examples = []
    if request_example is not None:
        examples.append(OpenApiExample("Request", value=request_example, request_only=True))
    if response_example is not None:
        has_each = isinstance(response_example, dict) and response_example.keys() == responses.keys()
        for each in responses:
            value = response_example[each] if has_each else response_example
            examples.append(OpenApiExample("Response", value=value, response_only=True, status_codes=[str(each)]))
    return extend_schema(
        operation_id=id,
        tags=[tag],
        summary=summary,
        description=description,
        parameters=[*parameters, *([IDEMPOTENCY_KEY] if idempotent else [])],
        request=request,
        responses={**responses, **_problem_responses(every)},
        examples=examples,
    )


def _common_refusals(*, has_body: bool, idempotent: bool) -> list[DomainError]:
    refusals: list[DomainError] = [
        Invalid(parameter="limit"),
        NotAuthenticated(),
        InvalidToken(),
        InsufficientScope(scope="claims:write"),
        Throttled(retry_after=3),
        Busy(),
    ]
    if has_body:
        refusals += [MalformedJson(reason="an object names a member twice"), BodyTooLarge(limit=2_097_152)]
        refusals.append(UnsupportedContentEncoding())
    if idempotent:
        refusals += [IdempotencyKeyMissing(), IdempotencyInFlight(), IdempotencyKeyReused()]
    return refusals


def _problem_responses(refusals: Sequence[DomainError]) -> dict[tuple[int, str], OpenApiResponse]:
    responses = {}
    # The page is written once for all readers, whoever loads it first.
    with translation.override("en"):
        for status, group in groupby(sorted(refusals, key=_status_of), key=_status_of):
            examples = [_example_of(refusal) for refusal in group]
            codes = ", ".join(f"`{example.name}`" for example in examples)
            responses[(status, MEDIA_TYPE)] = OpenApiResponse(
                ProblemSerializer, description=f"{title_of(status)}: {codes}", examples=examples
            )
    return responses


def _status_of(refusal: DomainError) -> int:
    return refusal.status


def _example_of(refusal: DomainError) -> OpenApiExample:
    problem = problem_of(refusal)
    assert problem is not None
    value = {**body_of(problem), "request_id": EXAMPLE_REQUEST_ID}
    return OpenApiExample(refusal.code, value=value, response_only=True, media_type=MEDIA_TYPE)
