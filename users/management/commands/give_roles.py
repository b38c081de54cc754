from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from users.roles import ROLES, give_roles


class Command(BaseCommand):
    help = "Gives the shop's roles exactly the permissions that they have in a new installation."

    def handle(self, *args: Any, **options: Any) -> None:
        give_roles()
        self.stdout.write(f"Gave {', '.join(ROLES)} their permissions.")
