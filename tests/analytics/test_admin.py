"""The admin shows figures, segments and runs to those who may see them, empty and full."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from analytics.enums import Job, ModelState, RunReason, RunState
from analytics.jobs.segmentation import run_segmentation
from analytics.models import ModelPromotion, ModelVersion, Run, Segment
from campaigns.models import Campaign, CampaignCoupon
from config.kernel.clock import database_now, shop_date
from tests import factories
from tests.analytics.builders import make_claim_at, make_model, make_order, make_population, make_redemption
from users.models import User
from users.roles import MARKETER, MARKETER_PERMISSIONS, give_role

pytestmark = pytest.mark.django_db
LANGUAGES = ("en", "zh-hans")


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="users.backends.IdentifierBackend")
    return client


@pytest.fixture
def boss(marketer: User) -> Client:
    return client_of(marketer)


@pytest.fixture
def plain_marketer(db: None) -> Client:
    person = factories.make_shopper(is_staff=True)
    person.groups.add(give_role(MARKETER, MARKETER_PERMISSIONS))
    return client_of(person)


@pytest.fixture
def published(now: datetime) -> Run:
    make_population(now)
    return run_segmentation(now=now)


def open_page(client: Client, url: str, language: str = "en", **query: str) -> str:
    with translation.override(language):
        answer = client.get(url, query, headers={"accept-language": language})
    assert answer.status_code == 200, url
    return answer.content.decode()


class TestTheFirstPage:
    @pytest.fixture
    def used_coupon(self, shopper: User) -> None:
        """One claim made and used yesterday, 10.00 off 100.00; another order of 40.00."""
        yesterday = database_now() - timedelta(days=1)
        coupon = factories.make_coupon(title_en="Ten off <b>")
        order = make_order(shopper, yesterday, subtotal=100_00, discount=10_00)
        make_redemption(make_claim_at(shopper, coupon, yesterday, order=order), order, amount=10_00)
        make_order(shopper, yesterday, subtotal=40_00)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_of_an_empty_shop_opens(self, boss: Client, language: str) -> None:
        page = open_page(boss, "/admin/", language)

        assert "figures-cards" in page
        assert "<svg" not in page.split('id="figures-heading"')[1].split("</section>")[0]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_of_a_full_shop_shows_the_figures(self, boss: Client, used_coupon: None, language: str) -> None:
        page = open_page(boss, "/admin/", language)
        figures = page.split('id="figures-heading"')[1].split("</section>")[0]

        for figure in ("100.0%", "¥10.00", "¥90.00", "¥40.00"):
            assert figure in figures
        assert figures.count('role="img"') == 3

    def test_escapes_what_marketers_write(self, boss: Client, used_coupon: None) -> None:
        assert "Ten off &lt;b&gt;" in open_page(boss, "/admin/")

    def test_follows_its_period(self, boss: Client, used_coupon: None) -> None:
        page = open_page(boss, "/admin/", first="2020-01-01", last="2020-01-31")

        assert "No coupon was claimed or used in this period." in page

    def test_follows_its_campaign(self, boss: Client, used_coupon: None) -> None:
        now = database_now()
        campaign = Campaign.objects.create(key="x", title_en="Other", starts_at=now, ends_at=now + timedelta(days=1))
        CampaignCoupon.objects.create(campaign=campaign, coupon=factories.make_coupon())
        page = open_page(boss, "/admin/", campaign=str(campaign.pk))

        assert "No coupon was claimed or used in this period." in page

    @pytest.mark.parametrize(
        "query",
        [
            {"first": "2026-02-01", "last": "2026-01-01"},
            {"first": "nonsense"},
            {"first": "0001-01-01", "last": "9999-12-31"},
            {"campaign": "999999"},
            {"campaign": "x"},
        ],
    )
    def test_says_what_is_wrong_with_a_period(self, boss: Client, query: dict[str, str]) -> None:
        assert 'class="figures-errors"' in open_page(boss, "/admin/", **query)

    def test_starts_with_the_newest_days_that_have_data(self, boss: Client, used_coupon: None) -> None:
        yesterday = shop_date(database_now() - timedelta(days=1))

        assert f'value="{yesterday:%Y-%m-%d}"' in open_page(boss, "/admin/")

    def test_shows_figures_to_a_marketer(self, plain_marketer: Client) -> None:
        assert "figures-cards" in open_page(plain_marketer, "/admin/")

    def test_hides_figures_from_staff_without_the_right(self) -> None:
        page = open_page(client_of(factories.make_shopper(is_staff=True)), "/admin/")

        assert "figures-cards" not in page


class TestSegments:
    LIST = "/admin/analytics/segment/"

    def change(self, segment: Segment) -> str:
        return reverse("admin:analytics_segment_change", args=[segment.pk])

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_lists_open_empty(self, boss: Client, language: str) -> None:
        open_page(boss, self.LIST, language)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_lists_and_pages_open_full(self, boss: Client, published: Run, language: str) -> None:
        page = open_page(boss, self.LIST, language)
        for segment in Segment.objects.all():
            assert f"tag=segment%3A{segment.key}" in page
            assert "<svg" in open_page(boss, self.change(segment), language)

    def test_link_to_their_shoppers(self, boss: Client, published: Run) -> None:
        segment = Segment.objects.order_by("key").first()
        assert segment is not None
        page = open_page(boss, reverse("admin:users_user_changelist"), tag=segment.tag_name)

        assert f"{segment.size} " in page

    def test_are_renamed_and_nothing_else(self, plain_marketer: Client, published: Run) -> None:
        segment = Segment.objects.order_by("key").first()
        assert segment is not None
        answer = plain_marketer.post(
            self.change(segment), {"name_en": "Best friends", "name_zh": "老朋友", "size": "1", "key": "x"}
        )

        assert answer.status_code == 302
        renamed = Segment.objects.get(pk=segment.pk)
        assert (renamed.name_en, renamed.name_zh, renamed.is_renamed) == ("Best friends", "老朋友", True)
        assert (renamed.size, renamed.key) == (segment.size, segment.key)

    def test_saved_without_a_change_are_not_renamed(self, boss: Client, published: Run) -> None:
        segment = Segment.objects.order_by("key").first()
        assert segment is not None
        boss.post(self.change(segment), {"name_en": segment.name_en, "name_zh": segment.name_zh})

        assert not Segment.objects.get(pk=segment.pk).is_renamed

    def test_are_neither_added_nor_deleted(self, boss: Client, published: Run) -> None:
        segment = Segment.objects.first()
        assert segment is not None

        assert boss.get("/admin/analytics/segment/add/").status_code == 403
        assert boss.post(f"/admin/analytics/segment/{segment.pk}/delete/", {"post": "yes"}).status_code == 403


class TestRuns:
    LIST = "/admin/analytics/run/"

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_open_in_every_state(self, plain_marketer: Client, published: Run, now: datetime, language: str) -> None:
        for state, reason in (
            (RunState.SKIPPED, RunReason.TOO_FEW),
            (RunState.FAILED, "RuntimeError: <b>"),
            (RunState.RUNNING, ""),
        ):
            Run.objects.create(
                job=Job.SEGMENTATION,
                state=state,
                reason=reason,
                window_start=now - timedelta(days=1),
                window_end=now,
                seed=1,
                started_at=now,
                finished_at=None if state == RunState.RUNNING else now,
            )
        assert "RuntimeError: &lt;b&gt;" in open_page(plain_marketer, self.LIST, language)
        for run in Run.objects.all():
            open_page(plain_marketer, reverse("admin:analytics_run_change", args=[run.pk]), language)

    def test_show_their_figures_readably(self, boss: Client, published: Run) -> None:
        page = open_page(boss, reverse("admin:analytics_run_change", args=[published.pk]))

        assert "Agreement with groupings of 80 % resamples" in page
        assert "(chosen)" in page
        assert "The window ends with the start of the run." in page

    def test_cannot_be_changed(self, boss: Client, published: Run) -> None:
        url = reverse("admin:analytics_run_change", args=[published.pk])

        assert boss.post(url, {"state": "failed"}).status_code == 403
        assert boss.get("/admin/analytics/run/add/").status_code == 403


class TestModels:
    @pytest.fixture
    def versions(self, now: datetime) -> list[ModelVersion]:
        return [make_model(number) for number in (1.0, 2.0)]

    def act(self, client: Client, version: ModelVersion, name: str, reason: str) -> int:
        path = reverse(f"admin:analytics_modelversion_{name}", args=[version.pk])
        return client.post(path, {"_form_submitted": "on", "reason": reason}).status_code

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_model_shows_what_it_was_learned_from(
        self, boss: Client, versions: list[ModelVersion], language: str
    ) -> None:
        page = open_page(boss, reverse("admin:analytics_modelversion_change", args=[versions[0].pk]), language)

        for shown in (versions[0].checksum, versions[0].run.code_version, "auc", "0.8", "logistic"):
            assert shown in page
        assert versions[1].checksum in open_page(
            boss, reverse("admin:analytics_modelversion_change", args=[versions[1].pk]), language
        )

    def test_it_is_put_into_use_and_taken_back_with_a_reason(self, boss: Client, versions: list[ModelVersion]) -> None:
        first, second = versions
        self.act(boss, first, "promote", "the first one")
        self.act(boss, second, "promote", "better log loss")
        self.act(boss, second, "roll_back", "redemptions fell")

        first.refresh_from_db()
        assert first.state == ModelState.CHAMPION
        assert list(ModelPromotion.objects.order_by("pk").values_list("model", "reason")) == [
            (first.pk, "the first one"),
            (second.pk, "better log loss"),
            (first.pk, "redemptions fell"),
        ]
        page = open_page(boss, reverse("admin:analytics_modelversion_change", args=[first.pk]))
        assert "redemptions fell" in page

    def test_without_a_reason_nothing_happens(self, boss: Client, versions: list[ModelVersion]) -> None:
        self.act(boss, versions[0], "promote", " ")

        assert not ModelPromotion.objects.exists()

    def test_a_marketer_looks_and_does_not_decide(self, plain_marketer: Client, versions: list[ModelVersion]) -> None:
        open_page(plain_marketer, reverse("admin:analytics_modelversion_changelist"))

        assert self.act(plain_marketer, versions[0], "promote", "I want it") == 403
        assert not ModelPromotion.objects.exists()
