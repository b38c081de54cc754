"""Roles: Django's groups, for superusers."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from config.kernel.admin_tools import ShopModelAdmin, SuperuserOnlyMixin

if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(SuperuserOnlyMixin, GroupAdmin, ShopModelAdmin):
    """Who may do what."""
