"""What the night decided, as the showcase shows it: whole or not at all, with its reason, for no query more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from coupons.affinity_words import affinity_sentence
from coupons.enums import AffinityReason
from coupons.models import Affinity, AffinityEdition, Coupon
from coupons.selectors.showcase import showcase_coupons
from coupons.services import affinities
from coupons.services.affinities import AffinityDraft, AffinityWhy, affinities_replace
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

YOGURT = {"name_en": "Yogurt", "name_zh": "酸奶"}


def draft(
    coupon: Coupon,
    place: int,
    *,
    shopper: User | None = None,
    reason: AffinityReason | None = None,
    data: dict[str, str] | None = None,
) -> AffinityDraft:
    if reason is None:
        reason = AffinityReason.POPULAR if shopper is None else AffinityReason.BOUGHT
    if data is None:
        data = {} if shopper is None else YOGURT
    return AffinityDraft(
        shopper_id=shopper.pk if shopper else None,
        coupon_id=coupon.pk,
        place=place,
        score=1 / place,
        why=AffinityWhy(reason, data),
    )


@pytest.fixture
def coupons() -> list[Coupon]:
    return [factories.make_coupon(title_en=f"Coupon {letter}") for letter in "ABCD"]


class TestOrder:
    def test_without_a_night_the_newest_comes_first(self, coupons: list[Coupon], shopper: User) -> None:
        for visitor in (None, shopper):
            assert list(showcase_coupons(now=NOW, shopper=visitor)) == coupons[::-1]

    def test_own_list_first_then_what_is_popular_then_the_rest(
        self, coupons: list[Coupon], shopper: User, outsider: User
    ) -> None:
        first, second, third, fourth = coupons
        drafts = [
            draft(second, 1),
            draft(first, 2),
            draft(fourth, 1, shopper=shopper),
            draft(first, 2, shopper=shopper),
        ]
        assert affinities_replace(drafts=drafts, now=NOW) == 4
        assert list(showcase_coupons(now=NOW, shopper=shopper)) == [fourth, first, second, third]
        for newcomer in (None, outsider):
            assert list(showcase_coupons(now=NOW, shopper=newcomer)) == [second, first, fourth, third]

    def test_what_cannot_be_had_stays_behind(self, coupons: list[Coupon], shopper: User) -> None:
        gone = factories.make_coupon(stock=1)
        factories.make_claim(coupon=gone)
        affinities_replace(drafts=[draft(gone, 1, shopper=shopper)], now=NOW)
        assert list(showcase_coupons(now=NOW, shopper=shopper))[-1] == gone

    def test_other_orders_do_not_move(self, coupons: list[Coupon], shopper: User) -> None:
        before = list(showcase_coupons(now=NOW, shopper=shopper, sort="newest"))
        affinities_replace(drafts=[draft(coupons[0], 1, shopper=shopper)], now=NOW)
        assert list(showcase_coupons(now=NOW, shopper=shopper, sort="newest")) == before


class TestReplacing:
    def test_a_night_takes_the_place_of_the_last(self, coupons: list[Coupon], shopper: User) -> None:
        affinities_replace(drafts=[draft(coupons[0], 1, shopper=shopper), draft(coupons[1], 1)], now=NOW)
        affinities_replace(drafts=[draft(coupons[2], 1, shopper=shopper)], now=NOW)
        assert [row.coupon for row in Affinity.objects.all()] == [coupons[2]]
        assert AffinityEdition.objects.get().is_shown

    def test_readers_never_see_half_a_night(
        self, coupons: list[Coupon], shopper: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(affinities, "CHUNK_ROWS", 1)
        affinities_replace(drafts=[draft(coupons[0], 1, shopper=shopper)], now=NOW)
        seen: list[Coupon | None] = []

        def drafts() -> Iterator[AffinityDraft]:
            for place, coupon in enumerate(coupons[1:], start=1):
                seen.append(showcase_coupons(now=NOW, shopper=shopper).first())
                yield draft(coupon, place, shopper=shopper)

        affinities_replace(drafts=drafts(), now=NOW)
        assert seen == [coupons[0]] * 3
        assert showcase_coupons(now=NOW, shopper=shopper).first() == coupons[1]

    def test_a_night_that_breaks_leaves_the_last_one(
        self, coupons: list[Coupon], shopper: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(affinities, "CHUNK_ROWS", 1)
        affinities_replace(drafts=[draft(coupons[0], 1, shopper=shopper)], now=NOW)

        def drafts() -> Iterator[AffinityDraft]:
            yield draft(coupons[1], 1, shopper=shopper)
            raise RuntimeError("the feed broke")

        with pytest.raises(RuntimeError):
            affinities_replace(drafts=drafts(), now=NOW)
        assert [row.coupon for row in Affinity.objects.all()] == [coupons[0]]
        assert showcase_coupons(now=NOW, shopper=shopper).first() == coupons[0]

    def test_a_coupon_is_once_on_a_list(self, coupons: list[Coupon], shopper: User) -> None:
        for twice in ([draft(coupons[0], 1), draft(coupons[0], 2)], [draft(coupons[0], 1, shopper=shopper)] * 2):
            with pytest.raises(IntegrityError):
                affinities_replace(drafts=twice, now=NOW)

    def test_what_a_killed_night_left_is_cleared(self, coupons: list[Coupon]) -> None:
        dead = AffinityEdition.objects.create(computed_at=NOW)
        Affinity.objects.create(edition=dead, coupon=coupons[0], place=1, score=1, reason=AffinityReason.POPULAR)
        affinities_replace(drafts=[], now=NOW)
        assert not Affinity.objects.exists()
        assert AffinityEdition.objects.count() == 1

    def test_rows_hold_what_the_drafts_say(self, coupons: list[Coupon], shopper: User) -> None:
        odd = {"name_en": "Tab\t, back\\slash and\nline", "name_zh": "酸奶"}
        drafts = [
            draft(coupons[0], 1, shopper=shopper, data=odd),
            draft(coupons[1], 3, shopper=shopper, reason=AffinityReason.GOES_WITH),
            draft(coupons[1], 1),
        ]
        affinities_replace(drafts=drafts, now=NOW)
        fields = ("shopper_id", "coupon_id", "place", "score", "reason", "reason_data")
        assert sorted(Affinity.objects.values_list(*fields), key=lambda row: (row[0] or 0, row[2])) == [
            (None, coupons[1].pk, 1, 1.0, "popular", {}),
            (shopper.pk, coupons[0].pk, 1, 1.0, "bought", odd),
            (shopper.pk, coupons[1].pk, 3, 1 / 3, "goes_with", YOGURT),
        ]

    @pytest.mark.parametrize("chunk_rows", [1, 2, 5, 1000])
    def test_all_that_a_killed_night_left_is_cleared_and_nothing_else(
        self, coupons: list[Coupon], monkeypatch: pytest.MonkeyPatch, chunk_rows: int
    ) -> None:
        monkeypatch.setattr(affinities, "CHUNK_ROWS", chunk_rows)
        shoppers = [factories.make_shopper() for _ in range(5)]
        drafts = [draft(coupon, 1, shopper=shopper) for shopper in shoppers for coupon in coupons[:2]]
        affinities_replace(drafts=[*drafts, draft(coupons[0], 1)], now=NOW)
        _leave_behind(drafts)
        _leave_behind([draft(coupons[0], 1)])
        affinities._delete_hidden()
        assert Affinity.objects.count() == len(drafts) + 1
        assert AffinityEdition.objects.get().is_shown

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="other databases do not count what they read")
    def test_clearing_reads_each_row_a_few_times_however_many_are_shown(
        self, coupons: list[Coupon], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(affinities, "CHUNK_ROWS", 10)
        shoppers = User.objects.bulk_create(User(username=f"many-{at}", joined_at=NOW) for at in range(100))
        drafts = [draft(coupons[0], 1, shopper=shopper) for shopper in shoppers]
        affinities_replace(drafts=drafts, now=NOW)
        _leave_behind(drafts)
        with connection.cursor() as cursor:
            # As in a table of millions.
            cursor.execute("SET LOCAL enable_seqscan = off")
        before = _rows_read()
        affinities._delete_hidden()
        assert Affinity.objects.count() == len(drafts)
        assert 0 < _rows_read() - before <= 5 * len(drafts)

        # Control: by the primary key, every chunk passes all that is shown.
        _leave_behind(drafts)
        hidden = Affinity.objects.exclude(edition__is_shown=True).order_by("pk")
        before = _rows_read()
        while chunk := list(hidden.values_list("pk", flat=True)[:10]):
            Affinity.objects.filter(pk__in=chunk).delete()
        assert _rows_read() - before > 10 * len(drafts)


def _leave_behind(drafts: list[AffinityDraft]) -> None:
    affinities._write(AffinityEdition.objects.create(computed_at=NOW), drafts)


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'coupons_affinity'"
        )
        return int(cursor.fetchone()[0])


class TestReason:
    @pytest.mark.parametrize(
        ("reason", "data", "english", "chinese"),
        [
            (AffinityReason.BOUGHT, YOGURT, "Because you buy Yogurt", "因为您常买酸奶"),
            (AffinityReason.GOES_WITH, YOGURT, "Goes with the Yogurt you buy", "与您常买的酸奶很搭"),
            (AffinityReason.BOUGHT, {}, "Chosen by what you buy", "根据您的购买习惯推荐"),
            (AffinityReason.ANYTHING, {}, "Good for everything you buy", "您常买的都能用"),
            (AffinityReason.PEERS, {}, "Shoppers like you go for it", "与您相似的顾客都喜欢"),
            (AffinityReason.POPULAR, {}, "Many shoppers go for it", "很多顾客都喜欢"),
            (None, None, "", ""),
            ("of another version", YOGURT, "", ""),
        ],
    )
    def test_is_said_in_both_languages(
        self, reason: str | None, data: dict[str, str] | None, english: str, chinese: str
    ) -> None:
        with translation.override("en"):
            assert affinity_sentence(reason, data) == english
        with translation.override("zh-hans"):
            assert affinity_sentence(reason, data) == chinese

    def test_stands_on_the_ticket_and_hostile_names_are_text(
        self, client: Client, coupons: list[Coupon], shopper: User
    ) -> None:
        hostile = {"name_en": "<script>alert(1)</script> 100%s", "name_zh": ""}
        affinities_replace(
            drafts=[
                draft(coupons[0], 1, shopper=shopper),
                draft(coupons[1], 2, shopper=shopper, data=hostile),
                draft(coupons[2], 1),
            ],
            now=NOW,
        )
        client.force_login(shopper)
        page = client.get("/", headers={"accept-language": "en"}).content.decode()
        assert "Because you buy Yogurt" in page
        assert "Because you buy &lt;script&gt;alert(1)&lt;/script&gt; 100%s" in page
        assert page.count("ticket-why") == 3
        own_page = client.get(coupons[0].get_absolute_url(), headers={"accept-language": "en"}).content.decode()
        assert "Because you buy Yogurt" in own_page
        client.logout()
        page = client.get("/", headers={"accept-language": "en"}).content.decode()
        assert "Yogurt" not in page
        assert page.count("Many shoppers go for it") == 1

    def test_costs_no_further_query(self, client: Client, coupons: list[Coupon], shopper: User) -> None:
        client.force_login(shopper)

        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                client.get("/")
            return len(captured)

        queries()
        before = queries()
        affinities_replace(drafts=[draft(each, 1 + at, shopper=shopper) for at, each in enumerate(coupons)], now=NOW)
        assert queries() == before
