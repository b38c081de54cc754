"""A split that anybody can repeat: by hand, in Python, in SQL."""

from collections import Counter

import numpy as np
import pytest

from campaigns.assignment import HOLDOUT, TREATED, arm_of, holdout_arm_of
from config.kernel.lots import border_of, lot_of, position_of
from config.kernel.lots_in_database import lots_of_numbers, lots_with_salts
from coupons.models import Coupon
from tests import factories
from users.models import User

PEOPLE = range(1, 20_001)


def test_by_hand() -> None:
    # As `md5sum` prints it of the six bytes "salt:1" without a line end.
    assert lot_of("salt", 1) == "dee9a57f5eb6b22657a2579e34438768"
    assert position_of("salt", 1) == 0xDEE9A57F5EB6B / 2**52
    assert arm_of(salt="salt", shopper_id=1, weights={"a": 87, "b": 13}) == "b"
    assert arm_of(salt="salt", shopper_id=1, weights={"a": 88, "b": 12}) == "a"


def test_a_shopper_stays_in_the_arm() -> None:
    weights = {"a": 1, "b": 1, "c": 2}

    assert all(
        arm_of(salt="s", shopper_id=person, weights=weights) == arm_of(salt="s", shopper_id=person, weights=weights)
        for person in range(100)
    )


def test_arms_are_as_large_as_their_weights() -> None:
    counts = Counter(arm_of(salt="s", shopper_id=person, weights={"a": 1, "b": 0, "c": 3}) for person in PEOPLE)

    assert set(counts) == {"a", "c"}
    # Four standard deviations of a draw of 20,000.
    assert counts["a"] == pytest.approx(5_000, abs=4 * 62)


def test_salts_split_independently() -> None:
    ours, theirs = (
        np.array([holdout_arm_of(salt=salt, shopper_id=person, percent=50) == HOLDOUT for person in PEOPLE])
        for salt in ("one", "two")
    )

    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / np.sqrt(len(PEOPLE))
    # Control: the same salt splits the same.
    assert np.corrcoef(ours, ours)[0, 1] == pytest.approx(1)


def test_a_wider_first_arm_keeps_whom_it_had() -> None:
    narrow, wide = (
        {person for person in PEOPLE if holdout_arm_of(salt="s", shopper_id=person, percent=percent) == HOLDOUT}
        for percent in (5, 10)
    )

    assert narrow < wide


def test_neighbouring_numbers_are_as_good_as_random() -> None:
    positions = np.array([position_of("s", person) for person in PEOPLE])

    assert positions.min() >= 0
    assert positions.max() < 1
    assert np.abs(np.histogram(positions, bins=20)[0] - 1_000).max() < 4 * 31
    assert abs(np.corrcoef(positions[:-1], positions[1:])[0, 1]) < 4 / np.sqrt(len(PEOPLE))


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 3}])
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        arm_of(salt="s", shopper_id=1, weights=weights)


@pytest.mark.parametrize("percent", [0, 1, 10, 33, 50])
def test_arm_and_border_agree(percent: int) -> None:
    border = border_of(percent / 100)
    for person in range(2_000):
        assert (lot_of("s", person) < border) == (
            holdout_arm_of(salt="s", shopper_id=person, percent=percent) == HOLDOUT
        )


def test_nobody_and_everybody() -> None:
    assert {holdout_arm_of(salt="s", shopper_id=person, percent=0) for person in range(500)} == {TREATED}


@pytest.mark.django_db
def test_the_database_draws_the_same_lots() -> None:
    crowd = User.objects.bulk_create(User(username=f"lot-{number}", password="!") for number in range(50))
    coupon = factories.make_coupon(holdout_salt="salt", holdout_below=border_of(0.1))

    drawn = dict(User.objects.annotate(lot=lots_of_numbers("salt")).values_list("pk", "lot"))

    assert all(drawn[person.pk] == lot_of("salt", person.pk) for person in crowd)
    for person in crowd[:5]:
        row = Coupon.objects.annotate(lot=lots_with_salts("holdout_salt", person.pk)).get(pk=coupon.pk)
        assert row.lot == lot_of("salt", person.pk)
