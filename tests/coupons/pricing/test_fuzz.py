"""A sample of `make fuzz`, and proof that its checks would notice."""

import pytest

from coupons.pricing.benefits import EligiblePart, Grant
from coupons.pricing.benefits.amount_off import AmountOff
from tests.coupons.pricing import fuzz


def check_all(seeds: range) -> None:
    for seed in seeds:
        fuzz.check(seed)


@pytest.mark.reliability(31)
@pytest.mark.reliability(32)
@pytest.mark.reliability(34)
@pytest.mark.parametrize("first_seed", range(0, 4000, 1000))
def test_random_carts(first_seed: int) -> None:
    check_all(range(first_seed, first_seed + 1000))


def test_a_benefit_that_depends_on_the_order_of_the_lines_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_line_only(self: AmountOff, part: EligiblePart) -> Grant:
        return Grant((min(self.amount, part.lines[0].room), *(0 for _ in part.lines[1:])))

    monkeypatch.setattr("coupons.pricing.engine.sorted_by_sku", lambda cart: cart)
    monkeypatch.setattr(AmountOff, "grant", first_line_only)

    with pytest.raises(AssertionError):
        check_all(range(1000))
