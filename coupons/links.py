"""Addresses that carry a secret: it stands behind the #, which no browser sends and no access log keeps."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.urls import reverse


def code_link(text: str) -> str:
    """Returns the address that a printed QR code opens: a page whose script fills the code in."""
    return f"{settings.SHOP_URL}{reverse('coupons:code')}#code={quote(text, safe='')}"


def gift_link(token: str) -> str:
    """Returns the address that a giver passes on."""
    return f"{settings.SHOP_URL}{reverse('coupons:gift')}#gift={token}"
