"""The marketer's pages for campaigns, grants and messages."""

from campaigns.admin import shopper_sections
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.grant import GrantAdmin
from campaigns.admin.message import MessageAdmin

__all__ = ["CampaignAdmin", "GrantAdmin", "MessageAdmin", "shopper_sections"]
