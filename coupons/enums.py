from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class BenefitType(TextChoices):
    """What a coupon gives."""

    AMOUNT_OFF = "amount_off", _("Amount off")
    PERCENT_OFF = "percent_off", _("Percent off")
    EVERY_AMOUNT_OFF = "every_amount_off", _("Amount off for every so much spent")
    TIERED = "tiered", _("Tiers")
    FIXED_PRICE = "fixed_price", _("Fixed price per unit")
    BUNDLE_PRICE = "bundle_price", _("So many for a price")
    BUY_X_GET_Y = "buy_x_get_y", _("Buy some, get some")
    GIFT_ITEM = "gift_item", _("Gift item")
    SHIPPING_OFF = "shipping_off", _("Free or cheaper shipping")
    CASH = "cash", _("Cash")


class Application(TextChoices):
    """What an amount or a percentage is taken off."""

    WHOLE = "whole", _("All eligible products together")
    EACH_LINE = "each_line", _("Each line")
    EACH_UNIT = "each_unit", _("Each unit")
    CHEAPEST_UNIT = "cheapest_unit", _("The cheapest unit")


class TierBasis(TextChoices):
    """What the tiers of a coupon count."""

    AMOUNT = "amount", _("Money spent")
    QUANTITY = "quantity", _("Units bought")


class Handout(TextChoices):
    """By which way a coupon reaches shoppers."""

    SHOWCASE = "showcase", _("Claimed by shoppers")
    CODE = "code", _("Only with a code")
    GRANT = "grant", _("Only granted by the shop")
    LOTTERY = "lottery", _("Drawn by lot")
    RED_PACKET = "red_packet", _("Shares of a red packet")
    AUTOMATIC = "automatic", _("Applied by itself, without a claim")


class RefundPolicy(TextChoices):
    """What a partial refund gives back for the returned units."""

    PRORATA = "prorata", _("What was paid for them")
    RECALCULATE = "recalculate", _("What was paid, less the discount that the rest no longer earns")


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
    """What a product or category means to a coupon."""

    INCLUDE = "include", _("Counts")
    EXCLUDE = "exclude", _("Does not count")
    REQUIRE = "require", _("Must be in the cart")
    FORBID = "forbid", _("Must not be in the cart")
    GIVE = "give", _("Given by “buy some, get some”")


class ThresholdBase(TextChoices):
    """Which amount a minimum spend is compared with."""

    CURRENT = "current", _("After earlier discounts")
    INITIAL = "initial", _("Before all discounts")


class StockMovementKind(TextChoices):
    """Why the released stock of a coupon changed."""

    RELEASED = "released", _("Released")
    TOPPED_UP = "topped_up", _("Topped up")
    RESERVE_OPENED = "reserve_opened", _("Reserve opened")
    BATCH_OPENED = "batch_opened", _("Release batch opened")
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
    LOTTERY = "lottery", _("Lottery")
    WAITING_LIST = "waiting_list", _("Waiting list")
    QUEUE = "queue", _("Queue")
    IMPORT = "import", _("Import")
    GIFT = "gift", _("Gift")
    RED_PACKET = "red_packet", _("Red packet")
    REST = "rest", _("Rest of a share")


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


class BudgetEntryKind(TextChoices):
    """Why the spent money of a budget changed."""

    SPENT = "spent", _("Spent")
    RETURNED = "returned", _("Given back")


class CodeBatchKind(TextChoices):
    GENERATED = "generated", _("Generated")
    IMPORTED = "imported", _("Imported")


class CodeBatchState(TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class CodeRefusal(TextChoices):
    """Why a row of an imported file became no code."""

    UNREADABLE = "unreadable", _("Not a code: letters and digits, at most 40")
    USES = "uses", _("Not a number of uses")
    DUPLICATE = "duplicate", _("Stands in the file twice")
    TAKEN = "taken", _("There is this code already")


class RedPacketSplit(TextChoices):
    """How a sum is cut into shares."""

    EQUAL = "equal", _("Equally")
    RANDOM = "random", _("By luck")
    BY_PURCHASE = "by_purchase", _("By what each shopper bought")


class RedPacketState(TextChoices):
    OPEN = "open", pgettext_lazy("a state", "Open")
    CLOSED = "closed", _("Closed")


class RedPacketStanding(TextChoices):
    """Where a red packet stands at a moment: its state, the clock and what is left."""

    UPCOMING = "upcoming", _("Not open yet")
    OPEN = "open", pgettext_lazy("a state", "Open")
    PAUSED = "paused", _("Paused")
    ALL_TAKEN = "all_taken", _("All taken")
    OVER = "over", _("Over")


class GiftState(TextChoices):
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    CANCELLED = "cancelled", _("Taken back")
    EXPIRED = "expired", _("Expired")


class TicketState(TextChoices):
    """What became of a place in the queue of a coupon in queued mode."""

    WAITING = "waiting", _("Waiting")
    GRANTED = "granted", _("Got one")
    REFUSED = "refused", _("Refused")
    LOST = "lost", _("Lost")


class WaitingState(TextChoices):
    """Where a shopper stands on the waiting list of a sold-out coupon."""

    WAITING = "waiting", _("Waiting")
    GRANTED = "granted", _("Got one")
    LEFT = "left", _("Left the list")
    SKIPPED = "skipped", _("Passed over")


class LotteryState(TextChoices):
    OPEN = "open", pgettext_lazy("a state", "Open")
    DRAWN = "drawn", _("Drawn")


class LotteryStanding(TextChoices):
    """Where a lottery stands at a moment: its state, the clock and its coupon's status."""

    UPCOMING = "upcoming", _("Not open yet")
    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Awaiting the draw")
    DRAWN = "drawn", _("Drawn")
    CALLED_OFF = "called_off", _("Called off")


class AffinityReason(TextChoices):
    """Why a coupon stands where it stands in a shopper's list; the sentences are in `coupons.affinity_words`."""

    BOUGHT = "bought", _("Bought often")
    GOES_WITH = "goes_with", _("Goes with what was bought")
    ANYTHING = "anything", _("Counts for everything")
    PEERS = "peers", _("Liked by similar shoppers")
    POPULAR = "popular", _("Liked by many")
