from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, Any]:
    """What every page knows of the shop."""
    return {"shop_name": settings.SHOP_NAME, "demo_checkout": settings.DEMO_CHECKOUT}
