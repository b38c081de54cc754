from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Job(TextChoices):
    """What a nightly run learns."""

    SEGMENTATION = "segmentation", _("Segmentation")
    RECOMMENDATION = "recommendation", _("Recommendation")
    RESPONSE = "response", _("Response")
    TIMING = "timing", _("Timing and channel")
    UPLIFT = "uplift", _("Uplift")
    ALLOCATION = "allocation", _("Allocation")
    FORECAST = "forecast", _("Forecast")
    BANDIT = "bandit", _("Bandit")
    SEQUENCE = "sequence", _("Sequence")


class RunState(TextChoices):
    RUNNING = "running", _("Running")
    PUBLISHED = "published", _("Published")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")


class RunReason(TextChoices):
    """Why a run published nothing; any other text is the message of an unexpected error."""

    TOO_FEW = "too_few", _("Too few shoppers bought something in the window.")
    ALIKE = "alike", _("The shoppers are too much alike to be told apart.")
    NO_GROUPS = "no_groups", _("Every grouping had a part that was too small.")
    UNSTABLE = "unstable", _("The groups were not separated, or did not come back on resamples.")
    SHRUNK = "shrunk", _("Far fewer shoppers than last night: data seems to be missing.")
    NOT_BETTER = "not_better", _("It was not better than the simple ways in the last month.")
    INTERRUPTED = "interrupted", _("Interrupted before it finished.")


class WindowEnd(TextChoices):
    """What the window of a run ends with."""

    NOW = "now", _("The window ends with the start of the run.")
    GIVEN = "given", _("The window ends with the moment asked for.")
    NEWEST_EVENT = "newest_event", _("The window ends with the newest event: nothing newer was there.")


class ModelState(TextChoices):
    """Whether a learned model is in use."""

    CHALLENGER = "challenger", _("Challenger")
    CHAMPION = "champion", _("Champion")
    RETIRED = "retired", _("Retired")


class PromotionKind(TextChoices):
    """How a model came into use."""

    PROMOTED = "promoted", _("Promoted")
    ROLLED_BACK = "rolled_back", _("Rolled back")
