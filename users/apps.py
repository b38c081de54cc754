from contextlib import suppress
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "users"
    verbose_name = _("Users")

    def ready(self) -> None:
        # The permissions of the last of our apps are made by then, and with them those of all others.
        post_migrate.connect(_give_roles, sender=apps.get_app_config("analytics"), dispatch_uid="users.roles")


def _give_roles(**_about: Any) -> None:
    # Models can be read only when the applications are ready.
    from users.roles import give_roles

    # Of a database that is migrated in part some permissions do not exist yet; the last part makes the roles.
    with suppress(ValueError):
        give_roles()
