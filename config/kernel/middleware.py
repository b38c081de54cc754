"""What every answer carries, and how a busy database looks to a shopper."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from config.kernel.counters import count_busy
from config.kernel.errors import Busy, Throttled
from config.kernel.locks import is_busy


class BusyPageMiddleware:
    """Shows a page with Retry-After when the database says "not now" (503) or the visitor was too quick (429)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Throttled):
            response = render(request, "429.html", status=exception.status)
            response["Retry-After"] = str(exception.retry_after)
            return response
        if not isinstance(exception, Busy) and not is_busy(exception):
            return None
        if not isinstance(exception, Busy):
            count_busy(exception)
        response = render(request, "503.html", status=503)
        response["Retry-After"] = "1"
        return response
