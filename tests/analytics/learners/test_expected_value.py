"""What a coupon is expected to cost and bring, by hand."""

from math import exp

import numpy as np
import pytest

from analytics.learners.expected_value import (
    PRIOR_CLAIMS,
    USED_SHARE,
    History,
    Terms,
    chance_to_buy,
    cost_of_claims,
    expect,
    with_effect,
)


def history(**columns: list[float]) -> History:
    count = len(next(iter(columns.values())))
    filled = {
        name: np.array(columns.get(name, [default] * count), dtype=np.float64)
        for name, default in (
            ("recency_days", 1),
            ("purchases", 10),
            ("money", 1000),
            ("claims", 0),
            ("redemptions", 0),
        )
    }
    return History(**filled, window_days=100.0)


def test_by_hand() -> None:
    # One purchase in ten days, baskets of 100; within ten days one more with 1 - 1/e.
    expected = expect(history(purchases=[10.0]), [Terms(minimum_spend=200, amount_off=20)], days=10, margin=0.3)

    uses = (1 - exp(-1)) * USED_SHARE * exp(-2)
    assert expected.buys[0] == pytest.approx(1 - exp(-1))
    assert expected.uses[0, 0] == pytest.approx(uses)
    assert expected.costs[0, 0] == pytest.approx(uses * 20)
    assert expected.values[0, 0] == pytest.approx(uses * 0.3 * 200)


def test_who_has_been_silent_for_long_is_less_likely_to_come() -> None:
    chances = chance_to_buy(history(recency_days=[1.0, 30.0, 60.0]), 10)

    # A pause of ten days is usual; thirty are three of them, sixty twice as many.
    assert chances[0] == chances[1] == 2 * chances[2]


def test_own_claims_move_the_share_from_the_shops() -> None:
    expected = expect(
        history(claims=[0.0, 30.0, 10.0], redemptions=[0.0, 20.0, 0.0]),
        [Terms(amount_off=1)],
        days=10,
        margin=1,
    )

    shares = expected.uses[:, 0] / expected.buys
    assert shares[0] == pytest.approx(0.5)
    assert shares[1] == pytest.approx((20 + PRIOR_CLAIMS / 2) / (30 + PRIOR_CLAIMS))
    assert shares[2] == pytest.approx(PRIOR_CLAIMS / 2 / (10 + PRIOR_CLAIMS))


@pytest.mark.parametrize(
    ("terms", "discount"),
    [
        (Terms(percent_off=20), 20),
        (Terms(percent_off=20, discount_cap=5), 5),
        (Terms(percent_off=20, minimum_spend=200), 40),
        (Terms(amount_off=500), 100),
    ],
)
def test_discounts(terms: Terms, discount: float) -> None:
    expected = expect(history(purchases=[10.0]), [terms], days=10, margin=0.3)

    assert expected.costs[0, 0] / expected.uses[0, 0] == pytest.approx(discount)


def test_strange_histories_stay_in_bounds() -> None:
    odd = history(
        purchases=[0.0, 1e6], money=[-5.0, 0.0], recency_days=[0.0, 0.0], claims=[0.0, 1.0], redemptions=[9.0, 9.0]
    )

    expected = expect(odd, [Terms(amount_off=5), Terms(percent_off=100)], days=30, margin=1)

    assert ((expected.uses >= 0) & (expected.uses <= 1)).all()
    assert np.isfinite(expected.values).all()
    assert (expected.costs >= 0).all()


def test_an_effect_counts_only_what_the_offer_causes() -> None:
    known = history(purchases=[10.0] * 4 + [0.0], money=[1000.0] * 3 + [3000.0, 0.0])
    expected = expect(known, [Terms(amount_off=5), Terms(minimum_spend=90, amount_off=9)], days=10, margin=0.3)

    caused = with_effect(expected, np.array([0.0, -0.2, 0.04, 5.0, 0.5]), history=known, margin=0.3)

    # Of baskets of 100 and 300 the margin, times what the offer adds; who never uses a coupon is in the effect already.
    assert caused.values[:, 0] == pytest.approx([0, 0, 0.04 * 0.3 * 100, 0.3 * 300, 0])
    assert np.array_equal(caused.values[:, 1], caused.values[:, 0])
    assert np.array_equal(caused.costs, expected.costs)


def test_held_claims_cost_what_they_were_expected_to() -> None:
    known = history(claims=[0.0, 30.0, 10.0], redemptions=[0.0, 20.0, 0.0])
    terms = Terms(minimum_spend=50, amount_off=20)
    expected = expect(known, [terms], days=10, margin=0.3).costs[:, 0]

    places = np.array([2, 0, 2])
    assert cost_of_claims(known, terms, places=places, days=np.full(3, 10.0)) == pytest.approx(expected[places].sum())
    # One that can hardly be used any more costs hardly anything.
    assert cost_of_claims(known, terms, places=places[:1], days=np.zeros(1)) == 0
