"""Benefits on groups of equal units give what they would if every unit were looked at by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from coupons.pricing import AmountOff, Application, Benefit, BundlePrice, BuyXGetY, Cart, FixedPrice, PercentOff
from coupons.pricing.whole_numbers import share_of
from tests.coupons.pricing.builders import cart, line, offer, quote


@dataclass(frozen=True)
class Unit:
    line: int
    price: int
    floor: int

    @property
    def room(self) -> int:
        return max(0, self.price - self.floor)


def units_of(priced_cart: Cart) -> list[Unit]:
    return [
        Unit(number, one.unit_price, one.floor_price)
        for number, one in enumerate(priced_cart.lines)
        for _ in range(one.quantity)
    ]


def cheapest(units: list[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: unit.price)


def buy_and_get(units: list[Unit], buy: int, get: int, share: int, most: int) -> int:
    units = [unit for unit in units if unit.price]
    sets = min(len(units) // (buy + get), most)
    given = cheapest(units)[: sets * get]
    return min(share_of(sum(unit.price for unit in given), share), sum(unit.room for unit in given))


def bundle(units: list[Unit], quantity: int, price: int, most: int) -> int:
    dearest = cheapest([unit for unit in units if unit.price])[::-1]
    saved = 0
    for number in range(min(len(dearest) // quantity, most)):
        members = dearest[number * quantity : (number + 1) * quantity]
        surplus = sum(unit.price for unit in members) - price
        if surplus <= 0:
            break
        saved += min(surplus, sum(unit.room for unit in members))
    return saved


def fixed(units: list[Unit], price: int, most: int) -> int:
    dearer = cheapest([unit for unit in units if unit.room and unit.price > price])[:most]
    return sum(min(unit.room, unit.price - price) for unit in dearer)


def amount_each(units: list[Unit], amount: int, most: int) -> int:
    return sum(min(amount, unit.room) for unit in cheapest([unit for unit in units if unit.room])[:most])


def share_each(units: list[Unit], share: int, most: int) -> int:
    chosen = cheapest([unit for unit in units if unit.room])[:most]
    return sum(min(share_of(unit.price, share), unit.room) for unit in chosen)


def share_of_cheapest(units: list[Unit], share: int, most: int) -> int:
    chosen = cheapest([unit for unit in units if unit.room])[:most]
    return min(share_of(sum(unit.price for unit in chosen), share), sum(unit.room for unit in chosen))


Pair = tuple[Benefit, Callable[[list[Unit]], int]]


def _buy_x_get_y(random: Random) -> Pair:
    buy, get, share, most = random.randint(1, 3), random.randint(1, 3), random.randint(1, 10_000), random.randint(1, 9)
    return BuyXGetY(buy, get, share, most), lambda units: buy_and_get(units, buy, get, share, most)


def _bundle_price(random: Random) -> Pair:
    quantity, price, most = random.randint(1, 6), random.randint(0, 150), random.randint(1, 9)
    return BundlePrice(quantity, price, most), lambda units: bundle(units, quantity, price, most)


def _fixed_price(random: Random) -> Pair:
    price, most = random.randint(0, 60), random.randint(1, 12)
    return FixedPrice(price, most), lambda units: fixed(units, price, most)


def _amount_off(random: Random) -> Pair:
    amount, most = random.randint(1, 60), random.randint(1, 12)
    return AmountOff(amount, Application.EACH_UNIT, most), lambda units: amount_each(units, amount, most)


def _percent_off(random: Random) -> Pair:
    share, most = random.randint(1, 10_000), random.randint(1, 12)
    benefit = PercentOff(share, application=Application.EACH_UNIT, maximum_units=most)
    return benefit, lambda units: share_each(units, share, most)


def _percent_off_whole(random: Random) -> Pair:
    share, most = random.randint(1, 10_000), random.randint(1, 12)
    return PercentOff(share, maximum_units=most), lambda units: share_of_cheapest(units, share, most)


@pytest.mark.parametrize(
    "build", [_buy_x_get_y, _bundle_price, _fixed_price, _amount_off, _percent_off, _percent_off_whole]
)
def test_the_same_total(build: Callable[[Random], Pair]) -> None:
    random = Random(2026)
    for _ in range(600):
        priced_cart = cart(
            *(
                # Prices that differ between lines: units of one price and two floors are another matter.
                line(f"sku-{number}", price, random.randint(1, 7), floor_price=random.choice([0, 0, price // 2, price]))
                for number, price in enumerate(random.sample(range(60), random.randint(1, 5)))
            )
        )
        benefit, by_units = build(random)

        assert quote(priced_cart, offer("c", benefit)).discount_total == by_units(units_of(priced_cart))
