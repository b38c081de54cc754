"""The marketer's pages for campaigns, grants and messages."""

from campaigns.admin import shopper_sections
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.grant import GrantAdmin
from campaigns.admin.message import MessageAdmin
from campaigns.admin.variant_group import VariantGroupAdmin

__all__ = [
    "CampaignAdmin",
    "GrantAdmin",
    "MessageAdmin",
    "VariantGroupAdmin",
    "shopper_sections",
]
