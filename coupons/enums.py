from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class BenefitType(TextChoices):
    """What a coupon gives."""

    AMOUNT_OFF = "amount_off", _("Amount off")
    PERCENT_OFF = "percent_off", _("Percent off")


class CouponStatus(TextChoices):
    """What a marketer decided; together with the clock it makes the `CouponState`."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class CouponState(TextChoices):
    """Where a coupon stands at a moment."""

    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class AudienceKind(TextChoices):
    """Who may claim a coupon."""

    EVERYONE = "everyone", _("Everyone")
    NEW_SHOPPERS = "new_shoppers", _("Shoppers without an order")
    TAGGED = "tagged", _("Shoppers with a tag")


class ScopeMode(TextChoices):
    INCLUDE = "include", _("Counts")
    EXCLUDE = "exclude", _("Does not count")


class ThresholdBase(TextChoices):
    """Which amount a minimum spend is compared with."""

    CURRENT = "current", _("After earlier discounts")
    INITIAL = "initial", _("Before all discounts")


class StockMovementKind(TextChoices):
    """Why the released stock of a coupon changed."""

    RELEASED = "released", _("Released")
    TOPPED_UP = "topped_up", _("Topped up")
    RESERVE_OPENED = "reserve_opened", _("Reserve opened")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ClaimState(TextChoices):
    """Where a claim stands; see `coupons.services.claim_states` for the moves between them."""

    AVAILABLE = "available", _("Available")
    LOCKED = "locked", _("Locked")
    REDEEMED = "redeemed", _("Redeemed")
    GIFTING = "gifting", _("Being given")
    GIFTED = "gifted", _("Given away")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")


class ClaimChannel(TextChoices):
    """By which way a claim came to its shopper."""

    WEB = "web", _("Web")
    API = "api", _("API")
    CODE = "code", _("Code")
    GRANT = "grant", _("Grant")
    IMPORT = "import", _("Import")


class CodeKind(TextChoices):
    SHARED = "shared", _("One for all")
    UNIQUE = "unique", _("One each")


class OrderState(TextChoices):
    """Where an order stands with its coupons."""

    LOCKED = "locked", _("Awaiting payment")
    REDEEMED = "redeemed", _("Paid")
    RELEASED = "released", _("Cancelled before payment")
    REFUNDED = "refunded", _("Refunded")


class RedemptionEntryKind(TextChoices):
    REDEEMED = "redeemed", _("Redeemed")
    REFUNDED = "refunded", _("Refunded")
