"""Errors of the domain: each carries a stable code, an HTTP status and the data needed to act on it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refusal that a caller can understand and act on.

    Subclasses set `code` (stable, for machines), `status` (HTTP) and `message` (a sentence in the
    caller's language, may use `%(name)s` of the data). Keyword arguments become `data`.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 409
    message: ClassVar[str | Promise] = _("This is not possible.")

    def __init__(self, **data: Any) -> None:
        super().__init__(self.code)
        self.data = data

    @property
    def sentence(self) -> str:
        """The message with its data filled in, in the active language."""
        return str(self.message) % self.data if self.data else str(self.message)

    @property
    def retry_after(self) -> int | None:
        """Seconds after which the same call may succeed, where that is known."""
        return self.data.get("retry_after")


class NotFound(DomainError):
    """The thing does not exist, or is not the caller's: both read the same."""

    code = "not_found"
    status = 404
    message = _("There is nothing here.")


class Invalid(DomainError):
    """The request itself is wrong; `parameter` names what."""

    code = "invalid"
    status = 400
    message = _("The request is not valid.")


class Busy(DomainError):
    """The platform cannot answer now; nothing was changed."""

    code = "busy"
    status = 503
    message = _("Too many people at once. Please try again in a moment.")

    def __init__(self, *, retry_after: int = 1, **data: Any) -> None:
        super().__init__(retry_after=retry_after, **data)


class Throttled(DomainError):
    """Data: `retry_after`."""

    code = "throttled"
    status = 429
    message = _("Too many requests. Please wait a moment.")


class IdempotencyKeyMissing(DomainError):
    code = "idempotency_key_missing"
    status = 400
    message = _("This call needs an Idempotency-Key header of 1 to 255 visible ASCII characters.")


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    message = _("This Idempotency-Key was used before with another request.")


class IdempotencyInFlight(DomainError):
    code = "idempotency_in_flight"
    status = 409
    message = _("A request with this Idempotency-Key is being worked on.")

    def __init__(self) -> None:
        super().__init__(retry_after=1)
