from analytics.models.run import Run
from analytics.models.segment import Segment, SegmentSnapshot

__all__ = ["Run", "Segment", "SegmentSnapshot"]
