from campaigns.models.campaign import Campaign, CampaignCoupon, CampaignRecipient
from campaigns.models.decision import Decision, DecisionReward, VariantArm, VariantGroup
from campaigns.models.exposure import Exposure
from campaigns.models.grant import Grant
from campaigns.models.message import Message

__all__ = [
    "Campaign",
    "CampaignCoupon",
    "CampaignRecipient",
    "Decision",
    "DecisionReward",
    "Exposure",
    "Grant",
    "Message",
    "VariantArm",
    "VariantGroup",
]
