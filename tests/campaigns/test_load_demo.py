"""What `manage.py load_demo` leaves behind, and what it does when it is run again, later, or half lost."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import translation
from oauth2_provider.models import AccessToken

from campaigns.demo.accounts import ensure_accounts
from campaigns.demo.kinds import KINDS
from campaigns.demo.offers import CODE, EVERYDAY, TODAY, TOMORROW
from campaigns.demo.showcase import coupon_of, ensure_showcase
from campaigns.demo.wallet import ensure_wallet
from campaigns.models import Campaign
from campaigns.selectors.reminders import WINDOWS, claims_to_remind
from config.kernel.clock import database_now, end_of_shop_day, shop_date
from coupons.enums import BenefitType, ClaimChannel, CouponState, Handout
from coupons.errors import NotEligible, SoldOut
from coupons.models import Budget, Claim, Coupon, Order, Product, ScopeEntry
from coupons.offers import CartItem, automatic_promotions, cart_of, offer_of_promotion, read_items
from coupons.pricing import price_cart
from coupons.selectors.low_stock import coupons_to_watch
from coupons.selectors.showcase import remaining_stock, showcase_coupons
from coupons.selectors.wallet import wallet_counts
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.publishing import coupon_pause
from coupons.wording import benefit_in_words, headline
from tests import factories
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def accounts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "demo" / "accounts.json"
    monkeypatch.setenv("DEMO_ACCOUNTS_FILE", str(file))
    return file


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    """Shelves with something on them, and people of the history who can claim."""
    for number in range(3):
        category = factories.make_category(key=f"grocery-{number}", name_en=f"Shelf {number}", name_zh=f"货架 {number}")
        for price in (2_00, 5_00, 12_00):
            factories.make_product(category=category, price=price)
    wine = factories.make_category(key="spirits-domestic-wine")
    for _ in range(9):
        factories.make_product(category=wine)
    for number in range(40):
        factories.make_shopper(external_id=f"cj-{number}")


def run() -> str:
    output = StringIO()
    call_command("load_demo", stdout=output)
    return output.getvalue()


def accounts(file: Path) -> dict[str, dict[str, str]]:
    return {entry["role"]: entry for entry in json.loads(file.read_text())}


def checksum_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_the_accounts_of_the_file_open_their_doors(accounts_file, client):
    run()
    assert accounts_file.stat().st_mode & 0o777 == 0o600
    entries = accounts(accounts_file)
    assert set(entries) == {"Shopper", "Marketer", "Operator", "Shop backend"}
    for role in ("Shopper", "Marketer", "Operator"):
        assert client.login(username=entries[role]["login"], password=entries[role]["password"])
    token = AccessToken.objects.get(token_checksum=checksum_of(entries["Shop backend"]["token"]))
    assert set(token.scope.split()) == set(factories.ALL_SCOPES)


def test_each_person_may_do_what_its_role_may(accounts_file):
    run()
    shopper, marketer, operator = (User.objects.get(username=name) for name in ("shopper", "marketer", "admin"))
    assert not shopper.is_staff
    assert shopper.email
    assert shopper.birthday
    assert marketer.is_staff
    assert not marketer.is_superuser
    assert marketer.has_perms(["coupons.change_coupon", "campaigns.change_campaign", "coupons.view_claim"])
    assert not marketer.has_perm("users.view_personal_data")
    assert operator.is_superuser


def test_the_showcase_has_a_coupon_of_every_kind():
    run()
    now = database_now()
    coupons = list(showcase_coupons(now=now))
    assert len(coupons) == 34
    assert sum(coupon.is_queued for coupon in coupons) == 1
    assert {coupon.state(now) for coupon in coupons} == {CouponState.LIVE, CouponState.SCHEDULED}
    assert {coupon.benefit_type for coupon in coupons} == set(BenefitType)
    assert {coupon.audience for coupon in coupons} == {"everyone", "new_shoppers", "tagged"}
    assert sum(coupon.stacking_group == "order" for coupon in coupons) == 5
    assert any(coupon.is_exclusive for coupon in coupons)
    assert any(coupon.remaining is None for coupon in coupons)
    assert any(coupon.stock.bucket_count == 16 for coupon in coupons)
    assert any(coupon.needs_proof_of_work for coupon in coupons)
    assert any(coupon.remaining == 3 and coupon.stock.released == 40 for coupon in coupons)
    assert any(coupon.claim_ends_at == end_of_shop_day(shop_date(now)) for coupon in coupons)
    assert any(shop_date(coupon.claim_starts_at) == shop_date(now) + timedelta(days=1) for coupon in coupons)
    assert {str(campaign.key).rpartition("-")[0] for campaign in Campaign.objects.live(now)} == {
        EVERYDAY.key,
        KINDS.key,
        TODAY.key,
    }


def test_every_coupon_can_be_priced_and_said_in_both_languages():
    run()
    now = database_now()
    item = read_items([CartItem(sku=Product.objects.filter(is_on_sale=True).first().sku, quantity=5)])
    promotions = automatic_promotions(now)
    assert [coupon.amount_off or coupon.percent_off for coupon in promotions] == [5, 5_00]
    # Shares of a red packet have amounts of their own.
    for coupon in Coupon.objects.exclude(handout=Handout.RED_PACKET):
        quote = price_cart(cart_of(item, shipping=5_00), [offer_of_promotion(coupon)], now)
        assert len(quote.outcomes) == 1
        words = []
        for language in ("en", "zh-hans"):
            with translation.override(language):
                words.append((headline(coupon), benefit_in_words(coupon), coupon.title))
        assert all(all(said) for said in words)
        assert words[0] != words[1]


def test_a_coupon_to_fit_and_one_under_a_budget_are_among_them(shopper):
    run()
    fit = coupon_of(KINDS, "fit")
    assert (fit.envelope.amount_minimum, fit.envelope.amount_maximum) == (5_00, 30_00)
    budget = coupon_of(KINDS, "budget").budgets.get()
    assert (budget.cap, budget.spent) == (2000_00, 0)
    run()
    assert Budget.objects.count() == 1


def test_a_coupon_whose_stock_grows_and_one_that_runs_low_are_among_them():
    run()
    basket = coupon_of(EVERYDAY, "basket")
    opens = [batch.opens_at for batch in basket.release_batches.filter(opened_at=None)]
    assert len(opens) == 2
    assert all(basket.claim_starts_at < moment < basket.claim_ends_at for moment in opens)
    assert (basket.stock.reserve, basket.stock_policy.open_reserve, basket.stock_policy.is_low) == (1000, 250, False)
    assert list(coupons_to_watch(now=database_now())) == [coupon_of(TODAY, "last-few")]


def test_coupons_are_named_after_the_best_shelves_in_both_languages():
    run()
    for coupon in Coupon.objects.all():
        assert "{" not in coupon.title_en + coupon.title_zh + coupon.description_en + coupon.description_zh
    coupon = coupon_of(EVERYDAY, "shelf-percent")
    shelf = ScopeEntry.objects.get(coupon=coupon).category
    assert (coupon.title_en, coupon.title_zh) == (f"20% off {shelf.name_en}", f"{shelf.name_zh}八折")
    assert not ScopeEntry.objects.filter(category__key__contains="wine").exists()


def test_the_shared_code_opens_its_coupon_however_it_is_typed(shopper):
    run()
    claim = claim_create_by_code(
        shopper=shopper, text=f" {CODE.lower()} ", channel=ClaimChannel.CODE, now=database_now()
    )
    assert claim.coupon == coupon_of(EVERYDAY, "code")


def test_the_wallet_has_something_in_every_tab():
    run()
    now = database_now()
    shopper = User.objects.get(username="shopper")
    assert wallet_counts(shopper=shopper, now=now) == {"usable": 3, "upcoming": 1, "used": 1, "past": 1}
    order = Order.objects.get(shopper=shopper)
    assert (order.state, order.discount) == ("redeemed", 10_00)
    day = next(window for window in WINDOWS if window.hours == 24)
    assert claims_to_remind(window=day, now=now).filter(shopper=shopper).count() == 1


def test_a_second_run_changes_nothing(accounts_file):
    run()
    before = (accounts_file.read_text(), Coupon.objects.count(), Claim.objects.count(), AccessToken.objects.count())
    passwords = list(User.objects.order_by("pk").values_list("password", flat=True))
    run()
    after = (accounts_file.read_text(), Coupon.objects.count(), Claim.objects.count(), AccessToken.objects.count())
    assert after == before
    assert list(User.objects.order_by("pk").values_list("password", flat=True)) == passwords


def test_a_lost_file_means_new_passwords(accounts_file, client):
    run()
    old = accounts(accounts_file)
    accounts_file.unlink()
    run()
    new = accounts(accounts_file)
    assert not client.login(username="shopper", password=old["Shopper"]["password"])
    assert client.login(username="shopper", password=new["Shopper"]["password"])
    assert AccessToken.objects.get().token_checksum == checksum_of(new["Shop backend"]["token"])


def test_a_fresh_database_keeps_the_passwords_of_the_file(accounts_file, client):
    accounts_file.parent.mkdir()
    accounts_file.write_text(json.dumps([{"login": "shopper", "password": "kept-from-before"}]))
    run()
    assert client.login(username="shopper", password="kept-from-before")


@pytest.mark.parametrize("days", [1, 20, 45])
def test_started_later_the_showcase_is_as_alive_as_on_the_first_day(days):
    run()
    now = database_now() + timedelta(days=days)
    demo = ensure_accounts(now=now)
    ensure_showcase(actor=demo.marketer, now=now)
    ensure_wallet(shopper=demo.shopper, now=now)
    coupons = showcase_coupons(now=now)
    assert len(coupons) >= 14
    assert coupons.filter(claim_ends_at=end_of_shop_day(shop_date(now))).exists()
    assert [coupon.pk for coupon in Coupon.objects.scheduled(now)] == [coupon_of(TOMORROW, "drop").pk]
    day = next(window for window in WINDOWS if window.hours == 24)
    assert claims_to_remind(window=day, now=now).filter(shopper=demo.shopper).exists()
    assert claim_create_by_code(
        shopper=factories.make_shopper(), text=CODE, channel=ClaimChannel.CODE, now=now
    ).coupon == coupon_of(EVERYDAY, "code")


def test_what_a_marketer_paused_stays_paused():
    run()
    now = database_now()
    coupon = coupon_of(EVERYDAY, "basket")
    coupon_pause(coupon=coupon, actor=User.objects.get(username="marketer"), now=now)
    run()
    coupon.refresh_from_db()
    assert coupon.state(now) == CouponState.PAUSED


def test_the_limits_of_the_live_coupons_hold(shopper):
    run()
    now = database_now()
    with pytest.raises(NotEligible):
        claim_create(shopper=shopper, coupon=coupon_of(EVERYDAY, "loyal"), channel=ClaimChannel.WEB, now=now)
    last_few = coupon_of(TODAY, "last-few")
    for _ in range(3):
        claim_create(shopper=factories.make_shopper(), coupon=last_few, channel=ClaimChannel.WEB, now=now)
    with pytest.raises(SoldOut):
        claim_create(shopper=shopper, coupon=last_few, channel=ClaimChannel.WEB, now=now)
    assert Coupon.objects.annotate(left=remaining_stock()).get(pk=last_few.pk).left == 0


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_it_can_be_started_at_any_hour_of_two_days_in_a_row(hour):
    demo = ensure_accounts(now=datetime(2026, 11, 20, tzinfo=UTC))
    for day in (21, 22):
        now = datetime(2026, 11, day, hour, 30, tzinfo=UTC)
        ensure_showcase(actor=demo.marketer, now=now)
        assert ensure_showcase(actor=demo.marketer, now=now) == []
        with translation.override("zh-hans"):
            assert len(showcase_coupons(now=now)) >= 14


def test_an_empty_catalogue_still_gets_a_showcase():
    for product in factories.Product.objects.all():
        product.delete()
    run()
    assert not ScopeEntry.objects.exists()
    assert coupon_of(EVERYDAY, "shelf-percent").title_en == "20% off everything"
