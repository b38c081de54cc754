"""What a coupon is expected to cost and bring, by hand."""

from math import exp

import numpy as np
import pytest

from analytics.learners.expected_value import (
    PRIOR_CLAIMS,
    STRANGER,
    USED_SHARE,
    History,
    Terms,
    chance_to_buy,
    cost_of_claims,
    expect,
    uses_of_claims,
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
    expected = expect(known, [Terms(amount_off=5), Terms(minimum_spend=100, amount_off=9)], days=10, margin=0.3)

    caused = with_effect(expected, np.array([0.0, -0.2, 0.04, 5.0, 0.5]), history=known, margin=0.3)

    # Of baskets of 100 and 300 the margin, times what the offer adds; who never uses a coupon is in the effect already.
    assert caused.values[:, 0] == pytest.approx([0, 0, 0.04 * 0.3 * 100, 0.3 * 300, 0])
    # Of a minimum as large as the basket, only what reaches it is caused.
    assert caused.values[2, 1] == pytest.approx(exp(-1) * caused.values[2, 0])
    assert np.array_equal(caused.costs, expected.costs)


def test_an_effect_is_shared_out_by_the_chance_of_use() -> None:
    known = history(purchases=[10.0] * 4)
    terms = [Terms(amount_off=5), Terms(amount_off=9)]
    scores = np.array([[0.1, 0.4], [0.4, 0.1], [0.2, 0.2], [0.3, 0.0]])
    expected = expect(known, terms, days=10, margin=0.3, scores=scores)

    caused = with_effect(expected, np.full(4, 0.04), history=known, margin=0.3).values

    # The likelier coupon causes more, and is not simply the cheaper one; one that is never used causes nothing.
    assert caused[0, 1] > caused[0, 0]
    assert caused[1, 0] > caused[1, 1]
    assert caused[3, 1] == 0
    assert (caused <= 0.04 * 0.3 * 100 + 1e-9).all()


def test_a_minimum_that_nobody_reaches_is_worth_nothing_and_costs_nothing() -> None:
    known = history(purchases=[10.0, 10.0])
    beyond = Terms(minimum_spend=100 * 7, amount_off=1)
    expected = expect(known, [beyond], days=10, margin=0.3, scores=np.array([[0.9], [np.nan]]))

    assert not expected.uses.any()
    assert not expected.values.any()
    assert not expected.costs.any()
    assert not with_effect(expected, np.ones(2), history=known, margin=0.3).values.any()
    # Control: a little less is reached now and then.
    assert expect(known, [Terms(minimum_spend=100 * 6, amount_off=1)], days=10, margin=0.3).uses.all()


def test_scores_order_shoppers_and_the_rule_says_how_many() -> None:
    known = history(purchases=[10.0, 10.0, 10.0, 5.0])
    rule = expect(known, [Terms(amount_off=5)], days=10, margin=0.3)
    scores = np.array([[0.9], [0.3], [0.6], [np.nan]])

    expected = expect(known, [Terms(amount_off=5)], days=10, margin=0.3, scores=scores)

    assert expected.uses[:3, 0].argsort().tolist() == [1, 2, 0]
    assert expected.uses[:3].sum() == pytest.approx(rule.uses[:3].sum())
    assert expected.scored[:, 0].tolist() == [True, True, True, False]
    # Who has no score is judged by the rule.
    assert expected.uses[3] == rule.uses[3]
    assert expected.costs[:, 0] == pytest.approx(expected.uses[:, 0] * 5)


def test_a_score_knows_of_no_minimum() -> None:
    known = history(purchases=[10.0, 10.0], money=[2000.0, 500.0])

    expected = expect(known, [Terms(minimum_spend=200, amount_off=5)], days=10, margin=0.3, scores=np.full((2, 1), 0.3))

    assert expected.uses[0] > expected.uses[1]


def test_what_came_of_claims_moves_the_level_of_both() -> None:
    known = history(purchases=[10.0, 10.0, 10.0])
    scores = np.array([[0.9], [0.3], [np.nan]])

    def uses(level: float) -> np.ndarray:
        return expect(known, [Terms(amount_off=5)], days=10, margin=0.3, scores=scores, levels=[level]).uses

    assert uses(3.0)[2] == pytest.approx(3 * uses(1.0)[2])
    assert uses(3.0)[:2].sum() == pytest.approx(3 * uses(1.0)[:2].sum())
    assert uses(1e9).max() == 1


def test_held_claims_cost_what_they_were_expected_to() -> None:
    known = history(claims=[0.0, 30.0, 10.0], redemptions=[0.0, 20.0, 0.0])
    terms = Terms(minimum_spend=50, amount_off=20)
    expected = expect(known, [terms], days=10, margin=0.3).costs[:, 0]

    places = np.array([2, 0, 2])
    assert uses_of_claims(known, terms, places=places, days=np.full(3, 10.0)) == pytest.approx(expected[places] / 20)
    assert cost_of_claims(known, terms, places=places, days=np.full(3, 10.0)) == pytest.approx(expected[places].sum())
    # One that can hardly be used any more costs hardly anything.
    assert cost_of_claims(known, terms, places=places[:1], days=np.zeros(1)) == 0


def test_claims_of_strangers_cost_what_everybodys_do() -> None:
    known = history(purchases=[10.0, 5.0, 1.0], recency_days=[1.0, 20.0, 90.0])
    terms = Terms(minimum_spend=50, amount_off=20)
    everybody = expect(known, [terms], days=10, margin=0.3).costs[:, 0]

    def cost(places: list[int], days: list[float]) -> float:
        return cost_of_claims(known, terms, places=np.array(places, dtype=np.int64), days=np.array(days))

    assert cost([STRANGER], [10.0]) == pytest.approx(everybody.mean())
    assert cost([STRANGER, 1, STRANGER], [10.0, 10.0, 10.0]) == pytest.approx(2 * everybody.mean() + everybody[1])
    assert cost([STRANGER], [0.0]) == 0
    nobody = history(purchases=[])
    assert cost_of_claims(nobody, terms, places=np.array([STRANGER]), days=np.ones(1)) == 0
