"""Forms for people: sealed fields, found by blind index, unique all the same."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm

from config.kernel.clock import database_now
from users.enums import SEGMENT_PREFIX, TagSource
from users.models import Tag, User


class NewStaffForm(UserCreationForm):
    """A new account for a member of staff."""

    class Meta:
        model = User
        fields = ("username",)
        field_classes: dict[str, Any] = {}


class PersonForm(UserChangeForm):
    """An account; an e-mail address or phone number belongs to one account only."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "birthday" in self.fields:
            self.fields["birthday"].label = _("birthday")

    def clean_email(self) -> str:
        """Refuses the address of another account."""
        email: str = self.cleaned_data["email"]
        if email and User.objects.with_email(email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("Another account has this e-mail address."))
        return email

    def clean_phone(self) -> str:
        """Refuses the number of another account."""
        phone: str = self.cleaned_data["phone"]
        if phone and User.objects.with_phone(phone).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("Another account has this phone number."))
        return phone

    def clean_external_id(self) -> str | None:
        """An empty id is none: two accounts without one do not collide."""
        return self.cleaned_data["external_id"] or None


class OwnTagForm(forms.ModelForm):
    """A tag that a marketer puts on a shopper."""

    class Meta:
        model = Tag
        fields = ("name", "expires_at")

    def clean_name(self) -> str:
        """Keeps clear of the names that the nightly job manages."""
        name: str = self.cleaned_data["name"].strip()
        if name.startswith(SEGMENT_PREFIX):
            raise forms.ValidationError(gettext("Tags that begin with segment: are set by the nightly job."))
        others = Tag.objects.filter(shopper_id=self.instance.shopper_id, name=name).exclude(source=TagSource.MARKETER)
        if others.exists():
            raise forms.ValidationError(gettext("The shopper has this tag from elsewhere."))
        return name

    def clean(self) -> dict[str, Any]:
        """Says who set the tag and when, before the row is checked as a whole."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is None:
            self.instance.source = TagSource.MARKETER
            self.instance.set_at = database_now()
        expires_at = cleaned.get("expires_at")
        if expires_at is not None and expires_at <= self.instance.set_at:
            self.add_error("expires_at", gettext("Choose a moment in the future."))
        return cleaned
