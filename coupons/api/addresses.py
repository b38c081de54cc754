"""From where the API is called, where that is to be counted."""

from __future__ import annotations

from rest_framework.request import Request

from config.kernel.addresses import client_address
from config.kernel.api.callers import Caller


def address_to_count(caller: Caller, request: Request) -> str | None:
    """Returns the address whose wrong codes count; None for the shop's backend, by which all its shoppers come."""
    return None if caller.is_integrator else client_address(request._request)
