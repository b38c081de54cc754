"""What people type about themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from users.identifiers import EARLIEST_BIRTHDAY, is_email, is_phone, normalize_email, normalize_phone
from users.models import User
from users.services.code_delivery import sms_is_set_up

MAXIMUM_NAME = 80
MAXIMUM_IDENTIFIER = 254
# Hashing takes time in proportion to the length; nobody types more than this.
MAXIMUM_PASSWORD = 256


class SignInForm(AuthenticationForm):
    """A user name, an e-mail address or a phone number, with the password."""

    username = forms.CharField(
        label=_("E-mail, phone or user name"),
        max_length=MAXIMUM_IDENTIFIER,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=MAXIMUM_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    error_messages = {
        # One sentence for every reason: it does not tell who has an account.
        "invalid_login": _("These do not match any account. Check both and try again."),
        "inactive": _("These do not match any account. Check both and try again."),
    }


class SignUpForm(forms.Form):
    """What it takes to become a shopper."""

    name = forms.CharField(
        label=_("Name"), max_length=MAXIMUM_NAME, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    identifier = forms.CharField(
        label=_("E-mail or phone"),
        max_length=MAXIMUM_IDENTIFIER,
        help_text=_("You sign in with it. We keep it encrypted."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=MAXIMUM_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean_identifier(self) -> str:
        return _clean_identifier(self.cleaned_data["identifier"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password

    def identifiers(self) -> dict[str, str]:
        """Returns the identifier as `email` and `phone`, one of them empty."""
        identifier = self.cleaned_data["identifier"]
        return {"email": identifier, "phone": ""} if is_email(identifier) else {"email": "", "phone": identifier}


class OneTimeAddressForm(forms.Form):
    """Where to send a one-time code."""

    address = forms.CharField(
        label=_("E-mail or phone"),
        max_length=MAXIMUM_IDENTIFIER,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not sms_is_set_up():
            self.fields["address"].label = _("E-mail")

    def clean_address(self) -> str:
        return _clean_identifier(self.cleaned_data["address"])


class OneTimeDigitsForm(forms.Form):
    """The code that was sent."""

    digits = forms.CharField(
        label=_("Six-digit code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


class AccountForm(forms.Form):
    """What the owner of an account may change of it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MAXIMUM_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.CharField(
        label=_("E-mail"),
        max_length=MAXIMUM_IDENTIFIER,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    phone = forms.CharField(
        label=_("Phone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    birthday = forms.DateField(
        label=_("Birthday"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    wants_reminders = forms.BooleanField(
        label=_("Remind me by e-mail before a coupon expires"), required=False, widget=forms.CheckboxInput()
    )

    def __init__(self, *args: Any, user: User, today: date, **kwargs: Any) -> None:
        self.user = user
        self.today = today
        fields = ("name", "email", "phone", "birthday", "language", "wants_reminders")
        kwargs["initial"] = {name: getattr(user, name) for name in fields}
        super().__init__(*args, **kwargs)

    def clean_email(self) -> str:
        text: str = self.cleaned_data["email"]
        return _clean_email(text) if text else ""

    def clean_phone(self) -> str:
        text: str = self.cleaned_data["phone"]
        return _clean_phone(text) if text else ""

    def clean_birthday(self) -> date | None:
        birthday: date | None = self.cleaned_data["birthday"]
        if birthday is not None and not EARLIEST_BIRTHDAY <= birthday <= self.today:
            raise forms.ValidationError(_("Enter the day you were born."), code="invalid")
        return birthday

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        had_one = bool(self.user.email or self.user.phone)
        if had_one and not self.errors and not (cleaned.get("email") or cleaned.get("phone")):
            raise forms.ValidationError(
                _("Keep an e-mail address or a phone number: you sign in with it."), code="no_identifier"
            )
        return cleaned


def _clean_identifier(text: str) -> str:
    if is_email(text):
        return _clean_email(text)
    if is_phone(text):
        return normalize_phone(text)
    raise forms.ValidationError(_("Enter an e-mail address or a phone number."), code="invalid")


def _clean_email(text: str) -> str:
    email = normalize_email(text)
    validate_email(email)
    return email


def _clean_phone(text: str) -> str:
    if not is_phone(text):
        raise forms.ValidationError(_("Enter a phone number, 6 to 15 digits."), code="invalid")
    return normalize_phone(text)
