"""Model fields for personal data: sealed at rest, found by blind index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.conf import settings
from django.db import models

from config.kernel.crypto import blind_index


class EncryptedTextField(models.TextField):
    """A text that is plain in Python and sealed in the database; it cannot be filtered by value."""

    def _context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        plain = self.to_plain(value)
        return None if plain is None else settings.FIELD_KEY_RING.seal(plain, context=self._context())

    def get_lookup(self, lookup_name: str) -> Any:
        # Two seals of one text differ, so an equality filter would silently find nothing.
        if lookup_name not in {"isnull"}:
            raise TypeError(f"{self.name} is encrypted; look it up by its blind index")
        return super().get_lookup(lookup_name)

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if value is None or value == "":
            return self.from_plain("") if value == "" else None
        return self.from_plain(settings.FIELD_KEY_RING.open(value, context=self._context()))

    def to_plain(self, value: Any) -> str | None:
        return None if value is None else str(value)

    def from_plain(self, plain: str) -> Any:
        return plain


class EncryptedDateField(EncryptedTextField):
    """A calendar date, sealed in the database."""

    def to_plain(self, value: Any) -> str | None:
        if value in (None, ""):
            return None
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(str(value)).isoformat()

    def from_plain(self, plain: str) -> date | None:
        return date.fromisoformat(plain) if plain else None

    def formfield(self, **kwargs: Any) -> Any:
        return models.DateField.formfield(models.DateField(blank=self.blank, null=self.null), **kwargs)


class BlindIndexField(models.CharField):
    """A keyed hash of another field of the row, kept in step whenever the row is saved.

    Args:
        source: name of the encrypted field.
        normalize: brings a value into its one canonical form; an empty result is stored as NULL.
    """

    def __init__(self, *, source: str = "", normalize: Callable[[str], str] = str, **kwargs: Any) -> None:
        self.source = source
        self.normalize = normalize
        kwargs.setdefault("max_length", 64)
        kwargs.setdefault("null", True)
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["source"] = self.source
        return name, path, args, kwargs

    def index_of(self, value: str | None) -> str | None:
        """Returns the stored form of a plain value."""
        normal = self.normalize(value) if value else ""
        if not normal:
            return None
        return blind_index(normal, key=settings.BLIND_INDEX_KEY, context=f"{self.model._meta.db_table}.{self.source}")

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        index = self.index_of(getattr(model_instance, self.source))
        setattr(model_instance, self.attname, index)
        return index
