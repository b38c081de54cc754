"""Texts that a marketer writes in both languages of the shop."""

from __future__ import annotations

from django.utils.translation import get_language


def in_active_language(zh_hans: str, en: str) -> str:
    """Returns the text in the active language, or the other one when that is empty."""
    if (get_language() or "").startswith("zh"):
        return zh_hans or en
    return en or zh_hans
