"""Serializer fields that take exactly one JSON type each, and money and moments as the API writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.clock import as_text
from config.kernel.money import to_decimal, to_minor

AMOUNT_PATTERN = r"[0-9]{1,16}(\.[0-9]{1,3})?"


@extend_schema_field({"type": "string", "format": "decimal", "pattern": f"^{AMOUNT_PATTERN}$", "example": "12.00"})
class MoneyField(serializers.Field):
    """A decimal string outside, an int of minor units inside; never negative.

    A JSON number is refused: one sender's 1200 is another's 12.00, and 0.1 is no amount at all.
    """

    default_error_messages = {
        "not_a_string": _('Write an amount as a decimal string, such as "12.00".'),
        "invalid_amount": _("This is not an amount in the shop's currency."),
    }

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str):
            self.fail("not_a_string")
        if not re.fullmatch(AMOUNT_PATTERN, data):
            self.fail("invalid_amount")
        try:
            return to_minor(Decimal(data))
        except ValueError:
            self.fail("invalid_amount")

    def to_representation(self, value: int) -> str:
        return str(to_decimal(value))


@extend_schema_field({"type": "string", "format": "date-time", "example": "2026-11-21T04:00:00Z"})
class MomentField(serializers.Field):
    """A moment with its offset; written in UTC."""

    default_error_messages = {
        "not_a_moment": _("Write a moment with its offset, such as 2026-11-21T12:00:00+08:00."),
    }

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail("not_a_moment")
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.fail("not_a_moment")

    def to_representation(self, value: datetime) -> str:
        return as_text(value)


class TextField(serializers.CharField):
    """A JSON string and nothing else; spaces at its ends belong to it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A JSON integer and nothing else."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class IdField(serializers.UUIDField):
    """An identifier of the platform, written as a string."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)
