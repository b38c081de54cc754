"""Whom the shop tells when one of its coupons needs somebody."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from users.models import User


def operators() -> QuerySet[User]:
    """Returns the active staff who may change coupons."""
    change_coupon = Permission.objects.filter(content_type__app_label="coupons", codename="change_coupon")
    may_change = Q(groups__permissions__in=change_coupon) | Q(user_permissions__in=change_coupon)
    staff = User.objects.filter(is_active=True, is_staff=True)
    return staff.filter(Q(is_superuser=True) | Q(pk__in=staff.filter(may_change).values("pk"))).order_by("pk")
