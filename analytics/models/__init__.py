from analytics.models.allocation_plan import AllocationPlan
from analytics.models.fairness import FairnessSnapshot
from analytics.models.model_version import ModelPromotion, ModelVersion
from analytics.models.plan_request import PlanRequest
from analytics.models.run import Run
from analytics.models.segment import Segment, SegmentSnapshot

__all__ = [
    "AllocationPlan",
    "FairnessSnapshot",
    "ModelPromotion",
    "ModelVersion",
    "PlanRequest",
    "Run",
    "Segment",
    "SegmentSnapshot",
]
