"""The names of what is measured, in order, and how long each is waited for."""

from __future__ import annotations

SEED = 7
BLOCK = "nightly"

SEGMENTATION = "segmentation"
RECOMMENDATION = "recommendation"
ALLOCATION = "allocation"
RESPONSE = "response"
TIMING = "timing and channel"
FORECAST = "stock forecast"
# After the name of a job: what stands for it without the product around it.
BARE = ", bare"

# Allocation after the segments, whose floors it keeps; response last, since it takes longest.
JOBS = (SEGMENTATION, RECOMMENDATION, ALLOCATION, TIMING, FORECAST, RESPONSE)
MEASURES = tuple(name for job in JOBS for name in (job, job + BARE))

# Seconds after which a measurement is given up.
PATIENCE = {RECOMMENDATION: 900.0, RESPONSE: 1200.0}
USUAL_PATIENCE = 400.0
