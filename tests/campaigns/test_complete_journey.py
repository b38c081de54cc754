"""A sample of the real year, loaded as `make demo` loads all of it, against the Parquet files read by pandas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pandas
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, F, Max, Sum
from django.test.utils import CaptureQueriesContext, override_settings

from campaigns.complete_journey import load, source
from campaigns.complete_journey.names import Name, category_names, product_name, readable, readable_size
from campaigns.models import Campaign, CampaignRecipient
from config.kernel import bulk
from config.kernel.bulk import IdSource, RowReader, copy_rows
from config.kernel.clock import shop_zone
from coupons.models import (
    Category,
    Claim,
    ClaimCounter,
    ClaimEntry,
    Coupon,
    Order,
    OrderLine,
    OrderLineDiscount,
    Product,
    Redemption,
    Stock,
)
from coupons.selectors.showcase import remaining_stock
from users.models import BehaviourEvent, Profile, Tag, User

HOUSEHOLDS = 25


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("load_complete_journey", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture(scope="module")
def journey(django_db_setup: None, django_db_blocker) -> Iterator[str]:
    """Loads the sample once for this file and rolls it back."""
    with django_db_blocker.unblock(), override_settings(SHOP_CURRENCY="USD"), transaction.atomic():
        yield run("--households", str(HOUSEHOLDS))
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def receipts(journey: str) -> pandas.DataFrame:
    """The rows of the sample's receipts with amounts in cents."""
    rows = pandas.read_parquet(source.parquet_path("transactions"))
    rows = rows[rows.household_id.isin(household_ids())]
    for column in ("sales_value", "coupon_disc", "coupon_match_disc"):
        rows[column] = (rows[column] * 100).round().astype(int)
    return rows


def household_ids() -> list[int]:
    names = User.objects.filter(external_id__startswith="cj-").values_list("external_id", flat=True)
    return [int(name.removeprefix("cj-")) for name in names]


def redemptions_of_sample() -> pandas.DataFrame:
    rows = pandas.read_parquet(source.parquet_path("coupon_redemptions"))
    return rows[rows.household_id.isin(household_ids())]


def test_households_become_shoppers_whom_nobody_can_sign_in_as(journey):
    shoppers = User.objects.filter(external_id__startswith="cj-")
    assert shoppers.count() == HOUSEHOLDS == Profile.objects.filter(shopper__in=shoppers).count()
    assert not any(shopper.has_usable_password() or shopper.email or shopper.name for shopper in shoppers)


def test_every_receipt_with_a_sale_is_an_order_of_what_was_paid(journey, receipts):
    sold = receipts[(receipts.quantity > 0) | (receipts.sales_value + receipts.coupon_match_disc > 0)]
    paid = (receipts.sales_value - receipts.coupon_disc).groupby(receipts.basket_id).sum().clip(lower=0)
    expected = {f"cj-{basket}": int(paid[basket]) for basket in sold.basket_id.unique()}
    assert dict(Order.objects.values_list("reference", "payable")) == expected


def test_lines_and_discounts_sum_to_their_orders(journey):
    wrong_lines = OrderLine.objects.exclude(payable=F("unit_price") * F("quantity") - F("discount"))
    wrong_orders = Order.objects.alias(
        lines_payable=Sum("lines__payable"), lines_discount=Sum("lines__discount")
    ).exclude(lines_payable=F("payable"), lines_discount=F("discount"))
    assert (wrong_lines.count(), wrong_orders.count()) == (0, 0)
    discounts = OrderLineDiscount.objects.aggregate(total=Sum("amount"))["total"]
    assert discounts == Order.objects.aggregate(total=Sum("discount"))["total"] > 0


def test_each_order_has_one_purchase_event_of_its_value(journey):
    events = BehaviourEvent.objects.filter(kind="purchase")
    assert events.count() == Order.objects.count()
    assert events.aggregate(total=Sum("value")) == Order.objects.aggregate(total=Sum("payable"))


def test_a_receipt_keeps_the_hour_that_the_stores_clock_showed(journey, receipts):
    first = receipts.sort_values("transaction_timestamp").iloc[0]
    order = Order.objects.get(reference=f"cj-{first.basket_id}")
    shown = first.transaction_timestamp.tz_localize("UTC").tz_convert("America/New_York")
    assert order.placed_at.astimezone(shop_zone()).replace(tzinfo=None) == shown.tz_localize(None).to_pydatetime()


def test_every_redemption_of_the_package_is_an_event(journey):
    events = BehaviourEvent.objects.filter(kind="redeem")
    assert events.count() == len(redemptions_of_sample()) > 0


def test_a_redemption_found_on_a_line_has_the_lines_amount_and_the_others_only_what_is_known(journey):
    for redemption in Redemption.objects.select_related("claim"):
        parts = redemption.claim.line_discounts.aggregate(total=Sum("amount"))["total"] or 0
        evidence = ClaimEntry.objects.get(claim=redemption.claim, to_state="redeemed").data["evidence"]
        assert redemption.amount == parts
        assert redemption.amount > 0 or evidence != "line"
        assert redemption.amount == 0 or evidence != "visit"


def test_recipients_of_types_b_and_c_hold_every_coupon_and_of_type_a_only_the_redeemed_ones(journey):
    redeemed_pairs = set(
        redemptions_of_sample()[["household_id", "coupon_upc", "campaign_id"]].itertuples(index=False, name=None)
    )
    for campaign in Campaign.objects.filter(recipients__isnull=False).distinct():
        number = int(campaign.key.removeprefix("cj-"))
        claims = Claim.objects.filter(coupon__campaigns=campaign)
        if "(type A)" in campaign.title_en:
            assert not claims.exclude(state="redeemed").exists()
            continue
        everything = campaign.recipients.count() * campaign.coupons.count()
        lost = (
            sum(1 for _, _, of in redeemed_pairs if of == number) - claims.filter(state="redeemed", ordinal=1).count()
        )
        assert claims.filter(ordinal=1).count() == everything - lost


def test_the_ledger_of_every_claim_folds_to_its_state(journey):
    states: dict[int, str] = {}
    for claim_id, before, after in ClaimEntry.objects.order_by("id").values_list("claim_id", "from_state", "to_state"):
        assert states.get(claim_id, "") == before
        states[claim_id] = after
    assert states == dict(Claim.objects.values_list("pk", "state"))


def test_claims_were_redeemed_by_their_shopper_inside_their_window(journey):
    redeemed = Claim.objects.filter(state="redeemed")
    assert redeemed.exists()
    assert not redeemed.exclude(
        order__shopper=F("shopper"), order__placed_at__gte=F("usable_from"), order__placed_at__lt=F("expires_at")
    ).exists()


def test_exactly_the_claims_were_in_stock_and_no_shopper_is_over_a_limit(journey):
    stock = Stock.objects.annotate(claims=Count("coupon__claims"))
    assert not stock.exclude(released=F("claims")).exists()
    assert not Coupon.objects.annotate(left=remaining_stock()).exclude(left=0).exists()
    assert not ClaimCounter.objects.filter(claimed__gt=F("coupon__limit_per_shopper")).exists()
    counted = Claim.objects.values("coupon", "shopper").annotate(count=Count("pk"), last=Max("ordinal"))
    counters = {(row.coupon_id, row.shopper_id): row.claimed for row in ClaimCounter.objects.all()}
    assert {(row["coupon"], row["shopper"]): row["count"] for row in counted} == counters
    assert all(row["count"] == row["last"] for row in counted)


def test_products_are_named_priced_and_shelved_and_strangers_are_not_sold(journey, receipts):
    assert set(receipts.product_id.astype(str)) <= set(Product.objects.values_list("sku", flat=True))
    assert not Product.objects.filter(is_on_sale=True, price=0).exists()
    assert not Product.objects.filter(category__key="not-in-the-catalogue", is_on_sale=True).exists()
    assert not Category.objects.filter(name_zh="").exists()
    milk = Product.objects.get(sku="1029743")
    assert (milk.name_en, milk.category.name_zh) == ("Fluid Milk White Only, 1 ga (store brand)", "鲜牛奶")
    assert 100 < milk.price < 500


def test_a_filling_of_fuel_is_one_however_many_thousandths_of_a_gallon(journey):
    fuel = OrderLine.objects.filter(product__name_en__startswith="Gasoline")
    assert fuel.exists()
    assert set(fuel.values_list("quantity", flat=True)) == {1}
    assert not Product.objects.filter(name_en__startswith="Gasoline", is_on_sale=True).exists()


def test_campaigns_and_coupons_are_over_and_named_in_both_languages(journey):
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert Campaign.objects.count() == 27
    assert Coupon.objects.count() == Coupon.objects.over(now).count() == 1198
    assert not Coupon.objects.filter(title_zh="").exists()
    assert CampaignRecipient.objects.filter(addressed_at__year=2016).exists()


def test_a_second_run_reads_no_file_and_loads_nothing(journey, monkeypatch):
    monkeypatch.setattr(source, "parquet_path", lambda name: pytest.fail(f"{name} was read"))
    with override_settings(SHOP_CURRENCY="USD"), CaptureQueriesContext(connection) as queries:
        answer = run("--households", str(HOUSEHOLDS))
    assert "nothing was loaded" in answer
    assert not [query for query in queries if not query["sql"].startswith("SELECT")]


def test_another_number_of_households_is_refused(journey):
    with override_settings(SHOP_CURRENCY="USD"), pytest.raises(CommandError, match="holds 25 households"):
        run("--households", "3")


def test_a_run_that_died_goes_on_with_the_stage_that_it_lost(db, settings, monkeypatch):
    settings.SHOP_CURRENCY = "USD"
    with monkeypatch.context() as patch:
        patch.setattr(load, "load_history", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run("--households", "2")
    assert (User.objects.count(), Campaign.objects.count()) == (2, 0)
    assert "shoppers: there already" in run("--households", "2")
    assert Campaign.objects.count() == 27
    assert Order.objects.exists()


def test_a_shop_that_counts_in_another_currency_is_asked_first(db):
    assert django_settings.SHOP_CURRENCY == "CNY"
    with pytest.raises(CommandError, match="--accept-currency"):
        run("--households", "1")


def test_a_missing_package_is_named(db, settings, monkeypatch):
    settings.SHOP_CURRENCY = "USD"
    monkeypatch.setattr(source, "PACKAGE", "no_such_package")
    with pytest.raises(CommandError, match="no_such_package"):
        run("--households", "1")


def test_copied_texts_arrive_as_they_were(shopper):
    text = 'tab\t, new\nline, \\ and "quotes" \\N'
    moment = datetime(2017, 1, 1, tzinfo=UTC)
    copy_rows(Tag, ["shopper_id", "name", "source", "set_at", "expires_at"], [(shopper.pk, text, "rule", moment, None)])
    tag = Tag.objects.get()
    assert (tag.name, tag.set_at, tag.expires_at) == (text, moment, None)


def test_without_copy_the_same_rows_are_written_in_bulk(shopper, monkeypatch):
    monkeypatch.setattr(bulk, "connection", type("Other", (), {"vendor": "sqlite"}))
    moment = datetime(2017, 1, 1, tzinfo=UTC)
    copy_rows(Tag, ["shopper_id", "name", "source", "set_at"], [(shopper.pk, "a", "rule", moment)])
    assert Tag.objects.get().set_at == moment
    ids = IdSource(Tag)
    assert (ids.take(), ids.take()) == (Tag.objects.get().pk + 1, Tag.objects.get().pk + 2)


def test_a_reader_never_returns_more_than_was_asked_for():
    reader = RowReader([(1, "x" * 50), (2, None)])
    pieces = list(iter(lambda: reader.read(7), ""))
    assert max(map(len, pieces)) == 7
    assert "".join(pieces) == f"1\t{'x' * 50}\n2\t\\N\n"


@pytest.mark.parametrize(
    ("till", "name"),
    [
        ("BREAD:ITALIAN/FRENCH", "Bread: Italian/French"),
        ("FRZN BREAKFAST SAUSAGE", "Frozen Breakfast Sausage"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy Bars (Singles)(Including)"),
        ("PANTS W/BELT", "Pants with Belt"),
    ],
)
def test_a_tills_words_become_a_name(till, name):
    assert readable(till) == name


@pytest.mark.parametrize(
    ("till", "size"), [("16 OZ", "16 oz"), (".49 OZ", "0.49 oz"), ("118851 4 OZ", "4 oz"), ("276196  PK", "")]
)
def test_a_tills_size_becomes_readable(till, size):
    assert readable_size(till) == size


def test_a_product_is_named_by_its_type_in_english_and_by_its_shelf_in_chinese():
    name = product_name(
        product_type="APPLE SAUCE", category=Name("Canned Fruit", "水果罐头"), size="50 OZ", brand="Private"
    )
    assert name == Name("Apple Sauce, 50 oz (store brand)", "水果罐头 50 oz(自有品牌)")


def test_every_category_of_the_package_has_a_chinese_name():
    products = pandas.read_parquet(source.parquet_path("products"))
    names = category_names()
    for level, column in (("department", "department"), ("category", "product_category")):
        missing = {text for text in products[column].dropna().unique() if not names.get((level, text), Name("", "")).zh}
        assert not missing
