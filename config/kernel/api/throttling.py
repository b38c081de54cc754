"""How fast a caller of the API may ask."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.kernel.addresses import client_address, network_of
from config.kernel.api.callers import caller_of
from config.kernel.rate_limit import Who, keep_rate


class CallerThrottle(BaseThrottle):
    """Counts the shop's backend by its application, a shopper's page by the shopper and the address.

    The rate is the view's `rates` of the method, or `calls`.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Returns True, or raises the precise refusal.

        Raises:
            Throttled: with `retry_after`.
        """
        caller = caller_of(request)
        who: dict[Who, object] = {"key": caller.id}
        if not caller.is_integrator:
            who = {"shopper": caller.account.pk, "address": network_of(client_address(request._request))}
        keep_rate(view.rates.get(request.method, "calls"), who)
        return True
