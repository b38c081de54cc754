from analytics.admin.allocation_plan import AllocationPlanAdmin
from analytics.admin.model_version import ModelVersionAdmin
from analytics.admin.run import RunAdmin
from analytics.admin.segment import SegmentAdmin

__all__ = ["AllocationPlanAdmin", "ModelVersionAdmin", "RunAdmin", "SegmentAdmin"]
