"""Shoppers and staff: found by what they are called, shown no further than the viewer may see."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, TextFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import (
    DistinctRowsFormSet,
    LargeTableMixin,
    ReadOnlyMixin,
    ShopModelAdmin,
    ShopTabularInline,
)
from config.kernel.fields import EncryptedDateField, EncryptedTextField
from users.admin.forms import NewStaffForm, OwnTagForm, PersonForm
from users.admin.shopper_sections import sections_for
from users.enums import TagSource
from users.masking import mask_birthday, mask_email, mask_name, mask_phone
from users.models import Profile, Tag, User
from users.selectors.identification import people_called

PERSONAL = ("name", "email", "phone", "birthday")
MASKED = ("show_name", "show_email", "show_phone", "show_birthday")
SHOWN_TAGS = 4


def may_read_personal_data(request: HttpRequest) -> bool:
    """Whether the person at the screen may see names and addresses in clear."""
    user: Any = request.user
    return user.has_perm("users.view_personal_data")


class TagFilter(TextFilter):
    """Shoppers with a tag, by its exact name."""

    title = _("tag")
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        name = self.value()
        return queryset.filter(pk__in=Tag.objects.filter(name=name).values("shopper")) if name else queryset


class OwnTagFormSet(DistinctRowsFormSet):
    distinct_by = ("name",)


class OwnTagInline(ShopTabularInline):
    """Tags that marketers set and take away."""

    model = Tag
    form = OwnTagForm
    formset = OwnTagFormSet
    verbose_name_plural = _("Tags set by marketers")
    fields = ("name", "expires_at", "set_at")
    readonly_fields = ("set_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).filter(source=TagSource.MARKETER)


class LearnedTagInline(ReadOnlyMixin, ShopTabularInline):
    """Tags that jobs and imports set; to be looked at."""

    model = Tag
    verbose_name_plural = _("Learned tags")
    fields = ("name", "source", "set_at", "expires_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).exclude(source=TagSource.MARKETER)


class ProfileInline(ReadOnlyMixin, ShopTabularInline):
    """What the shop knows beyond the account."""

    model = Profile
    verbose_name_plural = _("Profile")
    fields = ("region", "age_band", "income_band", "household_size", "attributes")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("users.view_user") or user.has_perm("users.change_user")


@admin.register(User)
class UserAdmin(LargeTableMixin, BaseUserAdmin, ShopModelAdmin):
    """Marketers look and tag; only a superuser changes accounts and makes staff."""

    form = PersonForm
    add_form = NewStaffForm
    change_password_form = AdminPasswordChangeForm
    formfield_overrides = {
        EncryptedTextField: {"widget": UnfoldAdminTextInputWidget},
        EncryptedDateField: {"widget": UnfoldAdminSingleDateWidget},
    }
    inlines = (OwnTagInline, LearnedTagInline, ProfileInline)
    list_display = ("username", "external_id", "show_name", "show_email", "show_tags", "language", "joined_at")
    list_filter = (
        TagFilter,
        ("is_staff", BooleanRadioFilter),
        ("language", ChoicesDropdownFilter),
        ("joined_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("username__exact",)
    search_help_text = _("Exact: user name, external id, public id, e-mail or phone")
    ordering = ("-id",)
    sortable_by = ("username", "external_id", "joined_at")
    filter_horizontal = ()
    readonly_fields = ("public_id", "joined_at", "last_login", *MASKED)
    add_fieldsets = (
        (
            _("New member of staff"),
            {"fields": ("username", "password1", "password2", "language", "groups")},
        ),
    )
    change_form_outer_after_template = "admin/users/user/sections.html"

    # What may be seen and changed

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        person = PERSONAL if may_read_personal_data(request) else MASKED
        account = ["username", "external_id", "public_id", "language", "wants_reminders", "joined_at", "last_login"]
        fieldsets: list[tuple[Any, dict[str, Any]]] = [
            (_("Account"), {"fields": account}),
            (_("Person"), {"fields": person}),
        ]
        if _is_superuser(request):
            access = ["password", "is_active", "is_staff", "is_superuser", "groups"]
            fieldsets.append((_("Access"), {"fields": access}))
        return fieldsets

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        # A new member of staff has nothing yet.
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if _is_superuser(request):
            return self.readonly_fields
        account = ("username", "external_id", "language", "wants_reminders")
        return (*self.readonly_fields, *account, *PERSONAL)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Shoppers sign up or come from the shop's systems; staff are made by whoever runs the place.
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and obj.is_staff and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An account has a history; it is switched off, not deleted.
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002  # Django's name
        """Only a superuser sets somebody else's password."""
        if not _is_superuser(request):
            raise PermissionDenied
        response: HttpResponse = super().user_change_password(request, id, form_url)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related(Prefetch("tags", Tag.objects.order_by("name")))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=people_called(search_term).values("pk")), False

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """Saves what the form shows; a new account made here is one of the staff."""
        if not change:
            obj.is_staff = True
            obj.save()
            return
        columns = {field.name for field in User._meta.concrete_fields} - {"password"}
        obj.save(update_fields=[name for name in form.cleaned_data if name in columns])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Adds the tables of the apps above to the page."""
        shopper = User.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        viewer: Any = request.user
        sections = sections_for(shopper, viewer) if shopper else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "sections": sections})

    # Columns

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        if not may_read_personal_data(request):
            return self.list_display
        return tuple({"show_name": "name", "show_email": "email"}.get(name, name) for name in self.list_display)

    @display(description=_("Name"))
    def show_name(self, person: User) -> str:
        return mask_name(person.name) or "–"

    @display(description=_("e-mail"))
    def show_email(self, person: User) -> str:
        return mask_email(person.email) or "–"

    @display(description=_("phone"))
    def show_phone(self, person: User) -> str:
        return mask_phone(person.phone) or "–"

    @display(description=_("birthday"))
    def show_birthday(self, person: User) -> str:
        return mask_birthday(cast("date | None", person.birthday)) or "–"

    @display(description=_("tags"), label=True)
    def show_tags(self, person: User) -> list[str]:
        return [tag.name for tag in list(person.tags.all())[:SHOWN_TAGS]]


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_superuser)
