"""Who may read the page of metrics."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from config.kernel.addresses import client_address

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def may_read_metrics(request: HttpRequest) -> bool:
    """Tells whether a request brings the token, or comes from a network that needs none.

    With neither `METRICS_TOKEN` nor `METRICS_NETWORKS` set nobody may.
    """
    return _brings_token(request) or _is_near(request)


def _brings_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not settings.METRICS_TOKEN or scheme.lower() != "bearer":
        return False
    return constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def _is_near(request: HttpRequest) -> bool:
    # A proxy that nobody told us of stands in the near network itself, whoever it speaks for.
    if not settings.TRUSTED_PROXIES and any(request.META.get(header) for header in FORWARDED):
        return False
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in settings.METRICS_NETWORKS)
