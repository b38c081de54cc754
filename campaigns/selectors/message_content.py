"""Messages in words: the templates of a topic, filled in the active language and the shop's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import Message
from config.kernel.clock import shop_date, shop_zone
from coupons.models import Claim
from coupons.wording import benefit_in_words


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What a message says; each channel takes the parts it can show. `path` is where it leads, on this site."""

    subject: str
    short: str
    text: str
    html: str
    path: str


def claims_of(messages: Iterable[Message]) -> dict[int, Claim]:
    """Returns the claims that messages are about, by id, with their coupons."""
    ids = {message.data["claim"] for message in messages if "claim" in message.data}
    return Claim.objects.select_related("coupon").in_bulk(ids)


def message_content(*, message: Message, claim: Claim | None) -> MessageContent | None:
    """Returns what a message says in the active language; None when what it is about is gone."""
    if claim is None:
        return None
    path = reverse("coupons:wallet")
    context = _reminder_context(message, claim, path)
    folder = f"campaigns/messages/{message.topic}"
    return MessageContent(
        # A title may hold line breaks; a subject is one line whatever a marketer typed.
        subject=one_line(render_to_string(f"{folder}/subject.txt", context)),
        short=render_to_string(f"{folder}/short.txt", context).strip(),
        text=render_to_string(f"{folder}/email.txt", context).strip() + "\n",
        html=render_to_string(f"{folder}/email.html", context),
        path=path,
    )


def one_line(text: str) -> str:
    """Returns a text without line breaks, control characters and the invisible marks that turn writing around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def end_in_words(moment: datetime) -> str:
    """Returns the end of a half-open window as people say it: midnight is the end of the day before."""
    local = moment.astimezone(shop_zone())
    if local.time() == time.min:
        last_day = shop_date(local - local.resolution)
        return _("the end of %(day)s") % {"day": date_format(last_day, "DATE_FORMAT")}
    return date_format(local, "DATETIME_FORMAT")


def _reminder_context(message: Message, claim: Claim, path: str) -> dict[str, Any]:
    return {
        "title": one_line(claim.coupon.title),
        "benefit": benefit_in_words(claim.coupon),
        # Of the message, not of the claim: a reminder written before an extension told the truth of its day.
        "end": end_in_words(datetime.fromisoformat(message.data["expires_at"])),
        "time_zone": settings.TIME_ZONE,
        "shop_name": settings.SHOP_NAME,
        "name": one_line(message.shopper.name),
        "wallet_url": f"{settings.SHOP_URL}{path}",
        "coupon_url": f"{settings.SHOP_URL}{claim.coupon.get_absolute_url()}",
        "account_url": f"{settings.SHOP_URL}{reverse('users:account')}",
    }
