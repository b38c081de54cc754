from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# What the tags of the nightly segmentation begin with; a shopper has at most one of them.
SEGMENT_PREFIX = "segment:"


class TagSource(TextChoices):
    """Who put a label on a shopper."""

    MARKETER = "marketer", _("Marketer")
    RULE = "rule", _("Rule")
    SEGMENTATION = "segmentation", _("Nightly segmentation")
    IMPORT = "import", _("Import")


class BehaviourKind(TextChoices):
    """What a shopper did."""

    VIEW = "view", _("View")
    SEARCH = "search", _("Search")
    CART = "cart", _("Cart")
    PURCHASE = "purchase", _("Purchase")
    CLAIM = "claim", _("Claim")
    REDEEM = "redeem", _("Redeem")
    SHARE = "share", _("Share")
    DWELL = "dwell", _("Dwell")
