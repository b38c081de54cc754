"""How many answers, and how quickly."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponse

from config.kernel import counters

GetResponse = Callable[[HttpRequest], HttpResponse]

# More views, methods and statuses than there are in use at a time; looking a metric up costs more than counting.
REMEMBERED = 2_048


class RequestMetricsMiddleware:
    """Counts each answer and its time by view, method and status.

    The view is the name of its address, or of its function, never the address itself: so many series as there are
    views. What no view answered, such as a static file, counts as `none`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        try:
            match = request.resolver_match
            view = match.view_name if match is not None else "none"
            method = request.method if request.method in counters.METHODS else "other"
            count, seconds = _metrics_of(view, method or "other", response.status_code)
            count(1)
            seconds(time.perf_counter() - started)
        # Whatever it is, the answer goes out.
        except Exception:
            counters.note_failure()
        return response


@lru_cache(maxsize=REMEMBERED)
def _metrics_of(view: str, method: str, status: int) -> tuple[Callable[[float], None], Callable[[float], None]]:
    return counters.requests.labels(view, method, str(status)).inc, counters.request_seconds.labels(
        view, method
    ).observe
