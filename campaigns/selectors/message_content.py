"""Messages in words: the templates of a topic, filled in the active language and the shop's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from campaigns.models import Message
from coupons.models import Claim
from coupons.wording import benefit_in_words, end_in_words


class MessageContent:
    """What a message says, in the language that is active when it is asked; each channel asks for what it can show."""

    def __init__(self, message: Message, claim: Claim) -> None:
        self._message = message
        self._claim = claim

    @property
    def path(self) -> str:
        """Where the message leads, on this site."""
        return reverse("coupons:wallet")

    @property
    def subject(self) -> str:
        """What it is about, in one line: a title may hold line breaks, whatever a marketer typed."""
        return one_line(self._render("subject.txt"))

    @property
    def short(self) -> str:
        """A sentence or two."""
        return self._render("short.txt").strip()

    @property
    def text(self) -> str:
        """A letter in plain text."""
        return self._render("email.txt", name=one_line(self._message.shopper.name)).strip() + "\n"

    @property
    def html(self) -> str:
        """The letter as a page."""
        return self._render("email.html", name=one_line(self._message.shopper.name))

    def _render(self, template: str, **more: str) -> str:
        return render_to_string(f"campaigns/messages/{self._message.topic}/{template}", {**self._context(), **more})

    def _context(self) -> dict[str, str]:
        coupon = self._claim.coupon_as_held
        return {
            "title": one_line(coupon.title),
            "benefit": benefit_in_words(coupon),
            # Of the message, not of the claim: a reminder written before an extension told the truth of its day.
            "end": end_in_words(datetime.fromisoformat(self._message.data["expires_at"])),
            "time_zone": settings.TIME_ZONE,
            "shop_name": settings.SHOP_NAME,
            "wallet_url": f"{settings.SHOP_URL}{self.path}",
            "coupon_url": f"{settings.SHOP_URL}{coupon.get_absolute_url()}",
            "account_url": f"{settings.SHOP_URL}{reverse('users:account')}",
        }


def claims_of(messages: Iterable[Message]) -> dict[int, Claim]:
    """Returns the claims that messages are about, by id, with their coupons."""
    ids = {message.data["claim"] for message in messages if "claim" in message.data}
    return Claim.objects.select_related("coupon__gift_product").prefetch_related("coupon__tiers").in_bulk(ids)


def one_line(text: str) -> str:
    """Returns a text without line breaks, control characters and the invisible marks that turn writing around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
