"""Who makes a call, and what a token lets it do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from config.kernel.api.errors import NotAuthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """The shop's backend (`account` is None) or a shopper who acts for nobody else.

    Attributes:
        id: `client:<application>` or `user:<account>`; idempotency keys and event ids are its own.
        scopes: what the token of a backend allows; a shopper's session has none and needs none.
        account: the signed-in shopper.
    """

    id: str
    scopes: frozenset[str]
    account: Any = None

    @property
    def is_integrator(self) -> bool:
        return self.account is None


def caller_of(request: Request) -> Caller:
    """Returns who makes this call.

    Raises:
        NotAuthenticated: nobody that we know.
    """
    token: Any = request.auth
    if token is not None:
        return Caller(f"client:{token.application_id}", frozenset(token.scope.split()))
    if request.user is not None and request.user.is_authenticated:
        return Caller(f"user:{request.user.pk}", frozenset(), request.user)
    raise NotAuthenticated
