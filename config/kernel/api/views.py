"""What all API views share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from config.kernel.api.callers import Caller, caller_of
from config.kernel.api.pagination import NewestFirstPagination
from config.kernel.api.permissions import ScopedOrSelf
from config.kernel.api.serializers import kept_serializer
from config.kernel.api.throttling import CallerThrottle
from config.kernel.idempotency import Answer, Attempt, fingerprint, run_once

REPLAYED_HEADER = "Idempotency-Replayed"
# Read by the paginators.
PAGE_PARAMETERS = ("cursor", "limit")


class ApiView(GenericAPIView):
    """A view with scopes; methods get their caller by `self.caller`.

    Attributes:
        scopes: the scope that each method needs of a token.
        integrators_only: refuses a shopper's session.
        ordering: of a list with cursors.
        rates: how fast a method may be called, where that is not as fast as most: see `settings.RATE_LIMITS`.
    """

    permission_classes = [ScopedOrSelf]
    throttle_classes = [CallerThrottle]
    metadata_class = None
    pagination_class: type[BasePagination] | None = None
    ordering: tuple[str, ...] = NewestFirstPagination.ordering
    scopes: ClassVar[dict[str, str]] = {}
    integrators_only: ClassVar[bool] = False
    rates: ClassVar[dict[str, str]] = {}

    @property
    def caller(self) -> Caller:
        return caller_of(self.request)

    def read_body(self, serializer_class: type[BaseSerializer]) -> dict[str, Any]:
        """Returns the validated body.

        Raises:
            ValidationError: something in it is wrong or unknown.
        """
        return self._read(serializer_class, self.request.data)

    def read_query(self, serializer_class: type[BaseSerializer]) -> dict[str, Any]:
        """Returns the validated query parameters of a list; a parameter twice counts once, the last wins.

        Raises:
            ValidationError: one is wrong or unknown.
        """
        given = {key: value for key, value in self.request.query_params.items() if key not in PAGE_PARAMETERS}
        return self._read(serializer_class, given)

    def _read(self, serializer_class: type[BaseSerializer], data: Any) -> dict[str, Any]:
        validated: dict[str, Any] = kept_serializer(serializer_class).run_validation(data)
        return validated

    def answer_page(self, found: QuerySet[Any], serializer_class: type[BaseSerializer], **context: Any) -> Response:
        """Answers one page of a query set; `context` goes to the serializer."""
        page = self.paginate_queryset(found)
        return self.get_paginated_response(serializer_class(page, many=True, context=context).data)

    def answer_once(self, validated: Any, action: Callable[[], Answer]) -> Response:
        """Does a write at most once under the caller's Idempotency-Key; `validated` as for `attempt`."""
        return self.respond(run_once(attempt=self.attempt(validated), action=action))

    def attempt(self, validated: Any) -> Attempt:
        """Returns this call as an attempt under the caller's Idempotency-Key.

        Args:
            validated: the body as it was understood; with method and path it tells a retry from another request.

        Raises:
            IdempotencyKeyMissing: it came without.
        """
        return Attempt.of(
            caller=self.caller.id,
            key=self.request.headers.get("Idempotency-Key"),
            fingerprint=fingerprint(self.request.method, self.request.path, validated),
        )

    def respond(self, answer: Answer) -> Response:
        """Answers a write; says whether it was answered before."""
        headers = {REPLAYED_HEADER: "true"} if answer.replayed else {}
        return Response(answer.body, status=answer.status, headers=headers)


class UnknownAddressView(ApiView):
    """Answers every address under /api/ that nothing else answers."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound
