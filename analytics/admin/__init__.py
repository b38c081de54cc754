from analytics.admin.fairness import FairnessSnapshotAdmin
from analytics.admin.model_version import ModelVersionAdmin
from analytics.admin.run import RunAdmin
from analytics.admin.segment import SegmentAdmin

__all__ = ["FairnessSnapshotAdmin", "ModelVersionAdmin", "RunAdmin", "SegmentAdmin"]
