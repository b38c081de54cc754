"""What can be wrong with a request before any service has seen it; the codes are part of the public API."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, Invalid


class MalformedJson(Invalid):
    """Data: `reason` for programmers, in English."""

    code = "malformed_json"
    message = _("The body is not the JSON that this API reads.")


class BodyTooLarge(DomainError):
    """Data: `limit` in bytes."""

    code = "body_too_large"
    status = 413
    message = _("The body is larger than this API reads.")


class UnsupportedContentEncoding(DomainError):
    code = "unsupported_content_encoding"
    status = 415
    message = _("Send the body without compression.")


class NotAuthenticated(DomainError):
    code = "not_authenticated"
    status = 401
    message = _("Sign in, or send a bearer token.")


class InvalidToken(DomainError):
    code = "invalid_token"
    status = 401
    message = _("The bearer token is not known or has expired. Ask for a new one.")


class InsufficientScope(DomainError):
    """Data: `scope`."""

    code = "insufficient_scope"
    status = 403
    message = _("This token lacks the scope %(scope)s.")


class IntegratorsOnly(DomainError):
    """Data: `parameter` where only one part of the request is meant."""

    code = "integrators_only"
    status = 403
    message = _("Only the shop's own backend may do this.")


class CsrfFailed(DomainError):
    code = "csrf_failed"
    status = 403
    message = _("The page has become too old for this. Load it again.")
