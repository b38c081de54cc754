"""Every campaign for chosen shoppers leaves some out by lot, and keeps who was exposed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from campaigns.assignment import HOLDOUT, TREATED, holdout_arm_of
from campaigns.errors import HoldoutTaken, HoldoutTooLate
from campaigns.models import Campaign, CampaignCoupon, Exposure
from campaigns.selectors.audience import campaign_audience
from campaigns.services import exposures, holdouts
from campaigns.services.audience_exposures import audiences_expose
from campaigns.services.campaigns import campaign_end, campaign_publish
from campaigns.services.exposures import exposures_log
from campaigns.services.grants import grant_create, grant_run, grant_start
from campaigns.services.holdouts import USUAL_PERCENT, campaign_holdout_settle
from config.kernel.lots import border_of
from coupons.enums import AudienceKind, ClaimChannel, CouponState, Handout
from coupons.holdouts import is_held_out
from coupons.models import Coupon
from coupons.services.claims import claim_create
from tests import factories
from tests.campaigns.makers import make_campaign
from tests.factories import NOW
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

TARGETED = {"audience": AudienceKind.TAGGED, "audience_tag": "vip"}


def draft(**fields: object) -> Coupon:
    return factories.make_coupon(state=CouponState.DRAFT, **fields)


def publish(campaign: Campaign, marketer: User) -> Campaign:
    return campaign_publish(campaign=campaign, actor=marketer, now=NOW)


def crowd_of(count: int) -> list[User]:
    crowd = User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))
    Tag.objects.bulk_create(
        Tag(shopper=shopper, name="vip", source=TagSource.MARKETER, set_at=factories.LONG_AGO) for shopper in crowd
    )
    return crowd


class TestPublishing:
    @pytest.mark.parametrize(
        "fields", [TARGETED, {"audience": AudienceKind.NEW_SHOPPERS}, {"audience": AudienceKind.ALLOCATED}]
    )
    def test_a_targeted_campaign_holds_a_tenth_out(self, marketer: User, fields: dict[str, str]) -> None:
        coupon = draft(**fields)
        campaign = publish(make_campaign(coupon), marketer)
        coupon.refresh_from_db()
        assert campaign.holdout_percent == USUAL_PERCENT
        assert (coupon.holdout_salt, coupon.holdout_below) == (campaign.holdout_salt, border_of(0.1))
        assert len(campaign.holdout_salt) == 32

    def test_one_for_everyone_holds_nobody_out(self, marketer: User) -> None:
        coupon = draft()
        assert publish(make_campaign(coupon, draft(**TARGETED)), marketer).holdout_percent == 0
        coupon.refresh_from_db()
        assert coupon.holdout_below == ""

    @pytest.mark.parametrize("percent", [0, 1, 25, 50])
    def test_the_marketer_has_the_last_word(self, marketer: User, percent: int) -> None:
        coupon = draft(**TARGETED)
        assert publish(make_campaign(coupon, holdout_percent=percent), marketer).holdout_percent == percent
        coupon.refresh_from_db()
        assert coupon.holdout_below == border_of(percent / 100)

    def test_more_than_half_cannot_be_stored(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            make_campaign(draft(), holdout_percent=51)

    def test_two_campaigns_split_apart(self, marketer: User) -> None:
        first, second = (publish(make_campaign(draft(**TARGETED)), marketer) for _ in range(2))
        assert first.holdout_salt != second.holdout_salt

    def test_what_was_public_before_stays_as_it_was(self, marketer: User) -> None:
        public, coupon = factories.make_coupon(**TARGETED), draft(**TARGETED)
        publish(make_campaign(public, coupon), marketer)
        public.refresh_from_db()
        assert public.holdout_below == ""

    def test_a_holdout_from_nothing_is_refused(self, marketer: User) -> None:
        for coupon in (factories.make_coupon(), draft(handout=Handout.AUTOMATIC)):
            with pytest.raises(HoldoutTooLate):
                publish(make_campaign(coupon, holdout_percent=10), marketer)

    def test_a_coupon_added_later_holds_the_same_out(self, marketer: User) -> None:
        campaign = publish(make_campaign(draft(**TARGETED)), marketer)
        later, public = draft(), factories.make_coupon()
        for coupon in (later, public):
            CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
        campaign_holdout_settle(campaign=campaign)
        later.refresh_from_db()
        public.refresh_from_db()
        assert (later.holdout_salt, later.holdout_below) == (campaign.holdout_salt, border_of(0.1))
        assert public.holdout_below == ""

    def test_a_draft_campaign_waits_until_it_is_published(self) -> None:
        coupon = draft(**TARGETED)
        campaign_holdout_settle(campaign=make_campaign(coupon, holdout_percent=30))
        coupon.refresh_from_db()
        assert coupon.holdout_below == ""


class TestSharedDrafts:
    """A draft belongs to two campaigns: only one of them can keep shoppers out from it."""

    @pytest.fixture
    def shared(self) -> Coupon:
        return draft(**TARGETED)

    @pytest.fixture
    def first(self, shared: Coupon, marketer: User) -> Campaign:
        """Published with a holdout before the draft was added to it."""
        campaign = publish(make_campaign(draft(**TARGETED)), marketer)
        CampaignCoupon.objects.create(campaign=campaign, coupon=shared)
        campaign_holdout_settle(campaign=campaign)
        return campaign

    @pytest.mark.parametrize("percent", [None, 0, 20])
    def test_the_second_campaign_is_refused_and_says_why(
        self, first: Campaign, shared: Coupon, marketer: User, percent: int | None
    ) -> None:
        second = make_campaign(shared, holdout_percent=percent)
        with pytest.raises(HoldoutTaken) as refused:
            publish(second, marketer)
        assert refused.value.sentence.startswith(f"{shared.title} keeps shoppers out by lot for the campaign Autumn")
        shared.refresh_from_db()
        second.refresh_from_db()
        assert (shared.status, shared.holdout_salt) == ("draft", first.holdout_salt)
        assert (second.status, second.holdout_salt) == ("draft", "")

    def test_control_without_the_question_the_first_measures_nothing_any_more(
        self, first: Campaign, shared: Coupon, marketer: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(holdouts, "other_holder", lambda **_asked: None)
        publish(make_campaign(shared, holdout_percent=20), marketer)
        shared.refresh_from_db()
        assert shared.holdout_salt != first.holdout_salt

    def test_nor_is_it_taken_by_a_campaign_that_gets_it_later(
        self, first: Campaign, shared: Coupon, marketer: User
    ) -> None:
        second = publish(make_campaign(draft(**TARGETED)), marketer)
        CampaignCoupon.objects.create(campaign=second, coupon=shared)
        with pytest.raises(HoldoutTaken):
            campaign_holdout_settle(campaign=second)
        shared.refresh_from_db()
        assert shared.holdout_salt == first.holdout_salt

    def test_a_draft_that_was_taken_out_is_free(self, first: Campaign, shared: Coupon, marketer: User) -> None:
        first.campaign_coupons.get(coupon=shared).delete()
        campaign_holdout_settle(campaign=first)
        shared.refresh_from_db()
        assert (shared.holdout_salt, shared.holdout_below) == ("", "")
        second = publish(make_campaign(shared), marketer)
        shared.refresh_from_db()
        assert shared.holdout_salt == second.holdout_salt

    def test_a_draft_of_a_campaign_that_has_ended_is_free(
        self, first: Campaign, shared: Coupon, marketer: User
    ) -> None:
        campaign_end(campaign=first, actor=marketer, now=NOW)
        shared.refresh_from_db()
        assert shared.holdout_below == ""

    def test_what_was_published_keeps_its_holdout(self, first: Campaign, marketer: User) -> None:
        public = first.coupons.get(status="published")
        first.campaign_coupons.get(coupon=public).delete()
        campaign_holdout_settle(campaign=first)
        public.refresh_from_db()
        assert public.holdout_salt == first.holdout_salt


class TestReaching:
    def test_a_grant_passes_the_holdout_over_and_logs_both_arms(self, marketer: User) -> None:
        coupon = draft(**TARGETED, handout=Handout.GRANT)
        campaign = publish(make_campaign(coupon, holdout_percent=40), marketer)
        coupon.refresh_from_db()
        crowd = crowd_of(40)
        outside = factories.make_shopper()
        grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
        grant_start(grant=grant, actor=None, now=NOW)
        grant_run(grant_id=grant.pk, clock=lambda: NOW, chunk_size=15)
        held = {shopper.pk for shopper in crowd if is_held_out(coupon, shopper.pk)}
        assert 5 < len(held) < 30
        assert set(coupon.claims.values_list("shopper", flat=True)) == {shopper.pk for shopper in crowd} - held
        exposures = dict(Exposure.objects.filter(experiment=campaign.experiment).values_list("shopper", "arm"))
        exposures.pop(outside.pk, None)
        assert exposures == {shopper.pk: HOLDOUT if shopper.pk in held else TREATED for shopper in crowd}

    def test_only_who_would_have_got_it_is_exposed(self, marketer: User) -> None:
        coupon = draft(**TARGETED, handout=Handout.GRANT)
        publish(make_campaign(coupon, holdout_percent=50), marketer)
        for _number in range(20):
            factories.make_shopper()
        grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
        grant_start(grant=grant, actor=None, now=NOW)
        grant_run(grant_id=grant.pk, clock=lambda: NOW)
        assert not Exposure.objects.exists()

    def test_what_shoppers_claim_themselves_exposes_everybody_it_is_meant_for(self, marketer: User) -> None:
        coupon = draft(**TARGETED, handout=Handout.SHOWCASE)
        campaign = publish(make_campaign(coupon, holdout_percent=40), marketer)
        crowd, _outside = crowd_of(40), factories.make_shopper()
        treated = next(shopper for shopper in crowd if not is_held_out(Coupon.objects.get(pk=coupon.pk), shopper.pk))
        factories.make_claim(coupon=coupon, shopper=treated)

        assert audiences_expose(now=NOW) == 40

        # Whoever claimed and whoever did not, in both arms alike.
        exposures = dict(Exposure.objects.filter(experiment=campaign.experiment).values_list("shopper", "arm"))
        assert exposures == {
            shopper.pk: holdout_arm_of(salt=campaign.holdout_salt, shopper_id=shopper.pk, percent=40)
            for shopper in crowd
        }
        assert audiences_expose(now=NOW) == 0

    def test_a_campaign_without_a_holdout_exposes_nobody(self, marketer: User) -> None:
        publish(make_campaign(draft(**TARGETED), holdout_percent=0), marketer)
        crowd_of(3)

        assert audiences_expose(now=NOW) == 0

    def test_another_key_keeps_the_exposures(self, marketer: User) -> None:
        campaign = publish(make_campaign(draft(**TARGETED), holdout_percent=10), marketer)
        before = campaign.experiment
        campaign.key = "renamed"

        assert campaign.experiment == before

    def test_both_arms_are_exposed_by_one_rule(self, marketer: User) -> None:
        coupon = draft(**TARGETED, limit_per_shopper=1)
        publish(make_campaign(coupon, holdout_percent=40), marketer)
        coupon.refresh_from_db()
        crowd = crowd_of(40)
        treated = [shopper for shopper in crowd if not is_held_out(coupon, shopper.pk)]
        # Refused, for they have it already; of whoever is held out nobody can.
        for shopper in treated[:5]:
            claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
        grant_start(grant=grant, actor=None, now=NOW)
        grant_run(grant_id=grant.pk, clock=lambda: NOW)
        grant.refresh_from_db()
        assert grant.granted == len(treated) - 5
        arms = dict(Exposure.objects.values_list("shopper", "arm"))
        assert set(arms) == {shopper.pk for shopper in crowd}
        assert sum(arm == TREATED for arm in arms.values()) == len(treated)

    def test_a_campaigns_audience_is_without_the_holdout(self, marketer: User) -> None:
        coupon = draft(**TARGETED)
        campaign = publish(make_campaign(coupon, holdout_percent=50), marketer)
        crowd = crowd_of(60)
        reached = set(campaign_audience(campaign=campaign, now=NOW).values_list("pk", flat=True))
        assert reached == {
            shopper.pk
            for shopper in crowd
            if holdout_arm_of(salt=campaign.holdout_salt, shopper_id=shopper.pk, percent=50) == TREATED
        }


class TestExposures:
    def test_the_first_one_counts(self, shopper: User, outsider: User) -> None:
        exposures_log(experiment="e", arms=[(shopper.pk, "a")], now=NOW)
        exposures_log(experiment="e", arms=[(shopper.pk, "b"), (outsider.pk, "b")], now=NOW + timedelta(days=1))
        exposures_log(experiment="other", arms=[(shopper.pk, "b")], now=NOW)
        assert sorted(
            Exposure.objects.filter(experiment="e").values_list("shopper", "arm", "first_exposed_at")
        ) == sorted([(shopper.pk, "a", NOW), (outsider.pk, "b", NOW + timedelta(days=1))])

    def test_many_come_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exposures, "BATCH", 7)
        crowd = crowd_of(20)
        pulled = []

        def arms() -> Iterator[tuple[int, str]]:
            for number, shopper in enumerate(crowd):
                pulled.append((number, Exposure.objects.count()))
                yield shopper.pk, "a"

        exposures_log(experiment="e", arms=arms(), now=NOW)
        assert Exposure.objects.count() == 20
        # A part is stored before the next is read.
        assert [stored for number, stored in pulled if number % 7 == 0] == [0, 7, 14]
