"""Who changed a thing and why, for django-simple-history."""

from __future__ import annotations

from typing import Any

from django.db import models


def set_history(instance: models.Model, *, actor: Any, reason: str) -> None:
    """Names the person and the reason that the next save of this instance writes into its history."""
    # The attributes that django-simple-history reads; it declares no typed way to set them.
    instance._history_user = actor  # type: ignore[attr-defined]
    instance._change_reason = reason  # type: ignore[attr-defined]
