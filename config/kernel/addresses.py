"""From which address a visitor comes."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

# Whoever has one address of such a network has all of them.
IPV6_NETWORK = 64


def client_address(request: HttpRequest) -> str:
    """Returns the visitor's address; empty where there is none, as on a Unix socket.

    `X-Forwarded-For` counts only as far as `settings.TRUSTED_PROXIES` proxies have written it: each appends whom it
    saw, so the visitor stands that many places from its end, and what the visitor wrote stands further ahead.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXIES:
        return address
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if not hops:
        return address
    hop = hops[-min(settings.TRUSTED_PROXIES, len(hops))]
    return hop if _is_address(hop) else address


def network_of(address: str) -> str:
    """Returns what to count an address by: itself, or its network where one visitor commands a whole one."""
    if not _is_address(address):
        return address
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), IPV6_NETWORK), strict=False))
    return str(parsed)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
