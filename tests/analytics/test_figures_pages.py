"""The pages of figures say what the metrics layer says, to those who may see it, empty and full."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from analytics.admin.figures import words
from analytics.enums import Dimension, ExpiryReason, FairnessRate
from analytics.learners.intervals import Sample
from analytics.models import FairnessSnapshot
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.fairness import groups, spread
from analytics.selectors.metrics.funnel import funnel
from analytics.selectors.metrics.incremental import IncrementalProfit, campaign_incremental_profit
from analytics.selectors.metrics.money import revenue
from analytics.selectors.metrics.totals import totals
from campaigns.assignment import HOLDOUT, TREATED
from campaigns.models import Campaign, CampaignCoupon
from campaigns.services.exposures import exposures_log
from coupons.enums import ClaimState
from coupons.models import Claim, ClaimRating, Coupon
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.analytics.metrics.makers import JUNE, buy, in_june, make_event, use_coupon
from users.models import Profile, User
from users.roles import ANALYST, ANALYST_PERMISSIONS, give_role

pytestmark = pytest.mark.django_db
LANGUAGES = ("en", "zh-hans")
IN_JUNE = {"first": "2026-06-01", "last": "2026-06-30"}
CUT = Cut(JUNE)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="users.backends.IdentifierBackend")
    return client


@pytest.fixture
def analyst(db: None) -> Client:
    person = factories.make_shopper(is_staff=True)
    person.groups.add(give_role(ANALYST, ANALYST_PERMISSIONS))
    return client_of(person)


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=None, limit_per_shopper=9, title_en="=Ten <b> off", title_zh="=十元 <b>")


@pytest.fixture
def campaign(coupon: Coupon) -> Campaign:
    campaign = Campaign.objects.create(
        key="june", title_en="June <i>", title_zh="六月 <i>", starts_at=JUNE.start, ends_at=JUNE.end
    )
    CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
    return campaign


@pytest.fixture
def june(coupon: Coupon, campaign: Campaign) -> None:
    """A look that became a use, rated; an order without; a claim that expired unseen, one that fitted."""
    user, plain, gone, forgot = (factories.make_shopper() for _ in range(4))
    for shopper, region in ((user, "north"), (plain, "south"), (gone, "south")):
        Profile.objects.update_or_create(shopper=shopper, defaults={"region": region})
    make_event(user, in_june(2, hour=9), coupon=coupon)
    claim = use_coupon(user, coupon, in_june(2)).redemptions.get().claim
    ClaimRating.objects.create(claim=claim, score=4, rated_at=in_june(3))
    make_order(plain, in_june(4), subtotal=40_00)
    for shopper in (gone, forgot):
        expired = make_claim_at(shopper, coupon, in_june(5), state=ClaimState.EXPIRED)
        Claim.objects.filter(pk=expired.pk).update(expires_at=in_june(12))
    buy(forgot, in_june(6), price=500_00)


def open_page(client: Client, url: str, language: str = "en", **query: str) -> str:
    answer = client.get(url, query, headers={"accept-language": language})
    assert answer.status_code == 200, url
    return unescape(answer.content.decode().split('id="main"')[-1])


def pages(campaign: Campaign) -> list[str]:
    return [
        "/admin/",
        reverse("figures:expiry"),
        reverse("figures:fairness"),
        reverse("figures:demand"),
        reverse("figures:report", args=[campaign.pk]),
    ]


def rows_of(client: Client, url: str, model: str) -> int:
    """How many rows a list of the admin shows."""
    return len(set(re.findall(rf"/admin/coupons/{model}/(\d+)/change/", open_page(client, url))))


class TestEveryPage:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_opens_in_an_empty_shop(self, analyst: Client, campaign: Campaign, language: str) -> None:
        for url in pages(campaign):
            assert "<h1" in open_page(analyst, url, language)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_opens_in_a_full_one_and_escapes(
        self, analyst: Client, campaign: Campaign, june: None, language: str
    ) -> None:
        for url in pages(campaign):
            raw = analyst.get(url, IN_JUNE, headers={"accept-language": language}).content.decode()
            assert "off</b>" not in raw
            assert "<b> off" not in raw
            assert "June <i>" not in raw
            assert "六月 <i>" not in raw

    @pytest.mark.parametrize(
        "query",
        [
            {"first": "2026-02-01", "last": "2026-01-01"},
            {"coupon": "x"},
            {"coupon": "9" * 30},
            {"coupon": "²"},
            {"segment": "'; DROP TABLE"},
            {"campaign": "-1"},
            {"campaign": "1" + "0" * 30},
            {"campaign": "9" * 5000},
            {"first": "0001-01-01", "last": "0001-01-01"},
            {"first": "9999-12-31", "last": "9999-12-31"},
            {"first": "0001-01-01"},
            {"last": "9999-12-31"},
        ],
    )
    def test_says_what_is_wrong_with_the_question(
        self, analyst: Client, campaign: Campaign, query: dict[str, str]
    ) -> None:
        for url in pages(campaign)[:3]:
            assert 'class="figures-errors"' in open_page(analyst, url, **query)

    def test_is_not_for_strangers_shoppers_or_staff_without_the_right(self, campaign: Campaign, shopper: User) -> None:
        urls = [*pages(campaign)[1:], reverse("figures:export", args=["coupons"])]
        staff = client_of(factories.make_shopper(is_staff=True))
        for url in urls:
            assert Client().get(url).status_code == 302
            assert client_of(shopper).get(url).status_code == 302
            assert staff.get(url).status_code == 403
            assert staff.post(url).status_code == 405

    def test_of_an_unknown_campaign_or_table_is_not_there(self, analyst: Client) -> None:
        assert analyst.get(reverse("figures:report", args=[10**6])).status_code == 404
        assert analyst.get(reverse("figures:export", args=["secrets"])).status_code == 404


class TestTheOverview:
    def test_says_what_the_metrics_say(self, analyst: Client, june: None) -> None:
        page = open_page(analyst, "/admin/", **IN_JUNE)
        total, money, steps = totals(CUT), revenue(CUT), funnel(CUT)

        assert (total.claims, money.revenue, steps.viewed_used) == (3, 90_00, 1)
        for figure in (words.count(total.claims), words.percent(total.conversion), words.money(money.revenue)):
            assert re.search(rf"<dd>\s*{re.escape(figure)}", page), figure
        assert words.share(steps.view_to_claim) in page
        assert "4.00" in page

    def test_follows_a_coupon_and_leads_back(self, analyst: Client, june: None, coupon: Coupon) -> None:
        other = factories.make_coupon(title_en="Other")
        page = open_page(analyst, "/admin/", coupon=str(other.pk), **IN_JUNE)

        assert "No coupon was claimed or used in this period." in page
        assert f"coupon={coupon.pk}" in open_page(analyst, "/admin/", **IN_JUNE)

    def test_columns_lead_to_the_lists_behind_them(self, analyst: Client, june: None) -> None:
        page = open_page(analyst, "/admin/", **IN_JUNE)
        claims = re.search(r'href="(/admin/coupons/claim/\?[^"]*from=2026-06-05[^"]*)"', page)
        uses = re.search(r'href="(/admin/coupons/redemption/\?[^"]*from=2026-06-02[^"]*)"', page)
        assert claims is not None
        assert uses is not None

        assert rows_of(analyst, claims[1], "claim") == 2
        assert rows_of(analyst, uses[1], "redemption") == 1


class TestExpiry:
    def test_leads_from_a_reason_to_its_claims(self, analyst: Client, june: None) -> None:
        url = reverse("figures:expiry")
        page = open_page(analyst, url, **IN_JUNE)
        assert f"reason={ExpiryReason.NOT_USED}" in page
        assert f"reason={ExpiryReason.NEVER_BACK}" in page
        (claim,) = Claim.objects.filter(state=ClaimState.EXPIRED, shopper__orders__isnull=False)

        listed = open_page(analyst, url, reason=ExpiryReason.NOT_USED, **IN_JUNE)
        assert reverse("admin:coupons_claim_change", args=[claim.pk]) in listed
        assert listed.count("/admin/coupons/claim/") == 1
        for odd in ("0", "-1", "x", "²", "99999999999999999999"):
            open_page(analyst, url, reason=ExpiryReason.NOT_USED, page=odd, **IN_JUNE)

    def test_shows_claims_only_to_those_who_may_see_them(self, june: None) -> None:
        person = factories.make_shopper(is_staff=True)
        person.groups.add(give_role("Counter", ["coupons.view_redemption"]))
        page = open_page(client_of(person), reverse("figures:expiry"), reason=ExpiryReason.NOT_USED, **IN_JUNE)

        assert "/admin/coupons/claim/" not in page


class TestFairness:
    def test_says_what_the_metrics_say(self, analyst: Client, june: None) -> None:
        page = open_page(analyst, reverse("figures:fairness"), **IN_JUNE)
        (_unknown, north, south) = groups(CUT, Dimension.REGION)
        gini = spread(CUT).gini

        assert gini is not None
        assert f"{gini:.3f}" in page
        assert words.share(north.share(FairnessRate.USE)) in page
        assert words.share(south.share(FairnessRate.CLAIM)) in page

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_shows_the_nights_before(self, analyst: Client, june: None, language: str) -> None:
        alarms = [
            {"dimension": "gini", "rate": "", "lowest": "", "highest": "", "ratio": 0.9712},
            {"dimension": "region", "rate": "claim", "lowest": "<south>", "highest": "north", "ratio": 0.25},
        ]
        FairnessSnapshot.objects.create(
            day=JUNE.last, first=JUNE.first, last=JUNE.last, shoppers=9, gini=0.9712, alarms=alarms, created_at=JUNE.end
        )
        raw = analyst.get(reverse("figures:fairness"), headers={"accept-language": language}).content.decode()

        assert "0.9712" in raw
        assert "25.0%" in raw
        assert "&lt;south&gt;" in raw
        open_page(analyst, reverse("admin:analytics_fairnesssnapshot_changelist"), language)


class TestTheReport:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_has_all_figures_definitions_and_a_sheet_for_paper(
        self, analyst: Client, campaign: Campaign, june: None, language: str
    ) -> None:
        url = reverse("figures:report", args=[campaign.pk])
        page = open_page(analyst, url, language)
        cut = Cut(JUNE, campaign_id=campaign.pk)

        for figure in (
            words.money(revenue(cut).revenue),
            words.percent(totals(cut).conversion),
            "4.00",
            "Asia/Shanghai",
        ):
            assert figure in page
        assert 'analytics/report.css" media="print"' in analyst.get(url).content.decode()

    def test_goes_on_until_the_last_claim_has_ended(self, analyst: Client, campaign: Campaign, coupon: Coupon) -> None:
        shopper = factories.make_shopper()
        claim = make_claim_at(shopper, coupon, in_june(30), order=make_order(shopper, in_june(40)))
        Claim.objects.filter(pk=claim.pk).update(expires_at=in_june(44))

        assert "July 14, 2026" in open_page(analyst, reverse("figures:report", args=[campaign.pk]))

    def test_counts_no_order_after_its_last_day(self, analyst: Client, campaign: Campaign) -> None:
        people = [factories.make_shopper() for _number in range(4)]
        arms = [(person.pk, arm) for person, arm in zip(people, (TREATED, TREATED, HOLDOUT, HOLDOUT), strict=True)]
        exposures_log(experiment=campaign.experiment, arms=arms, now=in_june(5))
        make_order(people[0], in_june(6), subtotal=80_00)
        make_order(people[0], in_june(80), subtotal=900_00)
        inside, all_of_them = (
            words.profit(campaign_incremental_profit(campaign=campaign, until=in_june(day))) for day in (79, 81)
        )

        page = open_page(analyst, reverse("figures:report", args=[campaign.pk]))

        assert inside in page
        assert all_of_them not in page

    def test_is_linked_from_its_campaign(self, analyst: Client, campaign: Campaign) -> None:
        page = open_page(analyst, reverse("admin:campaigns_campaign_change", args=[campaign.pk]))

        assert reverse("figures:report", args=[campaign.pk]) in page


class TestExports:
    def table(self, client: Client, name: str, **query: str) -> list[list[str]]:
        answer = client.get(reverse("figures:export", args=[name]), {**IN_JUNE, **query})
        assert answer["Content-Type"].startswith("text/csv")
        return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    def test_hold_the_same_figures_and_no_formula(self, analyst: Client, june: None) -> None:
        rows = self.table(analyst, "coupons")

        assert rows[1] == ["'=Ten <b> off", "3", "1", "1", "10.00", "1", "90.00"]
        assert sum(int(row[1]) for row in self.table(analyst, "days")[1:]) == totals(CUT).claims
        assert [int(row[1]) for row in self.table(analyst, "funnel")[1:]] == [1, 1, 1, 3, 1]
        assert sum(int(row[1]) for row in self.table(analyst, "expiry")[1:]) == 2
        assert ["Region", "north", "1", "1", "1", "10.00"] in self.table(analyst, "fairness")

    @pytest.mark.parametrize("name", ["coupons", "days", "funnel", "expiry", "fairness", "demand"])
    def test_of_an_empty_shop_have_their_heads(self, analyst: Client, name: str) -> None:
        assert self.table(analyst, name)[0]


@pytest.mark.parametrize(
    ("treated", "holdout", "text"),
    [
        (Sample(3, 9_00, 2700_00), Sample(0, 0, 0), "not known: no holdout"),
        (Sample(3, 9_00, 2700_00), Sample(1, 1_00, 1_00_00), "not known: too few shoppers"),
        # Means 3.00 and 1.00, no spread: 2.00 × 100.
        (Sample(100, 300_00, 90_000_00), Sample(50, 50_00, 5000_00), "¥200.00 (¥200.00 to ¥200.00); 100 shoppers"),
        # Mean 0.50 and 0.50 with spread.
        (Sample(2, 1_00, 1_00_00), Sample(2, 1_00, 1_00_00), "may be chance; 2 shoppers beside 2 held out"),
    ],
)
def test_profit_is_told_with_its_doubt(treated: Sample, holdout: Sample, text: str) -> None:
    with translation.override("en"):
        assert text in words.profit(IncrementalProfit(treated, holdout))


def test_an_analyst_changes_nothing() -> None:
    assert all(permission.partition(".")[2].startswith("view_") for permission in ANALYST_PERMISSIONS)


def test_figures_of_ten_years_of_an_empty_shop_open(analyst: Client) -> None:
    first = JUNE.last - timedelta(days=3650)

    open_page(analyst, "/admin/", first=first.isoformat(), last=JUNE.last.isoformat())
