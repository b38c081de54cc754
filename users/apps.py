from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "users"
    verbose_name = _("Users")

    def ready(self) -> None:
        pre_migrate.connect(_note_permissions, sender=self, dispatch_uid="users.permissions")
        # The permissions of the last of our apps are made by then, and with them those of all others.
        post_migrate.connect(_give_roles, sender=apps.get_app_config("analytics"), dispatch_uid="users.roles")


def _note_permissions(using: str, **_about: Any) -> None:
    # Models can be read only when the applications are ready.
    from users.roles import roles_migrating

    roles_migrating.start(using)


def _give_roles(**_about: Any) -> None:
    from users.roles import roles_migrating

    roles_migrating.finish()
