"""What the admin pages of all apps share: money in decimals, tables of millions, read-only ledgers, small dialogs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.contrib.admin import ShowFacets
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.forms import PaginationInlineFormSet
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from config.kernel.clock import end_of_shop_day, start_of_shop_day
from config.kernel.errors import DomainError
from config.kernel.money import MoneyField, format_money

# Counting further than anybody pages would read the whole table for a number nobody needs.
COUNTED_ROWS = 10_000
# Names of problems listed after a bulk action.
SHOWN_REFUSALS = 5


class CappedPaginator(Paginator):
    """Counts at most `COUNTED_ROWS` rows, so that the list of a table of millions opens at once."""

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through."""
        object_list = self.object_list
        if isinstance(object_list, models.QuerySet):
            return object_list.order_by()[:COUNTED_ROWS].count()
        return len(object_list)


def money_column(field_name: str, description: Any) -> Callable[[Any], str]:
    """Returns a list or read-only column that writes a money attribute as the reader's language does."""

    def column(instance: Any) -> str:
        minor = getattr(instance, field_name)
        return "–" if minor is None else format_money(minor)

    column.short_description = description  # type: ignore[attr-defined]  # Django reads these from functions
    column.admin_order_field = field_name  # type: ignore[attr-defined]
    return column


def readable_money(contents: str) -> str:
    """Turns minor units, as Django's read-only field writes them, into an amount a person reads."""
    try:
        return format_money(int(contents))
    except ValueError:
        return contents


def shop_moment(value: datetime | None) -> str:
    """Writes a moment for a narrow column: in the shop's time zone, read the same in every language."""
    return "–" if value is None else date_format(timezone.localtime(value), "Y-m-d H:i")


def shop_window(start: datetime, end: datetime) -> SafeString:
    """Writes a window for a narrow column, one moment a line."""
    return format_html(
        '<span class="whitespace-nowrap">{}</span> –<br><span class="whitespace-nowrap">{}</span>',
        shop_moment(start),
        shop_moment(end),
    )


class MoneyFormMixin:
    """Gives money fields decimal inputs in forms and readable amounts where they are read-only."""

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)  # type: ignore[call-arg]  # mixed into ModelAdmin and inlines
        inline_model: type[models.Model] = self.model  # type: ignore[attr-defined]
        money = {field.name for field in inline_model._meta.get_fields() if isinstance(field, MoneyField)}
        self.readonly_preprocess_fields = {
            **dict.fromkeys(money, readable_money),
            **getattr(self, "readonly_preprocess_fields", {}),
        }

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Dresses the decimal input of a money field like its neighbours."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if isinstance(db_field, MoneyField) and formfield is not None:
            widget = UnfoldAdminDecimalFieldWidget()
            widget.is_required = formfield.required
            widget.attrs.update(formfield.widget_attrs(widget))
            formfield.widget = widget
        return formfield


class ShopModelAdmin(MoneyFormMixin, UnfoldModelAdmin):
    """The base of every admin page of the shop."""

    list_fullwidth = True
    compressed_fields = True
    list_per_page = 50
    warn_unsaved_form = True
    # Counting every choice of every filter would read the whole table many times.
    show_facets = ShowFacets.NEVER


class ShopTabularInline(MoneyFormMixin, UnfoldTabularInline):
    """Rows of a page, none added by default."""

    extra = 0
    # The columns say it already.
    hide_title = True

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Leaves out the buttons that make or change the other thing: there is little room, and a page for it."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(formfield, "widget", None)
        if isinstance(widget, RelatedFieldWidgetWrapper):
            widget.can_add_related = widget.can_change_related = False
            widget.can_delete_related = widget.can_view_related = False
        return formfield


class DistinctRowsFormSet(PaginationInlineFormSet):
    """Rows that must differ in each of the fields named; Django does not check conditional constraints here."""

    distinct_by: tuple[str, ...] = ()

    def kind_of_row(self, cleaned_data: dict[str, Any]) -> Any:
        """Returns what only rows of the same kind must differ for."""
        return None

    def clean(self) -> None:
        """Says beside a row that it stands there twice."""
        super().clean()
        for name in self.distinct_by:
            seen: set[Any] = set()
            for form in self.forms:
                row = getattr(form, "cleaned_data", {})
                value = row.get(name)
                if form in self.deleted_forms or value in (None, ""):
                    continue
                if (self.kind_of_row(row), value) in seen:
                    form.add_error(name, gettext("This stands here twice."))
                seen.add((self.kind_of_row(row), value))


class PreparedChangeList(ChangeList):
    """A list whose rows are completed together, so that no column asks the database row by row."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        """Reads the rows of the page and completes them."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.prepare(self.result_list)

    def prepare(self, rows: list[Any]) -> None:
        """Sets on the rows what the columns will show."""
        raise NotImplementedError


class ReadOnlyMixin:
    """A page that shows and never changes; what may be done there is done by actions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Without this the right to change, by which actions are granted, would not let a person look.
        options = self.opts  # type: ignore[attr-defined]
        user: Any = request.user
        return any(user.has_perm(f"{options.app_label}.{verb}_{options.model_name}") for verb in ("view", "change"))


class LargeTableMixin:
    """A list that never counts all its rows."""

    paginator: Any = CappedPaginator
    show_full_result_count = False
    list_per_page = 50


class SuperuserOnlyMixin:
    """A page of the machinery: nobody but a superuser sees it."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request) and super().has_add_permission(request)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and super().has_delete_permission(request, obj)  # type: ignore[misc]


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_superuser)


class StartMomentField(forms.SplitDateTimeField):
    """A date with an optional time: without one, the first instant of that day in the shop."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["require_all_fields"] = False
        super().__init__(**kwargs)
        for field in self.fields:
            field.required = False
        self.fields[0].required = self.required

    def compress(self, data_list: Any) -> Any:
        """Returns the instant that a date and perhaps a time mean; None for nothing."""
        if not data_list or not data_list[0]:
            return None
        try:
            return super().compress(data_list) if data_list[1] else self.moment_of(data_list[0])
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid_date"], code="invalid_date") from error

    def moment_of(self, day: Any) -> datetime:
        """Returns the instant that a bare date means."""
        return start_of_shop_day(day)


class EndMomentField(StartMomentField):
    """A date with an optional time: without one, the whole of that day still counts."""

    def moment_of(self, day: Any) -> datetime:
        return end_of_shop_day(day)


def leave_dialog(path: str) -> HttpResponse:
    """Returns the answer that closes an action's dialog and shows a page."""
    return HttpResponse(headers={"HX-Redirect": path})


def try_service(request: HttpRequest, call: Callable[[], object], *, done: str) -> bool:
    """Runs one service call and tells the outcome as a message; a refusal is shown in its own words."""
    try:
        call()
    except DomainError as error:
        messages.error(request, error.sentence)
        return False
    messages.success(request, done)
    return True


def try_service_for_each(request: HttpRequest, instances: Iterable[Any], call: Callable[[Any], object]) -> None:
    """Runs one service call for each selected row; tells how many went through and why others did not."""
    done = 0
    refusals: list[str] = []
    for instance in instances:
        try:
            call(instance)
        except DomainError as error:
            refusals.append(f"{instance}: {error.sentence}")
        else:
            done += 1
    if done:
        messages.success(request, ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done})
    for refusal in refusals[:SHOWN_REFUSALS]:
        messages.error(request, refusal)
    if len(refusals) > SHOWN_REFUSALS:
        more = len(refusals) - SHOWN_REFUSALS
        messages.error(request, ngettext("%(count)d more refused.", "%(count)d more refused.", more) % {"count": more})


def without_bulk_delete(model_admin: DjangoModelAdmin, actions: dict[str, Any]) -> dict[str, Any]:
    """Returns the list actions without the one that deletes: nothing that shoppers hold may vanish in bulk."""
    actions.pop("delete_selected", None)
    return actions


WHOLE_DAY_HINT = _("Leave the time empty to include the whole day.")
