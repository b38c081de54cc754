"""Every service that writes, with something to do: what `test_crash_points.py` crashes at every point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from campaigns.services.reminders import reminders_enqueue
from campaigns.services.stock_watch import stock_watch
from config.kernel.idempotency import Answer
from coupons.enums import ClaimChannel, Handout
from coupons.models import Claim, Coupon, Order, ReleaseBatch, StockPolicy, WaitingEntry
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.claims import claim_create, claim_create_by_code, claim_create_once
from coupons.services.code_batches import code_batch_generate, code_batch_run
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from coupons.services.lotteries import draw_lotteries, lottery_enter
from coupons.services.orders import order_edit, order_lock, order_redeem, order_refund, order_release
from coupons.services.publishing import coupon_pause
from coupons.services.red_packets import close_red_packets, red_packet_grab
from coupons.services.release_batches import release_batches_open_due
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw
from coupons.services.waiting import waiting_grant_due, waiting_join, waiting_leave
from tests import factories
from tests.coupons.orders import lock
from tests.factories import NOW, THAT_MORNING, cart_item

DAY = timedelta(days=1)
_number = count(1)


@dataclass(frozen=True, slots=True)
class Task:
    """One call that writes.

    Attributes:
        call: does it.
        coupon: whose invariants hold before and after.
        once: the same under a key, where the service keeps the record of its answer itself.
    """

    call: Callable[[], Any]
    coupon: Coupon
    once: Callable[..., Answer] | None = None


def a_coupon(**fields: Any) -> Coupon:
    coupon = factories.make_coupon(**fields)
    coupon.budgets.add(factories.make_budget())
    return coupon


def a_claim(**fields: Any) -> Claim:
    return factories.make_claim(coupon=a_coupon(**fields))


def locked() -> Order:
    claim = a_claim()
    return lock(claim.shopper, claim, items=[cart_item(quantity=2)], reference=f"order-{next(_number)}")


def coupon_on(order: Order) -> Coupon:
    return Claim.objects.select_related("coupon").get(order=order).coupon


def claiming(**fields: Any) -> Task:
    coupon, shopper = a_coupon(**fields), factories.make_shopper()
    what: dict[str, Any] = {"shopper": shopper, "coupon": coupon, "channel": ClaimChannel.WEB, "now": NOW}
    once = partial(claim_create_once, **what, answer=lambda claim: Answer(201, {"id": str(claim.public_id)}))
    return Task(partial(claim_create, **what), coupon, once)


def claiming_from_a_batch() -> Task:
    task = claiming(stock=0)
    ReleaseBatch.objects.create(coupon=task.coupon, quantity=3, opens_at=THAT_MORNING)
    return task


def claiming_by_code() -> Task:
    coupon, text = a_coupon(handout=Handout.CODE), f"CRASH{next(_number)}"
    factories.make_code(coupon=coupon, text=text, maximum_uses=5)
    shopper = factories.make_shopper()
    return Task(partial(claim_create_by_code, shopper=shopper, text=text, channel=ClaimChannel.CODE, now=NOW), coupon)


def locking() -> Task:
    claim = a_claim()
    call = partial(
        order_lock,
        shopper=claim.shopper,
        reference=f"order-{next(_number)}",
        items=[cart_item()],
        claim_ids=[claim.public_id],
        now=NOW,
    )
    return Task(call, claim.coupon)


def editing() -> Task:
    order = locked()
    return Task(partial(order_edit, order=order, items=[cart_item()], claim_ids=[], now=NOW), coupon_on(order))


def redeeming() -> Task:
    order = locked()
    return Task(partial(order_redeem, order=order, now=NOW), coupon_on(order))


def redeeming_cash() -> Task:
    claim = a_claim(benefit_type="cash", amount_off=30_00)
    item = cart_item(factories.make_product(price=12_50))
    order = lock(claim.shopper, claim, items=[item], reference=f"order-{next(_number)}")
    return Task(partial(order_redeem, order=order, now=NOW), claim.coupon)


def releasing() -> Task:
    order = locked()
    return Task(partial(order_release, order=order, now=NOW), coupon_on(order))


def refunding(lines: list[tuple[int, int]] | None) -> Task:
    order = order_redeem(order=locked(), now=NOW)
    return Task(partial(order_refund, order=order, lines=lines, now=NOW), coupon_on(order))


def offering() -> Task:
    claim = a_claim()
    return Task(partial(gift_offer, claim=claim, giver=claim.shopper, message="", now=NOW), claim.coupon)


def accepting() -> Task:
    task = offering()
    gift, recipient = task.call(), factories.make_shopper()
    token = gift_token(gift_id=gift.public_id)
    return Task(partial(gift_accept, token=token, recipient=recipient, now=NOW), task.coupon)


def taking_back() -> Task:
    task = offering()
    gift = task.call()
    return Task(partial(gift_cancel, gift=gift, giver=gift.giver, now=NOW), task.coupon)


def changing_stock(service: Callable[..., Any]) -> Task:
    coupon = a_coupon(stock=20, reserve=10, bucket_count=4)
    return Task(partial(service, coupon=coupon, quantity=7, actor=None, now=NOW), coupon)


def pausing() -> Task:
    coupon = a_coupon()
    return Task(partial(coupon_pause, coupon=coupon, actor=factories.make_marketer(), now=NOW), coupon)


def revoking() -> Task:
    claim = a_claim()
    call = partial(claim_revoke, claim=claim, actor=factories.make_marketer(), reason="crash", now=NOW)
    return Task(call, claim.coupon)


def extending() -> Task:
    claim = a_claim(usable_days=1)
    expire_claims(now=claim.expires_at)
    until = claim.expires_at + DAY
    actor = factories.make_marketer()
    return Task(partial(claim_extend, claim=claim, until=until, actor=actor, now=claim.expires_at), claim.coupon)


def joining() -> Task:
    coupon = a_coupon(stock=0)
    return Task(partial(waiting_join, coupon=coupon, shopper=factories.make_shopper(), now=NOW), coupon)


def leaving() -> Task:
    task = joining()
    entry = task.call()
    return Task(partial(waiting_leave, coupon=task.coupon, shopper=entry.shopper, now=NOW), task.coupon)


def entering_a_lottery() -> Task:
    lottery = factories.make_lottery()
    return Task(partial(lottery_enter, lottery=lottery, shopper=factories.make_shopper(), now=NOW), lottery.coupon)


def grabbing() -> Task:
    packet = factories.make_red_packet()
    return Task(partial(red_packet_grab, packet=packet, shopper=factories.make_shopper(), now=NOW), packet.coupon)


def ordering_codes() -> Task:
    coupon = a_coupon(handout=Handout.CODE)
    return Task(partial(code_batch_generate, coupon=coupon, quantity=5, prefix="", actor=None, now=NOW), coupon)


SERVICES: dict[str, Callable[[], Task]] = {
    "claim, one row": claiming,
    "claim, 16 buckets": partial(claiming, bucket_count=16),
    "claim for new shoppers": partial(claiming, audience="new_shoppers"),
    "claim, opening a batch": claiming_from_a_batch,
    "claim by code": claiming_by_code,
    "lock": locking,
    "edit": editing,
    "redeem": redeeming,
    "redeem cash": redeeming_cash,
    "release": releasing,
    "refund a unit": partial(refunding, [(1, 1)]),
    "refund": partial(refunding, None),
    "offer a gift": offering,
    "accept a gift": accepting,
    "take a gift back": taking_back,
    "top up": partial(changing_stock, stock_top_up),
    "withdraw": partial(changing_stock, stock_withdraw),
    "open the reserve": partial(changing_stock, reserve_open),
    "pause": pausing,
    "revoke": revoking,
    "extend": extending,
    "join the waiting list": joining,
    "leave the waiting list": leaving,
    "enter a lottery": entering_a_lottery,
    "grab a share": grabbing,
    "order codes": ordering_codes,
}


def expiring() -> Task:
    coupon = a_coupon(usable_until=NOW)
    for _claim in range(3):
        factories.make_claim(coupon=coupon)
    return Task(partial(expire_claims, now=NOW, batch_size=2), coupon)


def releasing_locks() -> Task:
    orders = [locked(), locked()]
    return Task(partial(release_expired_locks, now=NOW + DAY), coupon_on(orders[0]))


def expiring_gifts() -> Task:
    task = offering()
    late = task.call().expires_at
    return Task(partial(expire_gifts, now=late), task.coupon)


def opening_batches() -> Task:
    coupon = a_coupon(stock=0, bucket_count=4)
    for number in range(2):
        opens_at = THAT_MORNING + number * timedelta(seconds=1)
        ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=opens_at)
    return Task(partial(release_batches_open_due, now=NOW), coupon)


def granting() -> Task:
    coupon = a_coupon(stock=2)
    for _number in range(3):
        WaitingEntry.objects.create(coupon=coupon, shopper=factories.make_shopper(), joined_at=THAT_MORNING)
    return Task(partial(waiting_grant_due, now=NOW), coupon)


def watching_stock() -> Task:
    coupon = a_coupon(stock=1, reserve=10)
    StockPolicy.objects.create(coupon=coupon, low_below=5, open_reserve=10)
    return Task(partial(stock_watch, now=NOW), coupon)


def closing_red_packets() -> Task:
    packet = factories.make_red_packet(ends_at=NOW)
    red_packet_grab(packet=packet, shopper=factories.make_shopper(), now=THAT_MORNING)
    return Task(partial(close_red_packets, now=NOW), packet.coupon)


def drawing() -> Task:
    lottery = factories.make_lottery(closes_at=NOW, winner_count=2)
    for _number in range(4):
        lottery_enter(lottery=lottery, shopper=factories.make_shopper(), now=THAT_MORNING)

    def fix_and_draw() -> None:
        draw_lotteries(now=NOW)
        draw_lotteries(now=NOW)

    return Task(fix_and_draw, lottery.coupon)


def making_codes() -> Task:
    task = ordering_codes()
    batch = task.call()
    return Task(partial(code_batch_run, batch_id=batch.pk, now=NOW), task.coupon)


def reminding() -> Task:
    claim = a_claim(usable_until=NOW + timedelta(hours=20))
    return Task(partial(reminders_enqueue, now=NOW), claim.coupon)


JOBS: dict[str, Callable[[], Task]] = {
    "expire claims": expiring,
    "release overdue orders": releasing_locks,
    "expire gifts": expiring_gifts,
    "open batches": opening_batches,
    "grant the waiting list": granting,
    "watch the stock": watching_stock,
    "close red packets": closing_red_packets,
    "draw": drawing,
    "make codes": making_codes,
    "remind": reminding,
}
