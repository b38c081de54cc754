"""For whom a call is made: a shopper's session acts for itself, the shop's backend for whom it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from config.kernel.api.callers import Caller
from config.kernel.api.fields import IdField, TextField
from config.kernel.api.serializers import StrictSerializer
from config.kernel.errors import Invalid
from users.errors import ShopperUnknown
from users.models import User
from users.selectors.shoppers import shopper_find


class ShopperMissing(Invalid):
    code = "shopper_missing"
    message = _("Name the shopper by `shopper` or `shopper_external_id`.")


class ForShopperSerializer(StrictSerializer):
    """The two ways in which the shop's backend names a shopper; a shopper's own session needs neither."""

    shopper = IdField(required=False, help_text="The platform's id of the shopper.")
    shopper_external_id = TextField(required=False, max_length=64, help_text="The shop's own id of the shopper.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "shopper" in attrs and "shopper_external_id" in attrs:
            raise serializers.ValidationError({"shopper_external_id": [_("Name the shopper in one way.")]})
        return attrs


def shopper_named(caller: Caller, request_data: Mapping[str, Any]) -> User | None:
    """Returns the shopper whom a call is for; None when the shop's backend names nobody.

    Raises:
        ShopperUnknown: there is no such shopper, or it is not the session's own: both read the same.
    """
    public_id, external_id = request_data.get("shopper"), request_data.get("shopper_external_id")
    parameter = "shopper" if public_id is not None else "shopper_external_id"
    if not caller.is_integrator:
        own: User = caller.account
        if public_id not in (None, own.public_id) or external_id not in (None, own.external_id):
            raise ShopperUnknown(parameter=parameter)
        return own
    if public_id is None and external_id is None:
        return None
    shopper = shopper_find(public_id=public_id, external_id=external_id)
    if shopper is None:
        raise ShopperUnknown(parameter=parameter)
    return shopper


def shopper_needed(caller: Caller, request_data: Mapping[str, Any]) -> User:
    """Returns the shopper whom a call is for.

    Raises:
        ShopperMissing: the shop's backend names nobody.
        ShopperUnknown: see `shopper_named`.
    """
    shopper = shopper_named(caller, request_data)
    if shopper is None:
        raise ShopperMissing(parameter="shopper")
    return shopper
