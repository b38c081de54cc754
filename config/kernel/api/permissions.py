"""A key reaches only its scopes; a shopper reaches only what every shopper may do, for themselves."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.kernel.api.callers import caller_of
from config.kernel.api.errors import InsufficientScope, IntegratorsOnly


class ScopedOrSelf(BasePermission):
    """Looks at the view's `scopes` (method → scope) and `integrators_only`.

    Whose things a caller reaches is decided where they are looked up, not here.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Returns True, or raises the precise refusal.

        Raises:
            NotAuthenticated, InsufficientScope, IntegratorsOnly
        """
        scope = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if scope is None:
            # The view answers 405 itself.
            return True
        caller = caller_of(request)
        if caller.is_integrator:
            if scope not in caller.scopes:
                raise InsufficientScope(scope=scope)
        elif view.integrators_only:
            raise IntegratorsOnly
        return True
