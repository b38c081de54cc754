"""The marketer's pages for campaigns and messages."""

from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.message import MessageAdmin

__all__ = ["CampaignAdmin", "MessageAdmin"]
