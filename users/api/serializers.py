"""Shoppers and behaviour events as the API reads and writes them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField
from config.kernel.api.serializers import StrictSerializer
from config.kernel.clock import database_now, shop_date
from users.api.whose import ForShopperSerializer
from users.enums import BehaviourKind
from users.identifiers import EARLIEST_BIRTHDAY, is_email, is_phone
from users.models import User
from users.services.events import MAXIMUM_BATCH

MAXIMUM_EVENT_DATA = 4_096


class ShopperWriteSerializer(StrictSerializer):
    """What the shop knows of a shopper; what is left out stays as it is."""

    name = TextField(required=False, allow_blank=True, max_length=200)
    email = TextField(required=False, allow_blank=True, max_length=254)
    phone = TextField(required=False, allow_blank=True, max_length=32)
    birthday = serializers.DateField(required=False, allow_null=True)
    language = serializers.ChoiceField(required=False, choices=settings.LANGUAGES)

    def validate_email(self, value: str) -> str:
        if value and not is_email(value):
            raise serializers.ValidationError(_("This is no e-mail address."), code="not_an_email")
        return value

    def validate_birthday(self, value: date | None) -> date | None:
        if value is not None and not EARLIEST_BIRTHDAY <= value <= shop_date(database_now()):
            raise serializers.ValidationError(_("Enter the day you were born."), code="not_a_birthday")
        return value

    def validate_phone(self, value: str) -> str:
        if value and not is_phone(value):
            raise serializers.ValidationError(_("This is no phone number."), code="not_a_phone")
        return value


class ShopperSerializer(serializers.ModelSerializer):
    """A shopper; personal data goes in through the API and never comes out of it."""

    id = serializers.UUIDField(source="public_id")
    joined_at = MomentField()

    class Meta:
        model = User
        fields = ["id", "external_id", "language", "joined_at"]


class EventSerializer(ForShopperSerializer):
    """One thing that a shopper did."""

    event_id = TextField(max_length=64, help_text="Your own id of the event; a second delivery is a no-op.")
    kind = serializers.ChoiceField(choices=BehaviourKind.choices)
    occurred_at = MomentField()
    product_sku = TextField(required=False, allow_blank=True, max_length=64)
    coupon = IdField(required=False, allow_null=True)
    value = MoneyField(required=False, allow_null=True)
    data = serializers.DictField(  # type: ignore[assignment]  # a member's name; DRF keeps the property
        required=False, help_text="Anything else worth keeping, up to 4 KB of JSON."
    )

    def validate_data(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value)) > MAXIMUM_EVENT_DATA:
            raise serializers.ValidationError(_("This is more than 4 KB of JSON."), code="data_too_large")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "shopper" not in attrs and "shopper_external_id" not in attrs:
            raise serializers.ValidationError({"shopper": [_("Name the shopper.")]}, code="required")
        return attrs


class EventBatchSerializer(StrictSerializer):
    events = serializers.ListField(child=EventSerializer(), min_length=1, max_length=MAXIMUM_BATCH)


class EventOutcomeSerializer(serializers.Serializer):
    event_id = serializers.CharField()
    status = serializers.ChoiceField(choices=["accepted", "duplicate"])


class EventBatchResultSerializer(serializers.Serializer):
    """What became of a batch, event by event in its order."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    results = EventOutcomeSerializer(many=True)
