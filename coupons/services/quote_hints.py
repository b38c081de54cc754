"""What is worth knowing beside a quote: how little is missing for a coupon, and what ends tonight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from config.kernel.clock import end_of_shop_day, shop_date
from coupons.pricing import RefusalCode, Refused
from coupons.services.quotes import Candidate

MAXIMUM_MISSING = 2


class HintCode(StrEnum):
    """What a hint is about."""

    SPEND_MORE = "spend_more"
    BUY_MORE = "buy_more"
    EXPIRES_TONIGHT = "expires_tonight"


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence beside a quote, about one claim, with the data of the sentence."""

    code: HintCode
    candidate: Candidate
    sentence: str
    data: dict[str, int | datetime]


def hints_of(candidates: Sequence[Candidate], *, now: datetime) -> list[Hint]:
    """Returns the hints of a quote: the coupons that miss the least first, then those that end today unused.

    A coupon counts as missing little when what is missing is at most what is there already.
    """
    return [*_missing(candidates)[:MAXIMUM_MISSING], *_expiring(candidates, now)]


def _missing(candidates: Sequence[Candidate]) -> list[Hint]:
    hints = []
    for candidate in candidates:
        outcome = candidate.outcome
        if not isinstance(outcome, Refused):
            continue
        match outcome.code:
            case RefusalCode.THRESHOLD_NOT_MET:
                code, missing, there = HintCode.SPEND_MORE, "missing_amount", "eligible_amount"
            case RefusalCode.QUANTITY_NOT_MET:
                code, missing, there = HintCode.BUY_MORE, "missing_quantity", "eligible_quantity"
            case _:
                continue
        lacking, present = outcome.data[missing], outcome.data[there]
        if isinstance(lacking, int) and isinstance(present, int) and lacking <= present:
            hints.append((lacking / present, Hint(code, candidate, candidate.sentence, {missing: lacking})))
    return [hint for _share, hint in sorted(hints, key=lambda each: each[0])]


def _expiring(candidates: Sequence[Candidate], now: datetime) -> list[Hint]:
    tonight = end_of_shop_day(shop_date(now))
    return [
        Hint(
            HintCode.EXPIRES_TONIGHT,
            candidate,
            _("“{title}” expires tonight.").format(title=candidate.claim.coupon.title),
            {"expires_at": candidate.claim.expires_at},
        )
        for candidate in candidates
        if candidate.status == "available" and candidate.claim.expires_at <= tonight
    ]
