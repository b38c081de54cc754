"""The shares of variant groups as a model that can be kept, promoted, and brought into force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.learners.bandit_contexts import EVERYBODY
from analytics.models import ModelVersion, Run
from analytics.services.registry import Learned, model_save
from campaigns.models import VariantGroup, VariantShare
from campaigns.services.variants import variant_shares_publish

# Of groups that no model knows.
EQUAL_SHARES = 0

# How often each coupon is drawn, by segment; `EVERYBODY` for all who have no other.
Policy = Mapping[str, Mapping[int, float]]


def policies_save(*, run: Run, policies: Mapping[int, Policy], figures: dict[str, Any], now: datetime) -> ModelVersion:
    """Keeps the policies of groups as one model.

    Args:
        policies: by the group's id.
    """
    rows = [
        (group, segment, coupon, share)
        for group, policy in policies.items()
        for segment, shares in policy.items()
        for coupon, share in shares.items()
    ]
    groups, segments, coupons, shares = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    arrays: dict[str, NDArray[Any]] = {
        "group": np.array(groups, dtype=np.int64),
        "segment": np.array(segments, dtype=np.str_),
        "coupon": np.array(coupons, dtype=np.int64),
        "share": np.array(shares, dtype=np.float64),
    }
    description = {"share": "how often a coupon of a variant group is drawn", "segment": "empty for everybody else"}
    return model_save(run=run, arrays=arrays, metrics=figures, description=description, now=now)


def policy_in(learned: Learned, group: VariantGroup) -> Policy:
    """Returns what a model says of a group; empty for one that it does not know."""
    arrays = dict(learned.arrays)
    # Models that were kept before there were segments say the same for everybody.
    arrays.setdefault("segment", np.full(len(arrays["group"]), EVERYBODY))
    rows: NDArray[np.bool_] = arrays["group"] == group.pk
    found: dict[str, dict[int, float]] = defaultdict(dict)
    columns = (arrays[name][rows].tolist() for name in ("segment", "coupon", "share"))
    for segment, coupon_id, share in zip(*columns, strict=True):
        found[segment][coupon_id] = share
    return dict(found)


def policy_in_force(group: VariantGroup) -> Policy:
    """Returns what is published now; empty where shares are equal."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for coupon_id, share in group.arms.exclude(share=None).order_by("pk").values_list("coupon_id", "share"):
        found[EVERYBODY][coupon_id] = share or 0.0
    shares = VariantShare.objects.filter(arm__group=group).order_by("pk")
    for segment, coupon_id, share in shares.values_list("segment", "arm__coupon_id", "share"):
        found[segment][coupon_id] = share
    return dict(found)


def number_of(learned: Learned | None, group: VariantGroup) -> int:
    """Returns the number under which a group's decisions are logged while a model is in use."""
    return learned.version.pk if learned is not None and policy_in(learned, group) else EQUAL_SHARES


def bring_into_force(groups: Iterable[VariantGroup], learned: Learned) -> None:
    """Publishes a model's shares in each group that has others; one that the model does not know has equal ones."""
    for group in groups:
        number = number_of(learned, group)
        if group.policy == number:
            continue
        policy = policy_in(learned, group)
        variant_shares_publish(
            group=group,
            shares=policy.get(EVERYBODY, {}),
            by_segment={segment: shares for segment, shares in policy.items() if segment != EVERYBODY},
            policy=number,
        )
