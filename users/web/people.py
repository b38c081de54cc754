"""Who looks at a page, and how a page asks somebody to sign in."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django_htmx.http import HttpResponseClientRedirect

from users.models import User


def shopper_of(request: HttpRequest) -> User | None:
    """Returns who is signed in; None for a stranger."""
    return request.user if request.user.is_authenticated else None


def wants_fragment(request: HttpRequest) -> bool:
    """Tells whether htmx asks for a part of the page rather than a person for the page."""
    is_htmx = request.headers.get("HX-Request") == "true"
    return is_htmx and request.headers.get("HX-History-Restore-Request") != "true"


def to_sign_in(request: HttpRequest, *, back_to: str) -> HttpResponse:
    """Sends a stranger to sign in and from there back to a page of this site."""
    response = redirect_to_login(back_to)
    return HttpResponseClientRedirect(response.url) if wants_fragment(request) else response
