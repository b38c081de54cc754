"""Who calls: the shop's backend with a bearer token, or a shopper with the session of a page."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from config.kernel.api.errors import CsrfFailed, InvalidToken
from config.kernel.crypto import token_checksum


class BearerAuthentication(BaseAuthentication):
    """An OAuth2 access token in the Authorization header, and only there: a token in an address ends in logs.

    The request's user stays anonymous, since a backend is nobody's account; its token is `request.auth`.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, AccessToken] | None:
        """Returns the token's owner.

        Raises:
            InvalidToken: unknown, expired, or of no application; never falls back to a session.
        """
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        checksum = token_checksum(token.strip())
        known = AccessToken.objects.select_related("application").filter(token_checksum=checksum).first()
        if known is None or known.application is None or not known.is_valid():
            raise InvalidToken
        return AnonymousUser(), known

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class PageSessionAuthentication(SessionAuthentication):
    """The session of a signed-in shopper; a write needs the CSRF token of the page."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise CsrfFailed from error
