from users.models.behaviour import BehaviourEvent
from users.models.one_time_code import OneTimeCode
from users.models.profile import Profile
from users.models.tag import Tag
from users.models.user import SEALED_FIELDS, User

__all__ = ["SEALED_FIELDS", "BehaviourEvent", "OneTimeCode", "Profile", "Tag", "User"]
