"""Random carts by the million: `make fuzz`, or a sample in `test_fuzz.py`.

A seed names a cart, so that one that fails can be looked at again: `check(seed)`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from random import Random

from tqdm import tqdm

from coupons.pricing import (
    EVERYTHING,
    AmountOff,
    Application,
    Applied,
    Audience,
    Benefit,
    BundlePrice,
    Buyer,
    BuyXGetY,
    Cart,
    CartLine,
    Cash,
    Condition,
    Contains,
    ContainsNone,
    ContainsWorth,
    EveryAmountOff,
    FixedPrice,
    FixedTotal,
    GiftItem,
    MinimumQuantity,
    MinimumSpend,
    Offer,
    OrderNumber,
    Outcome,
    PercentOff,
    Phase,
    Quote,
    Scope,
    ShippingOff,
    ThresholdBase,
    Tier,
    TierBasis,
    Tiered,
    price_cart,
)
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import Selection
from tests.coupons.pricing.builders import NOW, assert_books_balance

SKUS = ("apple", "fig", "kiwi", "pear")
CATEGORIES = ("fruit", "fresh")
BATCH = 500


def check(seed: int) -> None:
    """Price one random cart and hold every invariant against it.

    Raises:
        AssertionError: one does not hold.
    """
    random = Random(seed)
    cart, offers = _cart(random), _wallet(random)
    quote = price_cart(cart, offers, NOW)
    assert_books_balance(quote, offers)
    _check_lines(cart, offers, quote)
    _check_units(cart, offers)

    shuffled_lines, shuffled_offers = list(cart.lines), list(offers)
    random.shuffle(shuffled_lines)
    random.shuffle(shuffled_offers)
    again = price_cart(replace(cart, lines=tuple(shuffled_lines)), shuffled_offers, NOW)
    assert again.payable == quote.payable
    assert again.tax == quote.tax
    assert _by_id(again) == _by_id(quote)

    kept = {outcome.offer_id for outcome in quote.applied}
    repriced = price_cart(cart, [offer for offer in offers if offer.offer_id in kept], NOW)
    assert repriced.lines == quote.lines
    assert repriced.outcomes == quote.applied


def _check_lines(cart: Cart, offers: Sequence[Offer], quote: Quote) -> None:
    lines = {line.line_id: line for line in cart.lines}
    by_id = {offer.offer_id: offer for offer in offers}
    discounts = dict.fromkeys(lines, 0)
    for applied in quote.applied:
        offer = by_id[applied.offer_id]
        for part in applied.lines:
            line = lines[part.line_id]
            assert offer.scope.covers(line) or (offer.get_scope is not None and offer.get_scope.covers(line))
            discounts[part.line_id] += part.amount
    for line, quoted in zip(cart.lines, quote.lines, strict=True):
        assert quoted.discount == discounts[line.line_id]
        assert quoted.payable >= min(line.amount, line.floor_amount)


def _check_units(cart: Cart, offers: Sequence[Offer]) -> None:
    selection = Selection(RunningOrder.at_list_price(cart), NOW)
    selection.run(offers)
    order = selection.order
    for i, line in enumerate(cart.lines):
        used_units, used_amount, amount = order.used_units[i], order.used_amounts[i], order.amounts[i]
        assert 0 <= used_units <= line.quantity
        assert 0 <= used_amount <= amount
        assert used_units or not used_amount
        assert used_units < line.quantity or used_amount == amount


def _by_id(quote: Quote) -> dict[str, Outcome]:
    return {
        outcome.offer_id: replace(outcome, lines=()) if isinstance(outcome, Applied) else outcome
        for outcome in quote.outcomes
    }


def _cart(random: Random) -> Cart:
    highest = random.choice([9, 60, 20_000, 10**12])
    is_taxed = random.random() < 0.3
    lines = tuple(
        CartLine(
            line_id=f"line-{number}",
            sku=random.choice(SKUS),
            categories=frozenset(category for category in CATEGORIES if random.random() < 0.4),
            unit_price=random.randint(0, highest),
            quantity=random.randint(1, 4) if random.random() < 0.9 else random.randint(1, 9_999),
            floor_price=random.randint(0, highest) // 2 if random.random() < 0.3 else 0,
            tax_rate=random.choice([0, 500, 2000]) if is_taxed else 0,
        )
        for number in range(random.randint(0, 6))
    )
    return Cart(
        lines=lines,
        shipping=random.randint(0, highest),
        shipping_tax_rate=500 if is_taxed else 0,
        prices_include_tax=random.random() < 0.5,
        buyer=Buyer(order_count=random.randint(0, 1), tags=frozenset({"vip"} if random.random() < 0.5 else ())),
    )


def _wallet(random: Random) -> list[Offer]:
    highest = random.choice([9, 60, 20_000, 10**12])
    return [
        Offer(
            offer_id=f"offer-{number}",
            coupon_id=f"coupon-{random.randint(1, 3)}",
            benefit=_benefit(random, highest),
            phase=random.choice(list(Phase)),
            conditions=tuple(_condition(random, highest) for _ in range(random.choice([0, 0, 1, 1, 2]))),
            scope=_scope(random),
            priority=random.randint(0, 2),
            stacking_group=random.choice(["", "", "", "brand", "bank"]),
            exclusive=random.random() < 0.1,
            threshold_base=random.choice(list(ThresholdBase)),
            is_automatic=random.random() < 0.2,
            consumes_units=random.random() < 0.25,
            expires_at=random.choice([None, None, None, NOW, NOW + timedelta(days=1)]),
        )
        for number in range(random.randint(1, 6))
    ]


def _scope(random: Random) -> Scope:
    if random.random() < 0.5:
        return EVERYTHING
    return Scope(
        include_skus=frozenset(random.sample(SKUS, random.randint(0, 2))),
        include_categories=frozenset(random.sample(CATEGORIES, random.randint(0, 1))),
        exclude_skus=frozenset(random.sample(SKUS, random.randint(0, 1))),
    )


def _benefit(random: Random, highest: int) -> Benefit:
    def amount() -> int:
        return random.randint(1, highest)

    def share() -> int:
        return random.choice([500, 1000, 3333, 5000, 10_000, random.randint(1, 10_000)])

    def cap() -> int | None:
        return random.choice([None, None, amount()])

    def limit() -> int | None:
        return random.choice([None, None, random.randint(1, 5)])

    match random.randrange(13):
        case 0:
            return AmountOff(amount())
        case 1:
            return AmountOff(amount(), random.choice(list(Application)), limit(), limit())
        case 2:
            return PercentOff(share(), cap())
        case 3:
            return PercentOff(share(), cap(), random.choice(list(Application)), limit(), limit(), random.random() < 0.3)
        case 4:
            return EveryAmountOff(amount(), amount(), cap())
        case 5:
            first, second = random.randint(0, highest // 2), random.randint(highest // 2 + 1, highest + 1)
            tiers = (Tier(minimum=first, amount=amount()), Tier(minimum=second, basis_points=share()))
            return Tiered(tiers, random.choice(list(TierBasis)), cap())
        case 6:
            return FixedPrice(random.randint(0, highest), limit())
        case 7:
            return FixedTotal(random.randint(0, highest))
        case 8:
            return BundlePrice(random.randint(1, 5), random.randint(0, highest), limit())
        case 9 | 10:
            get_scope = random.choice([None, _scope(random)])
            return BuyXGetY(random.randint(1, 3), random.randint(1, 3), share(), limit(), get_scope)
        case 11:
            return random.choice([ShippingOff(), ShippingOff(amount=amount()), ShippingOff(basis_points=share())])
        case _:
            return random.choice([Cash(amount()), GiftItem("cup", random.randint(1, 2))])


def _condition(random: Random, highest: int) -> Condition:
    match random.randrange(6):
        case 0 | 1:
            return MinimumSpend(random.randint(1, highest))
        case 2:
            return MinimumQuantity(random.randint(1, 6), random.random() < 0.3)
        case 3:
            return Contains(_scope(random), random.randint(1, 3))
        case 4:
            return random.choice(
                [ContainsNone(_scope(random)), ContainsWorth(_scope(random), random.randint(1, highest))]
            )
        case _:
            return random.choice([OrderNumber(maximum=1), Audience(frozenset({"vip"}))])


def _check_batch(seeds: range) -> list[str]:
    failures = []
    for seed in seeds:
        try:
            check(seed)
        except Exception as error:
            failures.append(f"seed {seed}: {type(error).__name__}: {error}")
    return failures


def main(arguments: Sequence[str]) -> int:
    """Check so many carts on all cores; name the seeds that fail. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--carts", type=int, default=1_000_000)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args(arguments)

    seeds = range(options.first_seed, options.first_seed + options.carts)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    failures: list[str] = []
    with get_context("spawn").Pool(os.cpu_count()) as pool, tqdm(total=len(seeds), unit=" carts") as progress:
        for batch, found in zip(batches, pool.imap(_check_batch, batches), strict=True):
            failures += found
            progress.update(len(batch))
    sys.stdout.write("\n".join([*failures[:20], f"{len(seeds):,} carts, {len(failures):,} failures\n"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
