"""A lottery from the closing to the last prize, and the proof that anybody can check."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from coupons import tasks
from coupons.draws import faults_of
from coupons.enums import ClaimChannel, ClaimState, Handout, LotteryStanding, LotteryState
from coupons.errors import (
    EntriesChanged,
    LotteryCalledOff,
    LotteryStillOpen,
)
from coupons.models import Claim, LotteryEntry
from coupons.selectors.lotteries import lottery_known, proof_parts
from coupons.services import lotteries as service
from coupons.services.lotteries import (
    draw_lotteries,
    lottery_draw,
    lottery_seal,
    prizes_hand_out,
)
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from coupons.services.stock import stock_top_up, stock_withdraw
from tests.coupons.lotteries import A_DAY, IN_AN_HOUR, INSTANT, drawn, enter, entered, proof, winners
from tests.factories import LONG_AGO, NOW, make_coupon, make_lottery, make_shopper
from tests.invariants import assert_invariants
from users.models import Tag, User

pytestmark = pytest.mark.django_db


class TestDrawing:
    def test_the_winners_hold_the_coupon_and_nobody_else(self) -> None:
        lottery = drawn(entered())
        won = winners(lottery)
        assert [entry.rank for entry in won] == [1, 2, 3]
        assert {claim.shopper_id for claim in Claim.objects.all()} == {entry.shopper_id for entry in won}
        for entry in won:
            claim = entry.claim
            assert claim is not None
            assert (claim.channel, claim.ordinal, claim.state) == (ClaimChannel.LOTTERY, 1, ClaimState.AVAILABLE)
            assert claim.claimed_at == IN_AN_HOUR
        assert (lottery.state, lottery.drawn_at) == (LotteryState.DRAWN, IN_AN_HOUR)
        assert_invariants(lottery.coupon)

    @pytest.mark.reliability(26)
    def test_twice_is_once(self) -> None:
        lottery = entered()
        first = [entry.pk for entry in winners(drawn(lottery))]
        assert [entry.pk for entry in winners(lottery_draw(lottery=lottery, now=IN_AN_HOUR + A_DAY))] == first
        lottery.refresh_from_db()
        assert lottery.drawn_at == IN_AN_HOUR
        assert Claim.objects.count() == 3

    def test_not_before_the_entries_close(self) -> None:
        lottery = entered()
        with pytest.raises(LotteryStillOpen) as caught:
            lottery_draw(lottery=lottery, now=IN_AN_HOUR - INSTANT)
        assert caught.value.data == {"closes_at": IN_AN_HOUR}

    def test_with_fewer_entries_than_prizes_all_win_and_the_rest_stays_in_stock(self) -> None:
        lottery = drawn(entered(count=2))
        assert len(winners(lottery)) == 2
        assert_invariants(lottery.coupon)

    def test_with_no_entry_nobody_wins(self) -> None:
        lottery = drawn(entered(count=0))
        assert lottery.state == LotteryState.DRAWN
        assert faults_of(proof(lottery)) == []

    def test_a_coupon_that_was_ended_is_drawn_no_more(self, marketer: User) -> None:
        lottery = entered()
        coupon_end(coupon=lottery.coupon, actor=marketer, now=NOW)
        with pytest.raises(LotteryCalledOff):
            drawn(lottery)
        assert lottery_known(public_id=lottery.public_id).standing(NOW) == LotteryStanding.CALLED_OFF

    def test_won_is_won_though_the_window_of_the_coupon_is_over(self) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY, claim_ends_at=IN_AN_HOUR)
        lottery = entered(coupon=coupon, count=3)
        lottery_draw(lottery=lottery, now=IN_AN_HOUR + A_DAY)
        assert Claim.objects.count() == 3

    def test_entries_that_changed_after_their_list_was_fixed_stop_it(self) -> None:
        lottery = lottery_seal(lottery=entered(), now=IN_AN_HOUR)
        LotteryEntry.objects.create(lottery=lottery, shopper=make_shopper(), entered_at=NOW)
        with pytest.raises(EntriesChanged):
            drawn(lottery)
        assert not winners(lottery)
        assert not Claim.objects.exists()

    @pytest.mark.reliability(26)
    def test_a_crash_at_any_step_is_made_good_with_the_same_winners(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lottery = entered()
        hand_out, calls = service._hand_out, []

        def crash_at_the_second(entry_id: int, now: Any) -> bool:
            calls.append(entry_id)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return hand_out(entry_id, now)

        monkeypatch.setattr(service, "_hand_out", crash_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            drawn(lottery)
        assert Claim.objects.count() == 1
        before = [entry.pk for entry in winners(lottery)]
        monkeypatch.undo()
        draw_lotteries(now=IN_AN_HOUR + timedelta(minutes=1))
        assert [entry.pk for entry in winners(lottery)] == before
        assert Claim.objects.count() == 3
        assert_invariants(lottery.coupon)


class TestPrizesThatHaveToWait:
    def test_for_a_paused_coupon(self, marketer: User) -> None:
        lottery = entered()
        coupon_pause(coupon=lottery.coupon, actor=marketer, now=NOW)
        drawn(lottery)
        assert len(winners(lottery)) == 3
        assert not Claim.objects.exists()
        coupon_resume(coupon=lottery.coupon, actor=marketer, now=IN_AN_HOUR)
        draw_lotteries(now=IN_AN_HOUR + A_DAY)
        assert Claim.objects.count() == 3

    def test_for_stock_that_somebody_took_back(self, marketer: User) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY, stock=3)
        lottery = entered(coupon=coupon)
        stock_withdraw(coupon=coupon, quantity=2, actor=marketer, now=NOW)
        drawn(lottery)
        assert [entry.claim_id is not None for entry in winners(lottery)] == [True, False, False]
        stock_top_up(coupon=coupon, quantity=2, actor=marketer, now=IN_AN_HOUR)
        assert prizes_hand_out(lottery=lottery, now=IN_AN_HOUR) == 2
        assert_invariants(coupon)

    def test_for_a_week_and_no_longer(self, marketer: User) -> None:
        lottery = entered()
        coupon_pause(coupon=lottery.coupon, actor=marketer, now=NOW)
        drawn(lottery)
        coupon_resume(coupon=lottery.coupon, actor=marketer, now=IN_AN_HOUR)
        assert prizes_hand_out(lottery=lottery, now=IN_AN_HOUR + 7 * A_DAY) == 0
        assert prizes_hand_out(lottery=lottery, now=IN_AN_HOUR + 7 * A_DAY - INSTANT) == 3

    def test_nobody_moves_up_for_a_winner_who_cannot_have_one(self) -> None:
        lottery = entered(count=5)
        User.objects.filter(lottery_entries__lottery=lottery).update(is_active=False)
        drawn(lottery)
        assert len(winners(lottery)) == 3
        assert not Claim.objects.exists()
        assert faults_of(proof(lottery)) == []


class TestTheJob:
    @pytest.mark.reliability(26)
    def test_fixes_the_list_in_one_run_and_draws_in_the_next(self) -> None:
        lottery = entered()
        assert draw_lotteries(now=IN_AN_HOUR - INSTANT) == 0
        assert proof(lottery)["entries"] == []
        assert draw_lotteries(now=IN_AN_HOUR) == 0
        fixed = proof(lottery)
        assert (len(fixed["entries"]), fixed["seed"], fixed["winners"]) == (10, None, [])
        assert draw_lotteries(now=IN_AN_HOUR + timedelta(minutes=1)) == 1
        final = proof(lottery)
        assert (final["entries"], final["entries_commitment"]) == (fixed["entries"], fixed["entries_commitment"])
        assert draw_lotteries(now=IN_AN_HOUR + timedelta(minutes=2)) == 0
        assert Claim.objects.count() == 3

    @pytest.mark.reliability(26)
    def test_the_task_and_the_command_do_the_same(self) -> None:
        for _ in range(2):
            make_lottery(closes_at=LONG_AGO + A_DAY)
        out = StringIO()
        call_command("draw_lotteries", stdout=out)
        assert out.getvalue() == "Drew 0 lotteries.\n"
        assert tasks.draw_lotteries() == 2
        assert tasks.draw_lotteries() == 0

    def test_one_that_was_tampered_with_does_not_hold_up_the_others(self) -> None:
        first, second = entered(count=4), entered(count=4)
        draw_lotteries(now=IN_AN_HOUR)
        LotteryEntry.objects.filter(lottery=first).update(weight=9)
        assert draw_lotteries(now=IN_AN_HOUR + timedelta(minutes=1)) == 1
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, second.state) == (LotteryState.OPEN, LotteryState.DRAWN)


class TestTheProof:
    def test_tells_nothing_too_early(self) -> None:
        lottery = entered()
        file = proof(lottery)
        assert (file["seed"], file["entries"], file["winners"], file["entries_commitment"]) == (None, [], [], "")
        assert lottery.seed not in json.dumps(file)
        assert faults_of(file) == ["this lottery has not been drawn yet"]

    def test_the_command_confirms_a_draw_by_file_and_by_id(self, tmp_path: Path) -> None:
        lottery = drawn(entered(weight_tag="vip", weight=3))
        file = tmp_path / "proof.json"
        file.write_text("".join(proof_parts(lottery)))
        for named in (str(lottery.public_id), str(file)):
            out = StringIO()
            call_command("verify_draw", named, stdout=out)
            assert out.getvalue() == "The draw is right: 3 of 10 tickets won.\n"

    def test_the_command_finds_what_was_changed_in_the_database(self) -> None:
        lottery = drawn(entered())
        first = winners(lottery)[0]
        LotteryEntry.objects.filter(pk=first.pk).update(rank=99)
        with pytest.raises(CommandError, match="the winners are not the tickets that were drawn"):
            call_command("verify_draw", str(lottery.public_id))

    def test_the_command_says_what_it_cannot_read(self, tmp_path: Path) -> None:
        for named in ("nowhere.json", str(tmp_path), "0197a3c2-4f10-7c2e-9b1d-6a5b8e7f0c11"):
            with pytest.raises(CommandError, match="no lottery and no readable file"):
                call_command("verify_draw", named)

    def test_the_published_program_agrees_and_finds_what_was_tampered_with(self, tmp_path: Path) -> None:
        """It is a second, independent writing of the formula, and needs nothing but Python."""
        lottery = make_lottery(closes_at=IN_AN_HOUR, weight_tag="vip", weight=3)
        for number in range(30):
            shopper = make_shopper()
            if number % 3 == 0:
                Tag.objects.create(shopper=shopper, name="vip", source="marketer", set_at=LONG_AGO)
            enter(lottery, shopper)
        file = proof(drawn(lottery))
        right, wrong = run_program(tmp_path, file), run_program(tmp_path, {**file, "winners": file["winners"][::-1]})
        assert (right.returncode, right.stdout) == (0, "The draw is right: 3 of 30 tickets won.\n"), right.stderr
        assert wrong.returncode == 1
        assert "other winners" in wrong.stderr

    def test_the_shoppers_guide_prints_that_program(self) -> None:
        program = Path(settings.BASE_DIR, "static", "lottery", "check_draw.py").read_text()
        assert program in Path(settings.BASE_DIR, "docs", "shopper.md").read_text()


def run_program(folder: Path, file: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    path = folder / "proof.json"
    path.write_text(json.dumps(file))
    program = Path(settings.BASE_DIR, "static", "lottery", "check_draw.py")
    return subprocess.run(
        [sys.executable, "-I", program, path], capture_output=True, text=True, timeout=30, check=False
    )
