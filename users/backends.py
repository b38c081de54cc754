"""Sign-in by user name, e-mail address or phone number."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from config.kernel.crypto import blind_index
from users.identifiers import normalize_identifier
from users.models import User

# Every request of somebody who is signed in begins with it. Written out, because Django would take several times as
# long to compose it as PostgreSQL takes to answer.
READ_USER = "SELECT * FROM users_user WHERE id = %s"


class IdentifierBackend(ModelBackend):
    """Checks a password against the account that a person's identifier names."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        user = User.objects.identified_by(username).first()
        if user is None:
            # Hash all the same, so that the time taken does not tell who has an account.
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def get_user(self, user_id: int) -> User | None:
        """Returns whose session it is; None when there is no such account, or it is closed."""
        user = next(iter(User.objects.raw(READ_USER, [user_id])), None)
        return user if user is not None and self.user_can_authenticate(user) else None


def hashed_identifier(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """Returns what the lock-out log keeps in place of the identifier that was typed."""
    typed = (credentials or {}).get("username") or (request.POST.get("username", "") if request else "")
    # One account is one entry, however many spellings of its number somebody tries.
    return blind_index(normalize_identifier(str(typed)), key=settings.BLIND_INDEX_KEY, context="sign-in")
