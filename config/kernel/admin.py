"""Pages of the machinery behind the shop, in the theme of the others, for superusers only.

What nobody needs to look at (grants, id tokens, clocked and solar schedules, the log of sign-ins) has no page.
"""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin as BaseAccessAttemptAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import CrontabScheduleAdmin as BaseCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from oauth2_provider.admin import AccessTokenAdmin as BaseAccessTokenAdmin
from oauth2_provider.admin import ApplicationAdmin as BaseApplicationAdmin
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.kernel.admin_tools import ShopModelAdmin, SuperuserOnlyMixin

Application = get_application_model()
AccessToken = get_access_token_model()

for _model in (
    AccessAttempt,
    AccessFailureLog,
    AccessLog,
    AccessToken,
    Application,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
    get_grant_model(),
    get_id_token_model(),
    get_refresh_token_model(),
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(Application)
class ApplicationAdmin(SuperuserOnlyMixin, BaseApplicationAdmin, ShopModelAdmin):
    """The shop's systems that may call the API."""

    list_display = ("name", "client_id", "client_type", "authorization_grant_type", "created")
    view_on_site = False
    # The library would search the people's e-mail addresses, which are sealed.
    search_fields = ("name", "client_id")


@admin.register(AccessToken)
class AccessTokenAdmin(SuperuserOnlyMixin, BaseAccessTokenAdmin, ShopModelAdmin):
    """Which systems are signed in; their tokens can be revoked and are never shown."""

    list_display = ("application", "masked_token", "scope", "expires")
    list_select_related = ("application",)
    search_fields = ("application__client_id", "application__name")


@admin.register(AccessAttempt)
class AccessAttemptAdmin(SuperuserOnlyMixin, BaseAccessAttemptAdmin, ShopModelAdmin):
    """Failed sign-ins; deleting one unlocks."""

    list_display = ("attempt_time", "ip_address", "user_agent", "failures_since_start")
    search_fields = ("ip_address", "user_agent")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _ThemedTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The choice of registered tasks in the theme of the other fields."""


class ThemedPeriodicTaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = _ThemedTaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(SuperuserOnlyMixin, BasePeriodicTaskAdmin, ShopModelAdmin):
    form = ThemedPeriodicTaskForm
    list_display = ("name", "enabled", "crontab", "interval", "last_run_at")
    list_filter = ("enabled",)
    list_select_related = ("crontab", "interval")
    date_hierarchy = None


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(SuperuserOnlyMixin, BaseCrontabScheduleAdmin, ShopModelAdmin):
    pass


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(SuperuserOnlyMixin, ShopModelAdmin):
    pass


@admin.register(SolarSchedule, ClockedSchedule)
class HiddenScheduleAdmin(SuperuserOnlyMixin, ShopModelAdmin):
    """Kept only because the form of a periodic task may point to one; no link leads here."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False
