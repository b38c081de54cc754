"""From chances of product types to lists of coupons with reasons, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.learners.item_models import ItemModel
from analytics.learners.purchases import Habits, Ints
from analytics.learners.shortlist import (
    Relevance,
    groups_of,
    relevance_of,
    strongest_companion,
    varied_order,
)
from analytics.selectors.coverage import Coverage
from analytics.selectors.purchases import Kinds
from coupons.enums import AffinityReason
from coupons.services.affinities import AffinityDraft, AffinityWhy

# A page of the showcase.
OWN_LENGTH = 12
# Beyond these, being popular is nothing to say of a coupon.
POPULAR_LENGTH = 8
# Of a score.
DIGITS = 6
ANYTHING = AffinityWhy(AffinityReason.ANYTHING)
PEERS = AffinityWhy(AffinityReason.PEERS)
POPULAR = AffinityWhy(AffinityReason.POPULAR)


@dataclass(slots=True)
class _Sums:
    """Chances of types and relevance of coupons, summed over shoppers."""

    chances: NDArray[np.float64]
    relevance: NDArray[np.float64]
    shoppers: int = 0


@dataclass(slots=True)
class AffinityLister:
    """Makes the lists; while it lists shoppers it adds up what their segments, and all of them, like."""

    kinds: Kinds
    items: ItemModel
    coverage: Coverage
    _groups: Ints = field(init=False)
    # That each type was bought, that something goes with each, that many go for it, that it counts everything.
    _whys: list[AffinityWhy] = field(init=False)
    _sums: dict[str, _Sums] = field(init=False, default_factory=dict)
    _segment_lists: dict[str, list[AffinityDraft]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._groups = groups_of(self.coverage.shares)
        names = [{"kind": kind.key, "name_en": kind.name_en, "name_zh": kind.name_zh} for kind in self.kinds.kinds]
        self._whys = [
            *(AffinityWhy(AffinityReason.BOUGHT, data) for data in names),
            *(AffinityWhy(AffinityReason.GOES_WITH, data) for data in names),
            POPULAR,
            ANYTHING,
        ]

    def own_lists(
        self,
        shopper_ids: Ints,
        chances: NDArray[np.float32],
        habits: Habits,
        segments: Sequence[str],
        barred: NDArray[np.bool_],
    ) -> Iterator[AffinityDraft]:
        """Yields the lists of shoppers with purchases.

        Args:
            chances: shoppers × types.
            habits: what they bought.
            segments: the tag of each, "" for none.
            barred: what is not meant for them: shoppers × coupons. What everybody likes counts it all the same.
        """
        if not len(self.coverage.coupon_ids):
            return
        relevance = relevance_of(chances, self.coverage.shares, self.coverage.shop_share)
        self._add("", chances, relevance)
        names = np.array(segments)
        for segment in np.unique(names[names != ""]):
            members = names == segment
            part = Relevance(score=relevance.score[members], leading_kind=relevance.leading_kind[members])
            self._add(str(segment), chances[members], part)
        own = Relevance(score=np.where(barred, 0.0, relevance.score), leading_kind=relevance.leading_kind)
        order = varied_order(own, self._groups, length=OWN_LENGTH)
        rows, places = np.nonzero(order >= 0)
        coupons = order[rows, places]
        kinds = relevance.leading_kind[rows, coupons]
        is_bought = habits.has(rows, kinds)
        companions = np.full(len(rows), -1, dtype=np.int64)
        # Asked only where the answer is said.
        asked = np.flatnonzero(~is_bought & ~self.coverage.is_whole_shop[coupons])
        companions[asked] = strongest_companion(
            rows[asked], kinds[asked], owned=habits.pair_kind, starts=habits.starts, weights=self.items.ease
        )
        yield from map(
            AffinityDraft._make,
            zip(
                shopper_ids[rows].tolist(),
                self.coverage.coupon_ids[coupons].tolist(),
                (places + 1).tolist(),
                np.round(relevance.score[rows, coupons].astype(np.float64), DIGITS).tolist(),
                [self._whys[why] for why in self._why_of(coupons, kinds, is_bought, companions).tolist()],
                strict=True,
            ),
        )

    def segment_list(self, shopper_id: int, segment: str) -> Iterator[AffinityDraft]:
        """Yields the list of somebody without purchases, from what the members of the segment like."""
        if segment not in self._segment_lists:
            self._segment_lists[segment] = list(self._list_of(segment, PEERS, OWN_LENGTH))
        for draft in self._segment_lists[segment]:
            yield draft._replace(shopper_id=shopper_id)

    def popular_list(self) -> Iterator[AffinityDraft]:
        """Yields everybody's list, from what all shoppers like."""
        return self._list_of("", POPULAR, POPULAR_LENGTH)

    def _why_of(self, coupons: Ints, kinds: Ints, is_bought: NDArray[np.bool_], companions: Ints) -> NDArray[np.int64]:
        """Returns the position in `_whys` of what each place says."""
        count = len(self.kinds)
        said = np.where(companions >= 0, count + companions, 2 * count)
        said = np.where(is_bought, kinds, said)
        return np.where(self.coverage.is_whole_shop[coupons], 2 * count + 1, said)

    def _add(self, segment: str, chances: NDArray[np.float32], relevance: Relevance) -> None:
        sums = self._sums.setdefault(
            segment, _Sums(chances=np.zeros(chances.shape[1]), relevance=np.zeros(relevance.score.shape[1]))
        )
        sums.chances += chances.sum(axis=0, dtype=np.float64)
        sums.relevance += relevance.score.sum(axis=0, dtype=np.float64)
        sums.shoppers += len(chances)

    def _list_of(self, segment: str, why: AffinityWhy, length: int) -> Iterator[AffinityDraft]:
        sums = self._sums.get(segment)
        if sums is None:
            return
        chances = (sums.chances / sums.shoppers).astype(np.float32)[None, :]
        leading = relevance_of(chances, self.coverage.shares, self.coverage.shop_share).leading_kind
        mean = (sums.relevance / sums.shoppers).astype(np.float32)[None, :]
        # Nobody knows yet who will read this list.
        mean[:, self.coverage.is_for_tagged] = 0.0
        order = varied_order(Relevance(score=mean, leading_kind=leading), self._groups, length=length)
        for place, coupon in enumerate(order[0].tolist(), start=1):
            if coupon >= 0:
                yield AffinityDraft(
                    shopper_id=None,
                    coupon_id=int(self.coverage.coupon_ids[coupon]),
                    place=place,
                    score=round(float(mean[0, coupon]), DIGITS),
                    why=why,
                )
