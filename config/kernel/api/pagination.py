"""Pages by cursor: they neither skip nor repeat when rows are added meanwhile."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination, Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from config.kernel.errors import Invalid

PAGE_SIZE = 20
MAXIMUM_PAGE_SIZE = 100


class CursorInvalid(Invalid):
    code = "cursor_invalid"
    message = _("This cursor does not come from this list.")


class LimitInvalid(Invalid):
    code = "limit_invalid"
    message = _("A page holds 1 to 100 results.")


def page_size_of(request: Request) -> int:
    """Returns how many results the caller wants on a page.

    Raises:
        LimitInvalid: not a number from 1 to 100.
    """
    text = request.query_params.get("limit", str(PAGE_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAXIMUM_PAGE_SIZE):
        raise LimitInvalid(parameter="limit")
    return int(text)


class NewestFirstPagination(CursorPagination):
    """Pages by the view's `ordering`."""

    page_size = PAGE_SIZE
    max_page_size = MAXIMUM_PAGE_SIZE
    page_size_query_param = "limit"
    ordering = ("-pk",)

    def get_page_size(self, request: Request) -> int:
        return page_size_of(request)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        ordering: tuple[str, ...] = view.ordering
        return ordering

    def decode_cursor(self, request: Request) -> Cursor | None:
        encoded = request.query_params.get("cursor")
        # The library overlooks what it does not know, and a caller would read the first page for ever.
        if encoded is not None and not _is_cursor(encoded):
            raise CursorInvalid(parameter="cursor")
        return super().decode_cursor(request)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        # A cursor may be well-formed and yet hold a position that is none of this list's.
        except (NotFound, ValidationError, ValueError, TypeError, DataError) as error:
            raise CursorInvalid(parameter="cursor") from error


def _is_cursor(encoded: str) -> bool:
    try:
        members = parse_qs(b64decode(encoded, validate=True).decode(), strict_parsing=True)
    except ValueError:
        return False
    return members.keys() <= {"o", "r", "p"}


class RankedPagination(BasePagination):
    """Pages of a list whose order is computed, such as a recommendation.

    The cursor is a position. A little inexact is fine here: the list is short, and its order may change under
    the reader anyway.
    """

    MAXIMUM_POSITION = 10_000

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.size = page_size_of(request)
        self.position = self._read_cursor(request)
        found = list(queryset[self.position : self.position + self.size + 1])
        self.has_next = len(found) > self.size
        return found[: self.size]

    def get_paginated_response(self, data: Any) -> Response:
        following = self.position + self.size if self.has_next else None
        preceding = max(0, self.position - self.size) if self.position else None
        return Response({"next": self._link(following), "previous": self._link(preceding), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return CursorPagination().get_paginated_response_schema(schema)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return NewestFirstPagination().get_schema_operation_parameters(view)

    def _read_cursor(self, request: Request) -> int:
        cursor = request.query_params.get("cursor")
        if cursor is None:
            return 0
        try:
            position = int(urlsafe_b64decode(cursor.encode()).removeprefix(b"at="))
        except ValueError as error:
            raise CursorInvalid(parameter="cursor") from error
        if not 0 <= position <= self.MAXIMUM_POSITION:
            raise CursorInvalid(parameter="cursor")
        return position

    def _link(self, position: int | None) -> str | None:
        if position is None:
            return None
        cursor = urlsafe_b64encode(f"at={position}".encode()).decode()
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)
