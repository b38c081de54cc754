"""Lotteries as shoppers, marketers and whoever checks a draw look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from config.kernel.errors import NotFound
from coupons.draws import FORMAT, Ticket
from coupons.enums import CouponStatus, LotteryState
from coupons.models import ClaimCounter, Coupon, Lottery, LotteryEntry, StockBucket
from users.models import User

READ_AT_ONCE = 5_000
RESULT_SHOWN = timedelta(days=3)


def lottery_known(*, public_id: UUID) -> Lottery:
    """Returns a lottery with what its look depends on, see `LotteryQuerySet.known`.

    Raises:
        NotFound: there is none.
    """
    lottery = Lottery.objects.known().filter(public_id=public_id).first()
    if lottery is None:
        raise NotFound
    return lottery


def entry_held(*, lottery: Lottery, shopper: User | None) -> LotteryEntry | None:
    """Returns a shopper's entry with the claim that it won, if any; None for a stranger and for who did not enter."""
    if shopper is None:
        return None
    entries = LotteryEntry.objects.select_related("lottery", "claim__coupon", "claim__shopper", "claim__order")
    return entries.filter(lottery=lottery, shopper=shopper).first()


def lotteries_shown(*, now: datetime, shopper: User | None) -> QuerySet[Lottery]:
    """Returns what the showcase leads to: lotteries that can be entered now, and those that a shopper entered.

    Those that close first come before the others, and a result stays for a few days.
    """
    shown = Q(pk__in=_open_lotteries(now).values("pk"))
    if shopper is not None:
        mine = LotteryEntry.objects.filter(shopper=shopper, lottery__closes_at__gt=now - RESULT_SHOWN)
        shown |= Q(pk__in=mine.values("lottery")) & (
            Q(state=LotteryState.DRAWN) | ~Q(coupon__status=CouponStatus.ENDED)
        )
    return Lottery.objects.filter(shown).select_related("coupon").defer("seed").order_by("closes_at", "pk")


def _open_lotteries(now: datetime) -> QuerySet[Lottery]:
    return Lottery.objects.open_at(now).filter(coupon__status=CouponStatus.PUBLISHED, entries_commitment="")


def stock_free(*, coupon: Coupon, now: datetime) -> int | None:
    """Returns how much of a coupon's stock no lottery has promised yet; None without a limit."""
    if coupon.stock.is_unlimited:
        return None
    left = StockBucket.objects.filter(coupon=coupon).aggregate(sum=Sum("remaining"))["sum"] or 0
    undrawn = Lottery.objects.filter(coupon=coupon, state=LotteryState.OPEN).aggregate(sum=Sum("winner_count"))["sum"]
    owed = LotteryEntry.objects.owed(now).filter(lottery__coupon=coupon).count()
    return max(left - (undrawn or 0) - owed, 0)


def may_still_win(*, coupon: Coupon, shopper: User, now: datetime) -> bool:
    """Tells whether a shopper's limit leaves room for one more claim of a coupon, all open entries won."""
    claimed = ClaimCounter.objects.filter(coupon=coupon, shopper=shopper).values_list("claimed", flat=True).first()
    mine = LotteryEntry.objects.filter(lottery__coupon=coupon, shopper=shopper)
    pending = mine.filter(lottery__state=LotteryState.OPEN).count() + mine.owed(now).count()
    return (claimed or 0) + pending < coupon.limit_per_shopper


def tickets_of(lottery: Lottery) -> Iterator[Ticket]:
    """Yields the tickets of a lottery in their published order, without loading them all."""
    entries = LotteryEntry.objects.filter(lottery=lottery).order_by("ticket").values_list("ticket", "weight")
    for number, weight in entries.iterator(chunk_size=READ_AT_ONCE):
        yield Ticket(str(number), weight)


def proof_parts(lottery: Lottery) -> Iterator[str]:
    """Yields the public file of a lottery, JSON, piece by piece; see `coupons.draws.faults_of`.

    Tickets stand in it once their list is fixed, the seed and the winners once they are drawn.
    """
    is_sealed, is_drawn = lottery.entries_commitment != "", lottery.state == LotteryState.DRAWN
    winners = LotteryEntry.objects.winners().filter(lottery=lottery).values_list("ticket", flat=True)
    head = {
        "format": FORMAT,
        "lottery": str(lottery.public_id),
        "title": lottery.title_en,
        "rules": {
            "opens_at": lottery.opens_at.isoformat(),
            "closes_at": lottery.closes_at.isoformat(),
            "winner_count": lottery.winner_count,
            "weight_tag": lottery.weight_tag,
            "weight": lottery.weight,
        },
        "seed_commitment": lottery.seed_commitment,
        "entries_commitment": lottery.entries_commitment,
        "seed": lottery.seed if is_drawn else None,
        "drawn_at": lottery.drawn_at.isoformat() if lottery.drawn_at else None,
        "winners": [str(ticket) for ticket in winners] if is_drawn else [],
    }
    yield json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}") + ',\n "entries": ['
    separator = "\n"
    for ticket in tickets_of(lottery) if is_sealed else ():
        yield separator + json.dumps({"ticket": ticket.number, "weight": ticket.weight})
        separator = ",\n"
    yield "\n ]\n}\n"
