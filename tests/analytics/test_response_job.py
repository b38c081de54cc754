"""The nightly response run: learned, judged against the champion, published in chunks, the same run after run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from analytics import tasks
from analytics.enums import Job, ModelState, RunReason, RunState
from analytics.jobs import response as job
from analytics.jobs.response import run_response
from analytics.learners.incumbents import BEYOND_CHANCE
from analytics.models import AllocationPlan, ModelPromotion, ModelVersion, Run
from analytics.selectors import response as facts
from analytics.selectors.response_campaigns import ended_offerings
from analytics.selectors.response_facts import response_facts
from analytics.selectors.timing import timing_chunks
from analytics.services.registry import champion, model_promote, model_roll_back, model_save
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign, CampaignRecipient, CouponScore
from coupons.models import Allocation, Coupon
from coupons.services.allocations import allocations_replace
from tests import factories
from tests.analytics.builders import make_purchase
from tests.analytics.response_shop import DAY, Shop, answer, coupons_of, make_mailing, make_response_shop, use
from users.models import Tag

NOW = factories.NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _needs_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the facts are laid out by statements of PostgreSQL")


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "COUPON_SETTINGS", replace(job.COUPON_SETTINGS, tree_count=10))
    # Of sixty shoppers who come, about thirty answer each mailing.
    monkeypatch.setattr(job, "FEWEST_ANSWERS", 20)


@pytest.fixture
def shop() -> Shop:
    return make_response_shop(NOW)


def scores() -> dict[tuple[int, int], tuple[float, float]]:
    rows = CouponScore.objects.values_list("shopper_id", "coupon_id", "probability", "value")
    return {(shopper, coupon): (probability, value) for shopper, coupon, probability, value in rows}


def test_scores_every_shopper_and_coupon_of_the_live_campaign(shop: Shop) -> None:
    run = run_response(now=NOW)

    assert run.state == RunState.PUBLISHED
    assert run.metrics["outcome"] == "promoted"
    assert run.metrics["scores"] == CouponScore.objects.count() == len(shop.shoppers) * 4
    assert {coupon for _, coupon in scores()} == {coupon.pk for coupon in coupons_of(shop.live)}
    assert sum(probability for probability, _ in scores().values()) == pytest.approx(
        run.metrics["expected_redemptions"]["live"], abs=0.1
    )


def test_whoever_buys_a_thing_is_expected_to_use_its_coupon(shop: Shop) -> None:
    run_response(now=NOW)

    found, coupons = scores(), coupons_of(shop.live)
    fond = [found[shopper.pk, coupons[number % 4].pk][0] for number, shopper in enumerate(shop.shoppers[:60])]
    others = [found[shopper.pk, coupons[(number + 1) % 4].pk][0] for number, shopper in enumerate(shop.shoppers[:60])]
    assert np.mean(fond) > 0.25
    assert np.mean(others) < 0.05


def test_twice_leaves_the_same_scores_and_learns_nothing_anew(shop: Shop) -> None:
    run_response(now=NOW)
    before = scores()
    again = run_response(now=NOW)

    assert scores() == before
    assert again.metrics["outcome"] == "nothing new has ended"
    assert ModelVersion.objects.count() == ModelPromotion.objects.count() == 1


def test_chunks_change_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_response(now=NOW)
    before = scores()
    monkeypatch.setattr(job, "CHUNK_PAIRS", 7 * 4)
    run_response(now=NOW)

    assert scores().keys() == before.keys()
    for key, (probability, _) in scores().items():
        assert probability == pytest.approx(before[key][0], rel=1e-6)


def test_of_too_many_pairs_each_campaign_gives_up_the_same_share(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # Four campaigns of eighty shoppers and four coupons; the first one a quarter of its size.
    CampaignRecipient.objects.filter(campaign=shop.ended[0], shopper__in=shop.shoppers[20:]).delete()
    ended = ended_offerings(until=NOW)
    assert [job._pairs_to_learn(ended)[offering.campaign_id] for offering in ended] == [80, 320, 320, 320]

    monkeypatch.setattr(job, "MOST_PAIRS_IN_ALL", 520)
    assert [job._pairs_to_learn(ended)[offering.campaign_id] for offering in ended] == [40, 160, 160, 160]
    with response_facts(until=NOW, coupon_ids=ended[1].coupon_ids):
        drawn = [job._facts_of_ended(ended[1], 7, most=160).shopper_ids.tolist() for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 40

    monkeypatch.setattr(job, "MOST_PAIRS_LEARNED", 100)
    assert [job._pairs_to_learn(ended)[offering.campaign_id] for offering in ended] == [80, 100, 100, 100]


def test_a_further_campaign_is_judged_on_by_both_and_the_better_one_reigns(shop: Shop) -> None:
    first = run_response(now=NOW - 40 * DAY, as_of=NOW - 40 * DAY)
    assert first.metrics["held_out"] == "mailing-2"
    later = run_response(now=NOW)

    assert later.metrics["held_out"] == "mailing-3"
    assert later.metrics["outcome"] in ("promoted", "the incumbent stays")
    won = later.metrics["gain"]["mean"] > BEYOND_CHANCE * later.metrics["gain"]["error"]
    assert (later.metrics["outcome"] == "promoted") is won
    assert ModelVersion.objects.filter(state=ModelState.CHAMPION).count() == 1


def test_a_worse_challenger_stays_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_response(now=NOW - 40 * DAY, as_of=NOW - 40 * DAY)
    reigning = ModelVersion.objects.get()
    learn = job.fit_response

    def learn_nonsense(lessons: list[job.Lesson], **settings: object) -> object:
        turned = [job.Lesson(each.features, each.answers[::-1].copy(), each.started, each.ended) for each in lessons]
        return learn(turned, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "fit_response", learn_nonsense)
    run = run_response(now=NOW)

    assert run.metrics["outcome"] == "the incumbent stays"
    assert ModelVersion.objects.get() == reigning
    assert CouponScore.objects.exists()


def test_a_campaign_that_nobody_answered_judges_nobody(shop: Shop) -> None:
    """Whoever says "nobody" would win there."""
    run_response(now=NOW - 40 * DAY, as_of=NOW - 40 * DAY)
    reigning = ModelVersion.objects.get()
    make_mailing(shop.products, shop.shoppers, starts_at=NOW - 33 * DAY, key="quiet")
    Campaign.objects.filter(pk=shop.ended[-1].pk).update(status=CampaignStatus.DRAFT)
    run = run_response(now=NOW)

    assert run.metrics["outcome"] == "nothing new has answers enough to judge by"
    assert ModelVersion.objects.get() == reigning
    assert CouponScore.objects.filter(computed_at=NOW).exists()


def test_without_an_ended_campaign_the_incumbent_goes_on_scoring(shop: Shop) -> None:
    run_response(now=NOW - DAY)
    Campaign.objects.filter(pk__in=[campaign.pk for campaign in shop.ended]).update(status=CampaignStatus.DRAFT)
    run = run_response(now=NOW)

    assert (run.state, run.metrics["outcome"]) == (RunState.PUBLISHED, "too few answers")
    assert run.metrics["scores"] == CouponScore.objects.count() == len(shop.shoppers) * 4


def make_champion_of_other_features(run: Run) -> None:
    """Promotes a model that knew two features less, as a release before this one left it."""
    learned = champion(Job.RESPONSE)
    assert learned is not None
    description = {**learned.description, "features": learned.description["features"][:-2]}
    version = model_save(run=run, arrays=learned.arrays, metrics={}, description=description, now=NOW)
    model_promote(version=version, reason="older", now=NOW)


def test_a_champion_of_other_features_is_replaced_though_nothing_new_has_ended(shop: Shop) -> None:
    make_champion_of_other_features(run_response(now=NOW))
    run = run_response(now=NOW + DAY)

    assert (run.state, run.metrics["outcome"]) == (RunState.PUBLISHED, "promoted")
    learned = champion(Job.RESPONSE)
    assert learned is not None
    assert tuple(learned.description["features"]) == job.coupon_feature_names()
    # Control: the one of these features goes on.
    assert run_response(now=NOW + 2 * DAY).metrics["outcome"] == "nothing new has ended"


def test_without_enough_to_learn_from_a_champion_of_other_features_leaves_its_scores(shop: Shop) -> None:
    make_champion_of_other_features(run_response(now=NOW))
    before = scores()
    Campaign.objects.filter(pk__in=[campaign.pk for campaign in shop.ended]).update(status=CampaignStatus.DRAFT)
    run = run_response(now=NOW + DAY)

    assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)
    assert scores() == before


def test_what_a_person_rolled_back_stays_so_for_a_week(shop: Shop) -> None:
    run = run_response(now=NOW - 40 * DAY, as_of=NOW - 40 * DAY)
    first = champion(Job.RESPONSE)
    assert first is not None
    second = model_save(run=run, arrays=first.arrays, metrics={}, description=first.description, now=NOW)
    model_promote(version=second, reason="better", now=NOW)
    model_roll_back(job=Job.RESPONSE, reason="odd", now=NOW, decided_by=factories.make_shopper(is_staff=True))
    held = run_response(now=NOW + DAY)

    assert (held.state, held.metrics["outcome"]) == (RunState.PUBLISHED, "somebody rolled back lately")
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == first.version
    # Control: a week later the newest campaign is looked at.
    assert run_response(now=NOW + 7 * DAY).metrics["held_out"] == "mailing-3"


def test_scores_every_buyer_of_a_campaign_whose_coupons_are_to_be_allocated(shop: Shop) -> None:
    Coupon.objects.filter(pk__in=[coupon.pk for coupon in coupons_of(shop.live)]).update(audience="allocated")
    CampaignRecipient.objects.filter(campaign=shop.live).delete()
    buyer, stranger = shop.shoppers[0], factories.make_shopper()
    make_purchase(buyer, NOW - DAY)
    # Control: nobody has been given anything, so that nobody may claim.
    run_response(now=NOW)
    assert not scores()

    plan = AllocationPlan.objects.create(campaign=shop.live, budget=1)
    run_response(now=NOW)
    scored = {shopper for shopper, _ in scores()}
    assert buyer.pk in scored
    assert stranger.pk not in scored

    AllocationPlan.objects.filter(pk=plan.pk).update(is_active=False)
    run_response(now=NOW + DAY)
    assert not scores()


def test_a_buyer_scored_for_an_allocation_alone_is_neither_addressed_nor_expected(shop: Shop) -> None:
    allocated = coupons_of(shop.live)[0]
    live = [coupon.pk for coupon in coupons_of(shop.live)]
    Coupon.objects.filter(pk__in=live).update(audience="tagged", audience_tag="regular")
    Coupon.objects.filter(pk=allocated.pk).update(audience="allocated")
    buyer, regular = shop.shoppers[:2]
    Tag.objects.create(shopper=regular, name="regular", source="marketer", set_at=NOW)
    for shopper in (buyer, regular):
        make_purchase(shopper, NOW - DAY)
    AllocationPlan.objects.create(campaign=shop.live, budget=1)
    run = run_response(now=NOW)

    found = scores()
    assert {coupon for shopper, coupon in found if shopper == buyer.pk} == {allocated.pk}
    assert {coupon for shopper, coupon in found if shopper == regular.pk} == set(live)
    of_regular = sum(probability for (shopper, _), (probability, _) in found.items() if shopper == regular.pk)
    assert run.metrics["expected_redemptions"]["live"] == pytest.approx(of_regular, abs=0.1)
    assert sum(probability for probability, _ in found.values()) > of_regular + 0.2

    def addressed() -> dict[int, bool]:
        (facts,) = timing_chunks(as_of=NOW, now=NOW, chunk_rows=100)
        told = dict(zip(facts.shopper_ids.tolist(), facts.in_live_campaign.tolist(), strict=True))
        return {shopper.pk: told[shopper.pk] for shopper in (buyer, regular)}

    assert addressed() == {buyer.pk: False, regular.pk: True}
    # Control: what is set aside for them is theirs to claim, as long as it is.
    allocations_replace(coupon_ids=[allocated.pk], rows=[(allocated.pk, buyer.pk, {})], until=NOW + DAY, now=NOW)
    assert addressed() == {buyer.pk: True, regular.pk: True}
    Allocation.objects.update(until=NOW, computed_at=NOW - DAY)
    assert addressed() == {buyer.pk: False, regular.pk: True}


def test_a_gain_is_counted_over_shoppers_and_not_over_their_pairs() -> None:
    answers = np.array([True, True, True, True, False, False, False, False])
    gain, error = job._gain_by_shopper(np.full(8, 0.5), np.full(8, 0.6), answers, shoppers=2)

    each = np.array([np.log(0.6 / 0.5), np.log(0.4 / 0.5)])
    assert (gain, error) == pytest.approx((each.mean(), each.std(ddof=1) / np.sqrt(2)))


def test_few_shoppers_at_a_time_are_the_same_facts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run_response(now=NOW)
    learned, before = ModelVersion.objects.get(), scores()
    CouponScore.objects.all().delete()
    monkeypatch.setattr(facts, "MOST_SHOPPERS", 7)
    monkeypatch.setattr(job, "champion", lambda _job: None)
    run_response(now=NOW)

    assert ModelVersion.objects.latest("pk").checksum == learned.checksum
    assert scores() == before


def test_answers_by_chance_alone_are_never_promoted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Null test: with answers shuffled there is nothing to learn, and nothing is published."""
    random = np.random.default_rng(1)
    read = job.campaign_facts

    def read_shuffled(**arguments: object) -> object:
        facts = read(**arguments)  # type: ignore[arg-type]
        if facts.answers is not None:
            flat = facts.answers.ravel()
            facts.answers[...] = flat[random.permutation(len(flat))].reshape(facts.answers.shape)
        return facts

    monkeypatch.setattr(job, "campaign_facts", read_shuffled)
    run = run_response(now=NOW)

    assert run.state == RunState.SKIPPED
    assert not CouponScore.objects.exists()
    assert not ModelVersion.objects.exists()


def test_what_happens_after_the_cut_off_moves_no_score(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    as_of = NOW - 40 * DAY
    Campaign.objects.filter(pk=shop.live.pk).update(starts_at=as_of - DAY)
    run_response(now=NOW, as_of=as_of)
    before = scores()
    coupons = coupons_of(shop.ended[-1])
    for number, shopper in enumerate(shop.shoppers):
        for place in range(4):
            use(shopper, coupons[place], shop.products[place], as_of + number * timedelta(hours=1))
    extra = make_mailing(shop.products, shop.shoppers, starts_at=as_of + DAY, key="extra", ends_at=as_of + 9 * DAY)
    answer(extra, shop.shoppers, np.random.default_rng(10))
    # As if nothing had been learned yet: it has to be learned from scratch on what was changed.
    monkeypatch.setattr(job, "champion", lambda _job: None)
    run_response(now=NOW, as_of=as_of)

    assert scores() == before


def test_control_the_cut_off_matters(shop: Shop) -> None:
    Campaign.objects.filter(pk=shop.live.pk).update(starts_at=NOW - 41 * DAY)
    run_response(now=NOW, as_of=NOW - 40 * DAY)
    before = scores()
    run_response(now=NOW, as_of=NOW)

    assert scores() != before


def test_scores_of_what_is_over_are_taken_away(shop: Shop) -> None:
    run_response(now=NOW)
    Campaign.objects.filter(pk=shop.live.pk).update(ends_at=NOW + timedelta(hours=1))
    run = run_response(now=NOW + DAY)

    assert run.metrics["dropped"] == len(shop.shoppers) * 4
    assert not CouponScore.objects.exists()


def test_a_shop_without_campaigns_is_skipped() -> None:
    run = run_response(now=NOW)

    assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)


def test_a_run_that_breaks_is_failed_with_its_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(**_arguments: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(job, "coupon_scores_write", break_down)
    with pytest.raises(RuntimeError):
        run_response(now=NOW)

    assert Run.objects.get(job=Job.RESPONSE).state == RunState.FAILED


def test_a_shopper_keeps_only_the_best(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "MOST_SCORES_A_SHOPPER", 2)
    run_response(now=NOW)

    assert CouponScore.objects.count() == len(shop.shoppers) * 2


def test_the_task_and_the_command_do_the_same(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("run_response", "--as-of", NOW.isoformat())

    assert "scores" in capsys.readouterr().out
    assert tasks.run_response() is not None
