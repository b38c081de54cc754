"""A quote: the cart priced, and every coupon of the wallet explained."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from config.kernel.errors import Invalid, NotFound
from config.kernel.money import MAXIMUM_MINOR
from coupons.enums import BenefitType, ScopeMode
from coupons.errors import CartTooLarge, ProductUnknown
from coupons.models import Claim, Product, ScopeEntry
from coupons.offers import CartItem
from coupons.services import quote_choice
from coupons.services.claim_states import claim_revoke
from coupons.services.quote_hints import hints_of
from coupons.services.quotes import CartQuote, quote_cart
from tests import factories
from tests.coupons.orders import lock, make_promotion, pay
from tests.factories import NOW, cart_item
from users.models import User

pytestmark = pytest.mark.django_db


def quote(shopper: User | None, *items: CartItem, claims: list[Claim] | None = None, **fields) -> CartQuote:
    fields.setdefault("now", NOW)
    claim_ids = None if claims is None else [claim.public_id for claim in claims]
    return quote_cart(shopper=shopper, items=items, claim_ids=claim_ids, **fields)


def status_of(result: CartQuote, claim: Claim) -> str:
    return next(candidate.status for candidate in result.candidates if candidate.claim == claim)


def sentence_of(result: CartQuote, claim: Claim) -> str:
    return next(candidate.sentence for candidate in result.candidates if candidate.claim == claim)


@pytest.fixture
def claim(shopper: User) -> Claim:
    """10.00 off from 50.00 on."""
    return factories.make_claim(shopper=shopper, minimum_spend=50_00, stacking_group="shop")


def test_without_a_choice_everything_that_applies_together_is_applied(
    shopper: User, product: Product, claim: Claim
) -> None:
    percent = factories.make_claim(shopper=shopper, benefit_type=BenefitType.PERCENT_OFF, percent_off=20, priority=1)
    result = quote(shopper, cart_item(product), shipping=6_00)
    # 20 % first by its priority, then 10.00 off what is left, then shipping.
    assert (result.quote.subtotal, result.quote.payable) == (100_00, 76_00)
    assert {status_of(result, each) for each in (claim, percent)} == {"applied"}


def test_a_chosen_coupon_is_applied_and_the_others_say_what_they_would_do(
    shopper: User, product: Product, claim: Claim
) -> None:
    rival = factories.make_claim(shopper=shopper, stacking_group="shop", title_en="Rival")
    result = quote(shopper, cart_item(product), claims=[rival])
    assert result.quote.payable == 90_00
    assert (status_of(result, rival), status_of(result, claim)) == ("applied", "refused")
    assert sentence_of(result, claim) == 'This coupon cannot be combined with "Rival".'


def test_with_none_chosen_each_says_what_it_would_save(shopper: User, product: Product, claim: Claim) -> None:
    result = quote(shopper, cart_item(product), claims=[])
    assert result.quote.payable == 100_00
    assert status_of(result, claim) == "available"
    assert sentence_of(result, claim) == "You save ¥10.00 with this coupon."


def test_what_is_missing_is_said_to_the_cent(shopper: User, claim: Claim) -> None:
    result = quote(shopper, cart_item(factories.make_product(price=37_99)))
    assert sentence_of(result, claim) == "Spend ¥12.01 more on eligible products to use this coupon."


def test_a_coupon_counts_for_everything_under_its_category(shopper: User) -> None:
    food = factories.make_category()
    dairy = factories.make_category(parent=food)
    milk, toy = factories.make_product(category=dairy, price=40_00), factories.make_product(price=60_00)
    coupon = factories.make_coupon(benefit_type=BenefitType.PERCENT_OFF, percent_off=50)
    ScopeEntry.objects.create(coupon=coupon, mode=ScopeMode.INCLUDE, category=food)
    factories.make_claim(shopper=shopper, coupon=coupon)
    result = quote(shopper, cart_item(milk), cart_item(toy))
    assert [line.discount for line in result.quote.lines] == [20_00, 0]


def test_no_line_falls_below_its_floor_price(shopper: User) -> None:
    factories.make_claim(shopper=shopper, amount_off=90_00)
    result = quote(shopper, cart_item(factories.make_product(price=100_00, floor_price=30_00)))
    assert result.quote.payable == 30_00


def test_a_claim_for_later_says_from_when(shopper: User, product: Product) -> None:
    later = factories.make_claim(shopper=shopper, usable_from=NOW + timedelta(days=1))
    result = quote(shopper, cart_item(product))
    assert status_of(result, later) == "refused"
    assert "from" in sentence_of(result, later)


def test_a_chosen_claim_that_is_gone_says_so_instead_of_vanishing(shopper: User, product: Product) -> None:
    claim = factories.make_claim(shopper=shopper, usable_days=1)
    result = quote(shopper, cart_item(product), claims=[claim], now=claim.expires_at)
    assert status_of(result, claim) == "refused"


@pytest.mark.reliability(43)
def test_a_foreign_claim_and_no_claim_read_the_same(outsider: User, product: Product, claim: Claim) -> None:
    for unknown in (claim.public_id, uuid4()):
        with pytest.raises(NotFound):
            quote_cart(shopper=outsider, items=[cart_item(product)], claim_ids=[unknown], now=NOW)


def test_a_stranger_gets_prices_without_coupons(product: Product) -> None:
    result = quote(None, cart_item(product, quantity=3))
    assert (result.quote.payable, result.candidates) == (300_00, [])


class TestAWrongCart:
    @pytest.mark.parametrize("quantity", [0, -1])
    def test_no_units(self, product: Product, quantity: int) -> None:
        with pytest.raises(Invalid) as refused:
            quote(None, cart_item(product, quantity=quantity))
        assert refused.value.data == {"parameter": "lines[0].quantity"}

    def test_too_many_units(self, product: Product) -> None:
        with pytest.raises(CartTooLarge):
            quote(None, cart_item(product, quantity=10_000))

    def test_too_many_lines(self) -> None:
        with pytest.raises(CartTooLarge):
            quote(None, *[CartItem(sku=str(number), quantity=1) for number in range(201)])

    def test_a_product_twice(self, product: Product) -> None:
        with pytest.raises(Invalid):
            quote(None, cart_item(product), cart_item(product))

    def test_more_money_than_there_is(self, product: Product) -> None:
        with pytest.raises(Invalid):
            quote(None, CartItem(product.sku, 9_999, unit_price=MAXIMUM_MINOR))

    def test_an_unknown_product(self) -> None:
        with pytest.raises(ProductUnknown) as refused:
            quote(None, CartItem(sku="nothing", quantity=1))
        assert refused.value.sentence == "There is no product nothing on sale."


def test_changes_nothing(shopper: User, product: Product, claim: Claim) -> None:
    quote(shopper, cart_item(product))
    claim.refresh_from_db()
    assert (claim.state, claim.entries.count()) == ("available", 1)


def test_costs_no_more_queries_for_a_fuller_wallet(
    shopper: User, product: Product, django_assert_max_num_queries
) -> None:
    for _ in range(15):
        factories.make_claim(shopper=shopper)
    # Products, promotions, two of the shopper, claims with the two parts that they have, budgets.
    with django_assert_max_num_queries(8):
        quote(shopper, cart_item(product))


class TestAChosenClaim:
    """That cannot be used is not priced as if it could: the order would refuse it."""

    def test_that_was_used(self, shopper: User, product: Product, claim: Claim) -> None:
        pay(shopper, claim)
        result = quote(shopper, cart_item(product), claims=[claim])
        assert (result.quote.payable, status_of(result, claim)) == (100_00, "refused")
        assert sentence_of(result, claim) == "This coupon has been used already."

    def test_that_another_order_holds(self, shopper: User, product: Product, claim: Claim) -> None:
        lock(shopper, claim)
        result = quote(shopper, cart_item(product), claims=[claim])
        assert (result.quote.payable, status_of(result, claim)) == (100_00, "refused")
        assert result.best is not None
        assert not result.best.offers
        assert sentence_of(result, claim) == "This coupon is on an order that awaits payment."

    def test_that_was_taken_away(self, shopper: User, product: Product, claim: Claim, marketer: User) -> None:
        claim_revoke(claim=claim, actor=marketer, reason="a mistake", now=NOW)
        result = quote(shopper, cart_item(product), claims=[claim])
        assert (result.quote.payable, sentence_of(result, claim)) == (100_00, "This coupon cannot be used now.")

    def test_whose_lock_is_over_counts_before_any_job_has_run(
        self, shopper: User, product: Product, claim: Claim, settings
    ) -> None:
        lock(shopper, claim)
        end = NOW + settings.ORDER_LOCK_LASTS
        assert quote(shopper, cart_item(product), now=end - timedelta(microseconds=1)).quote.payable == 100_00
        for claims in (None, [claim]):
            assert quote(shopper, cart_item(product), claims=claims, now=end).quote.payable == 90_00


class TestBudgets:
    """A quote promises what the order will keep."""

    def test_a_promotion_that_cannot_be_paid_is_left_out(self, shopper: User, product: Product) -> None:
        make_promotion().budgets.add(factories.make_budget(cap=9_99))
        for whose in (shopper, None):
            result = quote(whose, cart_item(product))
            assert (result.quote.payable, result.promotions) == (100_00, [])

        order = lock(shopper, items=[cart_item(product)], expected_payable=result.quote.payable)
        assert order.payable == result.quote.payable

    def test_what_was_in_its_place_applies_then(self, shopper: User, product: Product, claim: Claim) -> None:
        make_promotion(is_exclusive=True, amount_off=30_00).budgets.add(factories.make_budget(cap=29_99))
        assert quote(shopper, cart_item(product)).quote.payable == 90_00

    @pytest.mark.parametrize("cap", [0, 9_99])
    def test_a_coupon_that_cannot_be_paid_says_so(
        self, shopper: User, product: Product, claim: Claim, cap: int
    ) -> None:
        claim.coupon.budgets.add(factories.make_budget(cap=cap))
        for claims in (None, [], [claim]):
            result = quote(shopper, cart_item(product), claims=claims)
            assert (result.quote.payable, status_of(result, claim)) == (100_00, "refused")
            assert result.best is not None
            assert result.best.quote.payable == 100_00
            assert sentence_of(result, claim) == "The money set aside for this coupon is used up."

    def test_another_coupon_is_best_then(self, shopper: User, product: Product, claim: Claim) -> None:
        rival = factories.make_claim(shopper=shopper, stacking_group="shop", amount_off=30_00)
        rival.coupon.budgets.add(factories.make_budget(cap=29_99))
        result = quote(shopper, cart_item(product))
        assert (result.quote.payable, status_of(result, claim)) == (90_00, "applied")

    def test_two_that_share_one_are_not_both_promised(self, shopper: User, product: Product, claim: Claim) -> None:
        shared = factories.make_budget(cap=15_00)
        other = factories.make_claim(shopper=shopper)
        for each in (claim, other):
            each.coupon.budgets.add(shared)
        result = quote(shopper, cart_item(product))
        assert result.quote.payable == 90_00
        assert {status_of(result, each) for each in (claim, other)} == {"applied", "refused"}

    def test_a_claim_goes_before_a_promotion_as_on_the_order(
        self, shopper: User, product: Product, claim: Claim
    ) -> None:
        shared = factories.make_budget(cap=15_00)
        for coupon in (make_promotion(), claim.coupon):
            coupon.budgets.add(shared)
        result = quote(shopper, cart_item(product))
        assert (status_of(result, claim), result.promotions) == ("applied", [])
        assert lock(shopper, claim, items=[cart_item(product)]).payable == result.quote.payable

    def test_of_two_promotions_the_one_that_the_order_takes_is_promised(self, shopper: User, product: Product) -> None:
        shared = factories.make_budget(cap=15_00)
        first, second = make_promotion(amount_off=9_00), make_promotion(amount_off=12_00, priority=1)
        for promotion in (first, second):
            promotion.budgets.add(shared)
        result = quote(shopper, cart_item(product))
        assert [each.coupon for each in result.promotions] == [first]
        assert lock(shopper, items=[cart_item(product)]).payable == result.quote.payable == 91_00

    def test_what_the_best_choice_would_spend_is_not_taken_from_another_one(
        self, shopper: User, product: Product, claim: Claim
    ) -> None:
        """The best coupon and a promotion share a budget; who chooses another coupon gets the promotion."""
        shared = factories.make_budget(cap=30_00)
        rival = factories.make_claim(shopper=shopper, stacking_group="shop", amount_off=30_00)
        for coupon in (make_promotion(amount_off=5_00), rival.coupon):
            coupon.budgets.add(shared)
        result = quote(shopper, cart_item(product), claims=[claim])
        assert lock(shopper, claim, items=[cart_item(product)]).payable == result.quote.payable == 85_00

    def test_a_gift_costs_no_budget(self, shopper: User, product: Product) -> None:
        promotion = make_promotion(benefit_type=BenefitType.GIFT_ITEM, gift_product=product, gift_quantity=1)
        promotion.budgets.add(factories.make_budget(cap=0))
        assert quote(shopper, cart_item(product)).quote.gifts


class TestTheBestCombination:
    @pytest.fixture
    def rivals(self, shopper: User) -> list[Claim]:
        """Of one group: 10.00 off, and 25 % off, which the engine's own order would take last."""
        small = factories.make_claim(shopper=shopper, stacking_group="shop", priority=9)
        large = factories.make_claim(
            shopper=shopper, stacking_group="shop", benefit_type=BenefitType.PERCENT_OFF, percent_off=25
        )
        return [small, large]

    def test_is_chosen_where_the_shopper_chose_nothing(
        self, shopper: User, product: Product, rivals: list[Claim]
    ) -> None:
        result = quote(shopper, cart_item(product))
        assert [status_of(result, each) for each in rivals] == ["refused", "applied"]
        assert result.quote.payable == 75_00
        assert result.is_best

    def test_is_named_beside_another_choice(self, shopper: User, product: Product, rivals: list[Claim]) -> None:
        result = quote(shopper, cart_item(product), claims=[rivals[0]])
        assert result.quote.payable == 90_00
        assert result.best is not None
        assert [offer.offer_id for offer in result.best.offers] == [str(rivals[1].public_id)]
        assert (result.best.quote.payable, result.best.is_proven, result.is_best) == (75_00, True, False)

    def test_of_a_visitor_is_none(self, product: Product) -> None:
        assert quote(None, cart_item(product)).best is None


class TestPromotions:
    def test_apply_by_themselves_for_everybody(self, shopper: User, product: Product) -> None:
        promotion = factories.make_coupon(handout="automatic", amount_off=7_00)
        for buyer in (shopper, None):
            result = quote(buyer, cart_item(product))
            assert result.quote.payable == 93_00
            assert [each.coupon for each in result.promotions] == [promotion]

    def test_stay_beside_whatever_is_chosen(self, shopper: User, product: Product, claim: Claim) -> None:
        factories.make_coupon(handout="automatic", amount_off=7_00)
        assert quote(shopper, cart_item(product), claims=[claim]).quote.payable == 83_00
        assert quote(shopper, cart_item(product), claims=[]).quote.payable == 93_00


def test_a_product_that_stands_in_the_way_is_named(shopper: User, product: Product, claim: Claim) -> None:
    ScopeEntry.objects.create(coupon=claim.coupon, mode=ScopeMode.FORBID, product=product)
    result = quote(shopper, cart_item(product))
    assert sentence_of(result, claim) == f"This coupon cannot be used together with {product.name} in the cart."


class TestHints:
    def hints(self, result: CartQuote) -> list[tuple[str, str]]:
        return [(hint.code.value, hint.sentence) for hint in hints_of(result.candidates, now=NOW)]

    def test_name_what_misses_the_least(self, shopper: User) -> None:
        for missing in (12_00, 5_00, 90_00):
            factories.make_claim(shopper=shopper, minimum_spend=100_00 + missing)
        result = quote(shopper, cart_item(factories.make_product(price=100_00)))
        found = hints_of(result.candidates, now=NOW)
        assert [hint.data for hint in found] == [{"missing_amount": 5_00}, {"missing_amount": 12_00}]

    def test_leave_out_what_is_far_away(self, shopper: User) -> None:
        factories.make_claim(shopper=shopper, minimum_spend=500_00)
        assert not self.hints(quote(shopper, cart_item(factories.make_product(price=100_00))))

    def test_warn_of_what_ends_tonight_and_is_not_used(self, shopper: User, product: Product) -> None:
        tonight = factories.make_claim(shopper=shopper, title_en="Last day", usable_until=NOW + timedelta(hours=2))
        assert self.hints(quote(shopper, cart_item(product), claims=[])) == [
            ("expires_tonight", "“Last day” expires tonight.")
        ]
        assert not self.hints(quote(shopper, cart_item(product), claims=[tonight]))


def test_a_huge_cart_and_wallet_are_judged_with_bounded_work(shopper: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        factories.make_claim(shopper=shopper)
    items = [cart_item(factories.make_product()) for _ in range(3)]
    priced = []
    real = quote_choice.price_cart
    monkeypatch.setattr(quote_choice, "price_cart", lambda *given: priced.append(given) or real(*given))
    monkeypatch.setattr(quote_choice, "MAXIMUM_LINES_PRICED", 15)
    result = quote(shopper, *items, claims=[])
    # Once for the quote, and five times three lines for the claims; the other seven are judged alone.
    assert len(priced) == 1 + 5
    assert {candidate.status for candidate in result.candidates} == {"available"}
