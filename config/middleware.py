"""Headers that depend on where in the site an answer comes from, and the log of requests."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from config.kernel.addresses import client_address

GetResponse = Callable[[HttpRequest], HttpResponse]

# The admin theme runs Alpine.js, which evaluates expressions in attributes; Swagger UI sets inline styles.
LOOSER_POLICIES = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]},
    "/api/docs": {"script-src": [SELF, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]},
}


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request with its shopper; without, when the database that knows the shopper is away.

    The base class asks for the shopper after the answer is made, where an error would replace a 503 by a 500.
    """

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Puts the shopper into what the log says of this request."""
        try:
            RequestMiddleware.bind_user_id(request)
        except (OperationalError, InterfaceError):
            structlog.contextvars.bind_contextvars(user_id=None)


class AdminContentSecurityPolicyMiddleware:
    """Loosens the content security policy for the few pages whose libraries need it, and only there."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for prefix, policy in LOOSER_POLICIES.items():
            if request.path.startswith(prefix):
                response._csp_replace = policy  # type: ignore[attr-defined]  # django-csp's documented hook
        return response


class RequestIdHeaderMiddleware:
    """Tells the caller the id under which the logs know this request, and the logs whom it came from."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Read before the view runs: the logging middleware clears its context afterwards.
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        structlog.contextvars.bind_contextvars(ip=client_address(request))
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
