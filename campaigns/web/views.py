"""A shopper's messages."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from campaigns.selectors.inbox import inbox_entries
from campaigns.services.inbox import inbox_mark_read
from config.kernel.clock import database_now
from users.models import User
from users.web.people import shopper_of, to_sign_in, wants_fragment


@require_safe
@login_required
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    """The latest messages, newest first."""
    entries = inbox_entries(shopper=cast(User, request.user), now=database_now())
    has_unread = any(entry.is_unread for entry in entries)
    return render(request, "campaigns/inbox.html", {"entries": entries, "has_unread": has_unread})


@require_POST
def inbox_read(request: HttpRequest) -> HttpResponse:
    """Notes that the shopper has seen the messages."""
    shopper = shopper_of(request)
    if shopper is None:
        return to_sign_in(request, back_to=reverse("campaigns:inbox"))
    inbox_mark_read(shopper=shopper, now=database_now())
    if wants_fragment(request):
        return render(request, "campaigns/partials/no_badge.html")
    return redirect("campaigns:inbox")
