"""What the shop's roles may do, as permissions of Django groups."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models import Max, Q

logger = structlog.get_logger(__name__)

MARKETER = "Marketer"

# Makes, publishes, watches and stops coupons and campaigns; sees what became of them; tags shoppers.
# Not among them: personal data in clear, accounts of staff, the machinery.
MARKETER_PERMISSIONS = (
    "coupons.add_coupon",
    "coupons.change_coupon",
    "coupons.view_coupon",
    "coupons.add_budget",
    "coupons.change_budget",
    "coupons.view_budget",
    "coupons.add_code",
    "coupons.change_code",
    "coupons.delete_code",
    "coupons.view_code",
    "coupons.add_codebatch",
    "coupons.view_codebatch",
    "coupons.view_gift",
    "coupons.view_waitingentry",
    "coupons.view_claimticket",
    "coupons.add_redpacket",
    "coupons.change_redpacket",
    "coupons.view_redpacket",
    "coupons.add_lottery",
    "coupons.change_lottery",
    "coupons.view_lottery",
    "coupons.change_claim",
    "coupons.view_claim",
    "coupons.view_order",
    "coupons.view_claimrating",
    "coupons.view_redemption",
    "coupons.change_product",
    "coupons.view_product",
    "coupons.change_category",
    "coupons.view_category",
    "campaigns.add_campaign",
    "campaigns.change_campaign",
    "campaigns.view_campaign",
    "campaigns.add_grant",
    "campaigns.change_grant",
    "campaigns.view_grant",
    "campaigns.view_message",
    "campaigns.add_variantgroup",
    "campaigns.change_variantgroup",
    "campaigns.view_variantgroup",
    "campaigns.view_couponscore",
    "campaigns.view_contactplan",
    "users.change_user",
    "users.view_user",
    "users.add_tag",
    "users.change_tag",
    "users.delete_tag",
    "users.view_tag",
    "analytics.add_allocationplan",
    "analytics.change_allocationplan",
    "analytics.view_allocationplan",
    "analytics.view_run",
    "analytics.view_modelversion",
    "analytics.view_segment",
    "analytics.change_segment",
    "analytics.view_fairnesssnapshot",
)


ANALYST = "Analyst"

# Reads figures and the lists behind them, and changes nothing.
ANALYST_PERMISSIONS = (
    "coupons.view_coupon",
    "coupons.view_claim",
    "coupons.view_claimrating",
    "coupons.view_order",
    "coupons.view_redemption",
    "coupons.view_product",
    "coupons.view_category",
    "campaigns.view_campaign",
    "campaigns.view_grant",
    "analytics.view_run",
    "analytics.view_segment",
    "analytics.view_fairnesssnapshot",
)


# Made by `migrate` where they are missing; see `RolesOfMigrate`.
ROLES = {MARKETER: MARKETER_PERMISSIONS, ANALYST: ANALYST_PERMISSIONS}


class RolesOfMigrate:
    """What one `migrate` does for the roles: it makes those that are missing, and gives the others what is new.

    New is a permission that this very `migrate` made. One that was there before and is not a role's, was taken from it
    by whoever runs the shop: it is not given back.
    """

    def __init__(self) -> None:
        self._last_before: int | None = None

    def start(self, using: str) -> None:
        """Notes which permissions there are before anything is migrated in the database named `using`."""
        is_new = Permission._meta.db_table not in connections[using].introspection.table_names()
        newest = Permission.objects.using(using).aggregate(newest=Max("pk"))["newest"] if not is_new else None
        self._last_before = newest or 0

    def finish(self) -> None:
        """Makes and completes the roles; without a start, as when tables are only emptied, nothing counts as new.

        A permission that does not exist is logged and passed over: of a database that is migrated in part some are
        yet to come. A role that is missing waits for all of its own.
        """
        last_before, self._last_before = self._last_before, None
        for name, permissions in ROLES.items():
            found, missing = _find(permissions)
            if missing:
                logger.warning("role_permissions_missing", role=name, permissions=sorted(missing))
            group = Group.objects.filter(name=name).first()
            if group is None and not missing:
                Group.objects.create(name=name).permissions.set(found)
            elif group is not None and last_before is not None:
                group.permissions.add(*(permission for permission in found if permission.pk > last_before))


roles_migrating = RolesOfMigrate()


def give_roles() -> None:
    """Makes the shop's roles, or makes them again what they are at first; changes nothing where they are.

    Raises:
        ValueError: a permission does not exist.
    """
    for name, permissions in ROLES.items():
        give_role(name, permissions)


def give_role(name: str, permissions: Iterable[str]) -> Group:
    """Makes a group with exactly these permissions, written `app.codename`, or brings it up to date.

    Raises:
        ValueError: one of them does not exist.
    """
    found, missing = _find(permissions)
    if missing:
        raise ValueError(f"there is no permission {', '.join(sorted(missing))}")
    group, _created = Group.objects.get_or_create(name=name)
    group.permissions.set(found)
    return group


def _find(permissions: Iterable[str]) -> tuple[list[Permission], set[str]]:
    """Returns the permissions of these names, and the names that none has."""
    wanted = Q(pk=None)
    names = set(permissions)
    for permission in names:
        app_label, _dot, codename = permission.partition(".")
        wanted |= Q(content_type__app_label=app_label, codename=codename)
    found = list(Permission.objects.filter(wanted).select_related("content_type"))
    return found, names - {f"{permission.content_type.app_label}.{permission.codename}" for permission in found}
