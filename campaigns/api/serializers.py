"""What a variant group offers, as the API writes it."""

from __future__ import annotations

from rest_framework import serializers

from coupons.api.serializers.catalogue import CouponSerializer


class OfferSerializer(serializers.Serializer):
    """The coupon of a variant group to which a shopper is led today; needs `now` in its context."""

    key = serializers.CharField(help_text="Of the variant group.")
    day = serializers.DateField(help_text="The shop's day for which this holds.")
    coupon = CouponSerializer()
