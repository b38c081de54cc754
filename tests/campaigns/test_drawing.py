"""Draws by lot: even, independent, the same whenever asked."""

from __future__ import annotations

from collections import Counter

import pytest

from campaigns.drawing import chance_of, drawn

SALT = b"of the test run only"


def test_chances_are_even_and_follow_from_their_parts_alone() -> None:
    chances = [chance_of(salt=SALT, parts=["group", number]) for number in range(20_000)]

    assert chances == [chance_of(salt=SALT, parts=["group", number]) for number in range(20_000)]
    assert all(0 <= chance < 1 for chance in chances)
    tenths = Counter(int(chance * 10) for chance in chances)
    assert max(tenths.values()) - min(tenths.values()) < 300


def test_another_salt_or_day_is_another_lot() -> None:
    first = [chance_of(salt=SALT, parts=["monday", number]) < 0.5 for number in range(4000)]
    for other in (
        [chance_of(salt=b"another", parts=["monday", number]) < 0.5 for number in range(4000)],
        [chance_of(salt=SALT, parts=["tuesday", number]) < 0.5 for number in range(4000)],
    ):
        alike = sum(one == two for one, two in zip(first, other, strict=True)) / 4000
        assert alike == pytest.approx(0.5, abs=0.04)


def test_parts_do_not_run_together() -> None:
    assert chance_of(salt=SALT, parts=["1", "23"]) != chance_of(salt=SALT, parts=["12", "3"])


def test_shares_are_kept() -> None:
    shares = [0.2, 0.5, 0.0, 0.3]
    found = Counter(drawn(shares, chance=chance_of(salt=SALT, parts=[number])) for number in range(20_000))

    assert [found[place] / 20_000 for place in range(4)] == pytest.approx(shares, abs=0.015)


def test_rounding_leaves_nobody_without() -> None:
    assert drawn([0.5, 0.49999999, 0.0], chance=0.9999999999) == 1
    assert drawn([1.0], chance=0.5) == 0


@pytest.mark.parametrize("shares", [[], [0.5, -0.1]])
def test_shares_that_are_none_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="a draw needs shares"):
        drawn(shares, chance=0.5)
