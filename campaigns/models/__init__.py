from campaigns.models.campaign import Campaign, CampaignCoupon, CampaignRecipient
from campaigns.models.contact_plan import ContactPlan
from campaigns.models.coupon_score import CouponScore
from campaigns.models.decision import REWARD_RULE, Decision, DecisionReward, VariantArm, VariantGroup, VariantShare
from campaigns.models.exposure import Exposure
from campaigns.models.grant import Grant
from campaigns.models.message import Message

__all__ = [
    "REWARD_RULE",
    "Campaign",
    "CampaignCoupon",
    "CampaignRecipient",
    "ContactPlan",
    "CouponScore",
    "Decision",
    "DecisionReward",
    "Exposure",
    "Grant",
    "Message",
    "VariantArm",
    "VariantGroup",
    "VariantShare",
]
