"""The circuit breaker: leaves alone what fails, and comes back by one probe."""

from __future__ import annotations

import pytest

from config.kernel.breaker import CircuitBreaker, CircuitOpen


class Part:
    """Something that works or does not, and counts how often it was asked."""

    def __init__(self) -> None:
        self.works = True
        self.asked = 0
        self.time = 0.0
        self.breaker = CircuitBreaker("part", failures=3, rest=1.0, clock=lambda: self.time)

    def answer(self) -> str:
        self.asked += 1
        if not self.works:
            raise ConnectionError
        return "answer"

    def ask(self) -> str:
        return self.breaker.call(self.answer, failing=(ConnectionError,))

    def fail(self, times: int) -> None:
        self.works = False
        for _time in range(times):
            with pytest.raises(ConnectionError):
                self.ask()


@pytest.fixture
def part() -> Part:
    return Part()


def test_closed_it_lets_every_call_through(part: Part) -> None:
    assert [part.ask() for _call in range(5)] == ["answer"] * 5


def test_three_failures_in_a_row_open_it(part: Part) -> None:
    part.fail(3)
    with pytest.raises(CircuitOpen):
        part.ask()
    assert part.asked == 3


def test_failures_with_a_success_between_them_do_not(part: Part) -> None:
    part.fail(2)
    part.works = True
    part.ask()
    part.fail(2)
    assert not part.breaker.is_open


def test_other_errors_are_answers(part: Part) -> None:
    for _call in range(5):
        with pytest.raises(ZeroDivisionError):
            part.breaker.call(lambda: 1 // 0, failing=(ConnectionError,))
    assert part.ask() == "answer"


def test_after_its_rest_one_probe_closes_it(part: Part) -> None:
    part.fail(3)
    part.works = True
    part.time = 0.99
    with pytest.raises(CircuitOpen):
        part.ask()
    part.time = 1.0
    assert part.ask() == "answer"
    assert not part.breaker.is_open


def test_while_the_probe_is_under_way_everybody_else_is_refused(part: Part) -> None:
    part.fail(3)
    part.works = True
    part.time = 1.0

    def probe() -> str:
        with pytest.raises(CircuitOpen):
            part.ask()
        return part.answer()

    assert part.breaker.call(probe, failing=(ConnectionError,)) == "answer"
    assert part.ask() == "answer"


def test_a_probe_that_fails_opens_it_for_another_rest(part: Part) -> None:
    part.fail(3)
    part.time = 1.0
    part.fail(1)
    part.time = 1.99
    with pytest.raises(CircuitOpen):
        part.ask()
    assert part.asked == 4


def test_a_probe_that_is_cut_off_leaves_room_for_the_next(part: Part) -> None:
    part.fail(3)
    part.works = True
    part.time = 1.0
    with pytest.raises(KeyboardInterrupt):
        part.breaker.call(interrupted, failing=(ConnectionError,))
    assert part.ask() == "answer"


def interrupted() -> None:
    raise KeyboardInterrupt
