from analytics.admin.allocation_plan import AllocationPlanAdmin
from analytics.admin.run import RunAdmin
from analytics.admin.segment import SegmentAdmin

__all__ = ["AllocationPlanAdmin", "RunAdmin", "SegmentAdmin"]
