"""Messages in words: the templates of a topic, filled in the active language and the shop's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from campaigns.enums import MessageTopic
from campaigns.models import Message
from coupons.models import Claim, Coupon
from coupons.wording import benefit_in_words, end_in_words


@dataclass(frozen=True, slots=True)
class ReportNotice:
    """A report of the admin, for the shop's own people, with the number that the message is about."""

    url_name: str
    number_name: str


REPORTS = {MessageTopic.FAIRNESS: ReportNotice("figures:fairness", "alarms")}

About = Claim | Coupon | ReportNotice


class MessageContent:
    """What a message says, in the language that is active when it is asked; each channel asks for what it can show."""

    def __init__(self, message: Message, about: About) -> None:
        self._message = message
        self._about = about

    @property
    def path(self) -> str:
        """Where the message leads, on this site."""
        if isinstance(self._about, ReportNotice):
            return reverse(self._about.url_name)
        if isinstance(self._about, Coupon):
            return reverse("admin:coupons_coupon_change", args=[self._about.pk])
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
        about = self._about
        common = {"shop_name": settings.SHOP_NAME, "time_zone": settings.TIME_ZONE}
        if isinstance(about, ReportNotice):
            number = {about.number_name: str(self._message.data[about.number_name])}
            return {**common, **number, "url": f"{settings.SHOP_URL}{self.path}"}
        if isinstance(about, Coupon):
            figures = {name: str(self._message.data[name]) for name in ("left", "low_below")}
            if "runs_out_at" in self._message.data:
                # The day on which stock is expected to run out, in place of a limit that it has not reached.
                figures["runs_out"] = end_in_words(datetime.fromisoformat(self._message.data["runs_out_at"]))
            return {**common, **figures, "title": one_line(about.title), "url": f"{settings.SHOP_URL}{self.path}"}
        coupon = about.coupon_as_held
        return {
            **common,
            "title": one_line(coupon.title),
            "benefit": benefit_in_words(coupon),
            # Of the message, not of the claim: a reminder written before an extension told the truth of its day.
            "end": end_in_words(datetime.fromisoformat(self._message.data["expires_at"])),
            "wallet_url": f"{settings.SHOP_URL}{self.path}",
            "coupon_url": f"{settings.SHOP_URL}{coupon.get_absolute_url()}",
            "account_url": f"{settings.SHOP_URL}{reverse('users:account')}",
        }


def things_of(messages: Iterable[Message]) -> dict[int, About]:
    """Returns what messages are about by their ids: a claim with its coupon, or for the shop's own people a coupon or a
    report."""
    messages = list(messages)
    claims = (
        Claim.objects.select_related("coupon__gift_product")
        .prefetch_related("coupon__tiers")
        .in_bulk({message.data["claim"] for message in messages if "claim" in message.data})
    )
    coupons = Coupon.objects.in_bulk({message.data["coupon"] for message in messages if "coupon" in message.data})
    found = {
        message.pk: claims.get(message.data.get("claim"))
        or coupons.get(message.data.get("coupon"))
        or REPORTS.get(MessageTopic(message.topic))
        for message in messages
    }
    return {pk: thing for pk, thing in found.items() if thing is not None}


def one_line(text: str) -> str:
    """Returns a text without line breaks, control characters and the invisible marks that turn writing around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
