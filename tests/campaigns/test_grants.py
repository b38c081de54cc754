"""Grants: a coupon for everybody in an audience, once each, however often the work is stopped and started."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from campaigns import tasks
from campaigns.enums import GrantState
from campaigns.errors import NotForGrant, WrongGrantState
from campaigns.models import Grant
from campaigns.services import grants
from campaigns.services.grants import (
    grant_cancel,
    grant_create,
    grant_pause,
    grant_resume,
    grant_run,
    grant_start,
    grants_run,
)
from config.kernel.errors import Busy, DomainError
from coupons.enums import AudienceKind, ClaimChannel, CouponState, Handout
from coupons.errors import Ended, Paused
from coupons.models import Coupon
from coupons.services.claims import claim_create
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from coupons.services.stock import stock_top_up
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


class Crash(BaseException):
    """Ends a worker as a kill does: nothing is caught."""


def crowd_of(count: int, name: str = "crowd") -> list[User]:
    return User.objects.bulk_create(User(username=f"{name}-{number}", password="!") for number in range(count))


def tag(shopper: User, name: str = "vip", expires_at: datetime | None = None) -> None:
    Tag.objects.create(
        shopper=shopper, name=name, source=TagSource.MARKETER, set_at=factories.LONG_AGO, expires_at=expires_at
    )


def start(coupon: Coupon, audience: AudienceKind = AudienceKind.EVERYONE, tag_name: str = "") -> Grant:
    grant = grant_create(coupon=coupon, audience=audience, tag=tag_name, actor=None, now=NOW)
    return grant_start(grant=grant, actor=None, now=NOW)


def run(grant: Grant, *, now: datetime = NOW, **arguments: Any) -> Grant:
    grant_run(grant_id=grant.pk, clock=lambda: now, **arguments)
    grant.refresh_from_db()
    return grant


def crash_after(chunks: int) -> Callable[[int], object]:
    seen: list[int] = []

    def progressed(count: int) -> None:
        seen.append(count)
        if len(seen) == chunks:
            raise Crash

    return progressed


def holders(coupon: Coupon) -> list[int]:
    return sorted(coupon.claims.filter(channel=ClaimChannel.GRANT).values_list("shopper", flat=True))


class TestAGrant:
    def test_reaches_everybody_once(self) -> None:
        coupon = factories.make_coupon(handout=Handout.GRANT, limit_per_shopper=3)
        crowd = crowd_of(25)
        grant = run(start(coupon), chunk_size=10)
        assert (grant.state, grant.seen, grant.granted, grant.refused) == (GrantState.DONE, 25, 25, {})
        assert (grant.expected, grant.started_at, grant.finished_at) == (25, NOW, NOW)
        assert holders(coupon) == [shopper.pk for shopper in crowd]
        assert_invariants(coupon)

    def test_of_nobody_is_done_at_once(self, coupon: Coupon) -> None:
        assert run(start(coupon)).state == GrantState.DONE

    def test_reaches_no_staff_no_closed_account_and_nobody_who_comes_later(self, coupon: Coupon) -> None:
        shopper, closed = crowd_of(2)
        User.objects.filter(pk=closed.pk).update(is_active=False)
        factories.make_marketer()
        grant = start(coupon)
        factories.make_shopper()
        assert run(grant).seen == 1
        assert holders(coupon) == [shopper.pk]

    def test_reaches_a_tag_as_long_as_it_lasts(self, coupon: Coupon) -> None:
        tagged, other, expired = crowd_of(3)
        tag(tagged)
        tag(tagged, "other")
        tag(other, "other")
        tag(expired, expires_at=NOW)
        grant = run(start(coupon, AudienceKind.TAGGED, "vip"))
        assert (grant.expected, grant.seen) == (1, 1)
        assert holders(coupon) == [tagged.pk]

    def test_reaches_shoppers_without_an_order(self, coupon: Coupon) -> None:
        new, old = crowd_of(2)
        factories.make_paid_order(shopper=old, payable=10_00)
        assert run(start(coupon, AudienceKind.NEW_SHOPPERS)).expected == 1
        assert holders(coupon) == [new.pk]

    def test_counts_whom_the_coupon_refuses_by_reason(self) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="vip")
        has_one, _plain, tagged = crowd_of(3)
        for shopper in (has_one, tagged):
            tag(shopper)
        claim_create(shopper=has_one, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        grant = run(start(coupon), chunk_size=1)
        assert (grant.state, grant.seen, grant.granted) == (GrantState.DONE, 3, 1)
        assert grant.refused == {"shopper": 1, "tag_needed": 1}
        assert_invariants(coupon)

    def test_keeps_who_decided_what(self, coupon: Coupon, marketer: User) -> None:
        crowd_of(30)
        grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=marketer, now=NOW)
        for decide in (grant_start, grant_pause, grant_resume):
            decide(grant=grant, actor=marketer, now=NOW)
        run(grant, chunk_size=10)
        history = grant.history.order_by("history_id").values_list("history_change_reason", "history_user")
        assert list(history) == [
            *((word, marketer.pk) for word in ("created", "started", "paused", "resumed")),
            ("done", None),
        ]

    @pytest.mark.parametrize("handout", [Handout.CODE, Handout.LOTTERY, Handout.AUTOMATIC])
    def test_is_not_made_of_what_comes_another_way(self, handout: Handout) -> None:
        with pytest.raises(NotForGrant):
            start(factories.make_coupon(handout=handout))

    def test_is_not_made_of_what_shoppers_fit(self, coupon: Coupon) -> None:
        factories.make_envelope(coupon=coupon)
        with pytest.raises(NotForGrant):
            start(coupon)

    def test_needs_the_name_of_a_tag(self, coupon: Coupon) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            grant_create(coupon=coupon, audience=AudienceKind.TAGGED, actor=None, now=NOW)


@pytest.mark.reliability(26)
class TestNobodyGetsTwo:
    """Of coupons that a shopper may have three of, so that no limit helps."""

    @pytest.fixture
    def coupon(self) -> Coupon:
        return factories.make_coupon(stock=None, limit_per_shopper=3)

    @pytest.mark.parametrize("chunks", [1, 2, 3])
    def test_after_a_crash(self, coupon: Coupon, chunks: int) -> None:
        crowd = crowd_of(25)
        grant = start(coupon)
        with pytest.raises(Crash):
            run(grant, chunk_size=10, progressed=crash_after(chunks))
        assert grants_run(clock=lambda: NOW) == 25 - min(25, 10 * chunks)
        assert holders(coupon) == [shopper.pk for shopper in crowd]

    def test_when_the_crash_comes_before_the_commit(self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
        crowd_of(25)
        grant = start(coupon)

        def crash(*_arguments: Any) -> None:
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr(grants, "_note", crash)
            with pytest.raises(Crash):
                run(grant, chunk_size=10)
        assert holders(coupon) == []
        assert run(grant).granted == 25

    def test_started_again_in_any_state(self, coupon: Coupon) -> None:
        crowd = crowd_of(25)
        grant = start(coupon)
        with pytest.raises(Crash):
            run(grant, chunk_size=10, progressed=crash_after(1))
        with pytest.raises(WrongGrantState):
            grant_start(grant=grant, actor=None, now=NOW)
        grant_pause(grant=grant, actor=None, now=NOW)
        assert run(grant).granted == 10
        grant_resume(grant=grant, actor=None, now=NOW)
        assert [run(grant).granted, run(grant).granted] == [25, 25]
        for decide in (grant_start, grant_resume, grant_cancel, grant_pause):
            with pytest.raises(WrongGrantState):
                decide(grant=grant, actor=None, now=NOW)
        assert holders(coupon) == [shopper.pk for shopper in crowd]

    def test_once_cancelled(self, coupon: Coupon) -> None:
        crowd_of(25)
        grant = start(coupon)
        with pytest.raises(Crash):
            run(grant, chunk_size=10, progressed=crash_after(1))
        grant_cancel(grant=grant, actor=None, now=NOW)
        for decide in (grant_start, grant_resume, grant_pause, grant_cancel):
            with pytest.raises(WrongGrantState):
                decide(grant=grant, actor=None, now=NOW)
        assert run(grant).granted == 10

    def test_from_tasks_that_come_twice(self, coupon: Coupon) -> None:
        crowd_of(25)
        grant = start(coupon)
        assert [tasks.run_grant(grant.pk), tasks.run_grant(grant.pk), tasks.run_grants()] == [25, 0, 0]
        assert coupon.claims.count() == 25

    def test_but_of_two_grants_each_gets_two(self, coupon: Coupon) -> None:
        """Control: it is the grant that holds, not the limit."""
        crowd_of(5)
        for _grant in range(2):
            run(start(coupon))
        assert coupon.claims.count() == 10


class TestItStops:
    def test_where_the_stock_does_and_goes_on_after_a_top_up(self) -> None:
        coupon = factories.make_coupon(stock=12, limit_per_shopper=2)
        crowd = crowd_of(25)
        grant = run(start(coupon), chunk_size=10)
        assert (grant.state, grant.stop_reason, grant.seen, grant.granted) == (GrantState.STOPPED, "sold_out", 12, 12)
        assert grants_run(clock=lambda: NOW) == 0
        stock_top_up(coupon=coupon, quantity=20, actor=None, now=NOW)
        grant = run(grant_resume(grant=grant, actor=None, now=NOW), chunk_size=10)
        assert (grant.state, grant.stop_reason, grant.seen, grant.granted) == (GrantState.DONE, "", 25, 25)
        assert holders(coupon) == [shopper.pk for shopper in crowd]
        assert_invariants(coupon)

    def test_at_the_days_limit_and_goes_on_tomorrow(self) -> None:
        coupon = factories.make_coupon(limit_per_day=10)
        crowd_of(15)
        grant = run(start(coupon), chunk_size=4)
        assert (grant.state, grant.granted) == (GrantState.WAITING, 10)
        assert grant.resumes_at == datetime.fromisoformat("2026-11-22T00:00:00+08:00")
        assert run(grant, now=grant.resumes_at - timedelta(microseconds=1)).granted == 10
        grant = run(grant, now=grant.resumes_at)
        assert (grant.state, grant.granted, grant.resumes_at) == (GrantState.DONE, 15, None)

    def test_before_the_window_opens_it_waits(self) -> None:
        opens_at = NOW + DAY
        coupon = factories.make_coupon(claim_starts_at=opens_at)
        crowd_of(3)
        grant = run(start(coupon))
        assert (grant.state, grant.granted, grant.resumes_at) == (GrantState.WAITING, 0, opens_at)
        assert run(grant, now=opens_at).granted == 3

    def test_when_the_window_ends_between_two_chunks(self) -> None:
        coupon = factories.make_coupon(claim_ends_at=NOW + DAY)
        crowd_of(25)
        grant = start(coupon)
        times = iter([NOW, NOW + DAY])
        grant_run(grant_id=grant.pk, clock=lambda: next(times), chunk_size=10)
        grant.refresh_from_db()
        assert (grant.state, grant.stop_reason, grant.granted) == (GrantState.STOPPED, "ended", 10)

    def test_while_the_coupon_is_paused(self, coupon: Coupon, marketer: User) -> None:
        crowd_of(3)
        grant = start(coupon)
        coupon_pause(coupon=coupon, actor=marketer, now=NOW)
        assert run(grant).stop_reason == "paused"
        with pytest.raises(Paused):
            grant_resume(grant=grant, actor=None, now=NOW)
        coupon_resume(coupon=coupon, actor=marketer, now=NOW)
        assert run(grant_resume(grant=grant, actor=None, now=NOW)).granted == 3

    def test_not_even_starting_once_the_coupon_has_ended(self, coupon: Coupon, marketer: User) -> None:
        coupon_end(coupon=coupon, actor=marketer, now=NOW)
        with pytest.raises(Ended):
            start(coupon)

    @pytest.mark.parametrize("state", [CouponState.DRAFT, CouponState.PAUSED])
    def test_before_the_coupon_is_published(self, state: CouponState) -> None:
        with pytest.raises(DomainError):
            start(factories.make_coupon(state=state))

    def test_on_a_mistake_and_says_so(self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
        crowd_of(3)
        grant = start(coupon)
        with monkeypatch.context() as patched:
            patched.setattr(grants, "_count", lambda _outcomes: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run(grant)
        grant.refresh_from_db()
        assert (grant.state, grant.stop_reason, grant.granted) == (GrantState.STOPPED, "failed", 0)
        assert run(grant_resume(grant=grant, actor=None, now=NOW)).granted == 3

    def test_not_when_the_database_is_busy_for_a_moment(self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
        crowd_of(3)
        grant = start(coupon)
        work, tries = grants.claims_create_many, []

        def busy_at_first(**arguments: Any) -> Any:
            tries.append(1)
            if len(tries) < 2 * grants.TRIES:
                raise Busy
            return work(**arguments)

        monkeypatch.setattr(grants, "claims_create_many", busy_at_first)
        # It leaves after a few tries, and the next run goes on.
        with pytest.raises(Busy):
            run(grant)
        assert run(grant).granted == 3


class TestTurns:
    def test_end_and_wake_the_next(
        self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        crowd_of(3)
        grant = start(coupon)
        sent: list[tuple[str, list[int]]] = []
        monkeypatch.setattr(
            "config.kernel.waking.current_app.send_task", lambda task, *, args, retry: sent.append((task, args))
        )
        with django_capture_on_commit_callbacks(execute=True):
            assert run(grant, seconds=0).seen == 0
        assert sent == [(grants.TASK, [grant.pk])]
        assert f"{tasks.run_grant.__module__}.{tasks.run_grant.__name__}" == grants.TASK

    def test_by_command(self) -> None:
        crowd_of(5)
        first, second = factories.make_coupon(), factories.make_coupon()
        for coupon in (first, second):
            start(coupon)
        out = StringIO()
        call_command("run_grants", stdout=out)
        call_command("run_grants", stdout=out)
        assert out.getvalue().splitlines() == ["Went through 10 shoppers.", "Went through 0 shoppers."]
