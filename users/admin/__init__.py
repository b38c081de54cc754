"""Pages for shoppers, staff and roles."""

from users.admin.group import RoleAdmin
from users.admin.user import UserAdmin

__all__ = ["RoleAdmin", "UserAdmin"]
