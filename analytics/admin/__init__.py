from analytics.admin.run import RunAdmin
from analytics.admin.segment import SegmentAdmin

__all__ = ["RunAdmin", "SegmentAdmin"]
