from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Case, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import BlindIndexField, EncryptedDateField, EncryptedTextField
from config.kernel.ids import uuid7
from users.identifiers import is_email, is_phone, normalize_email, normalize_phone

# What tells who somebody is; lists that show none of it leave it sealed.
SEALED_FIELDS = ("name", "email", "phone", "birthday")
# Saving one of the left must save its index too.
INDEX_OF = {"email": "email_index", "phone": "phone_index"}


class UserQuerySet(models.QuerySet["User"]):
    def shoppers(self) -> UserQuerySet:
        """Everybody who shops: all but the staff."""
        return self.filter(is_staff=False)

    def with_email(self, email: str) -> UserQuerySet:
        """The account with this e-mail address, found by its blind index."""
        return self.filter(email_index=_index("email_index", email))

    def with_phone(self, phone: str) -> UserQuerySet:
        """The account with this phone number, found by its blind index."""
        return self.filter(phone_index=_index("phone_index", phone))

    def identified_by(self, identifier: str) -> UserQuerySet:
        """The accounts that a person may mean by a user name, an e-mail address or a phone number.

        A user name comes first: whoever runs the place gives it, while anybody may sign up with an address that
        reads like it.
        """
        meant = Q(username=identifier)
        if is_email(identifier):
            meant |= Q(email_index=_index("email_index", identifier))
        elif is_phone(identifier):
            meant |= Q(phone_index=_index("phone_index", identifier))
        return self.filter(meant).order_by(Case(When(username=identifier, then=0), default=1), "pk")


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # Django's own idiom
    def create_user(self, *, username: str | None = None, password: str | None = None, **fields: Any) -> User:
        """Creates an account; without a user name it gets one that tells nothing about the person."""
        user = User(username=username or f"s-{secrets.token_hex(8)}", **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        """Creates an account that may do everything (Django's `createsuperuser` calls this)."""
        return self.create_user(username=username, password=password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person: a shopper, or one of the shop's staff. Personal data is sealed at rest."""

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    username = models.CharField(_("user name"), max_length=64, unique=True)
    # How the shop's own systems call this shopper.
    external_id = models.CharField(_("external id"), max_length=64, unique=True, null=True, blank=True)
    name = EncryptedTextField(_("name"), blank=True, default="")
    email = EncryptedTextField(_("e-mail"), blank=True, default="")
    email_index = BlindIndexField(source="email", normalize=normalize_email, unique=True)
    phone = EncryptedTextField(_("phone"), blank=True, default="")
    phone_index = BlindIndexField(source="phone", normalize=normalize_phone, unique=True)
    birthday = EncryptedDateField(_("birthday"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="zh-hans")
    wants_reminders = models.BooleanField(_("wants reminders by e-mail"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now)
    # When a one-time code last showed that the account's owner reads there; an address that changes is unproven again.
    email_proven_at = models.DateTimeField(_("e-mail address proven"), null=True, blank=True, editable=False)
    phone_proven_at = models.DateTimeField(_("phone number proven"), null=True, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("shopper")
        verbose_name_plural = _("shoppers")
        indexes = [models.Index(fields=["joined_at"], name="users_user_joined")]
        permissions = [("view_personal_data", "Can read personal data in clear")]

    def __str__(self) -> str:
        return self.username

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Saves; naming `email` or `phone` in `update_fields` saves its blind index too."""
        if update_fields is not None:
            named = set(update_fields)
            update_fields = named | {index for source, index in INDEX_OF.items() if source in named}
        super().save(*args, update_fields=update_fields, **kwargs)

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.name or self.username


def _index(field_name: str, value: str) -> str | None:
    field = User._meta.get_field(field_name)
    assert isinstance(field, BlindIndexField)
    # An empty value must find nobody rather than everybody without one.
    return field.index_of(value) or "-"
