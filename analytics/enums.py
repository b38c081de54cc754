from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Job(TextChoices):
    """What a nightly run learns."""

    SEGMENTATION = "segmentation", _("Segmentation")
    RECOMMENDATION = "recommendation", _("Recommendation")
    RESPONSE = "response", _("Response")
    TIMING = "timing", _("Timing and channel")
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
    NO_BUDGET = "no_budget", _("Neither the plan nor its campaign has a budget.")
    NOTHING_TO_GIVE = "nothing_to_give", _("The campaign has no coupon for allocated shoppers, or it is over.")
    FLOORS_TOO_DEAR = "floors_too_dear", _("The budget is too small for the floors.")
    NOT_BETTER = "not_better", _("It was not better than the simple ways in the last month.")
    HELD = "held", _("It was better, but somebody rolled back less than a week ago: it was kept and not put into use.")
    INTERRUPTED = "interrupted", _("Interrupted before it finished.")
    NO_DECISIONS = "no_decisions", _("No decision between variants has been measured yet.")
    WORSE = "worse", _("The new shares would have earned less than the ones in use.")
    TOO_SOON = "too_soon", _("The model in use has not been in use long enough to be judged.")
    ROLLED_BACK = "rolled_back", _("The model in use earned less than the one before, which came back.")


class RequestKind(TextChoices):
    """What somebody may ask of a plan at once."""

    DRY_RUN = "dry_run", _("Dry run against last month")
    DECIDE = "decide", _("Decide now")


class RequestState(TextChoices):
    WAITING = "waiting", _("Waiting for a worker")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Came to nothing")
    FAILED = "failed", _("Failed")


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


class ExpiryReason(TextChoices):
    """Why a claim expired unused, as far as facts tell; the first that holds, in this order."""

    WINDOW_SHORT = "window_short", _("Time to use it was shorter than the shopper's usual gap between orders")
    NEVER_BACK = "never_back", _("Never seen again after claiming")
    BELOW_MINIMUM = "below_minimum", _("Best order or cart stayed below the minimum")
    LOOKED_ONLY = "looked_only", _("Came back, but ordered nothing")
    OUT_OF_SCOPE = "out_of_scope", _("Ordered, but nothing that the coupon counts")
    FURTHER_CONDITION = (
        "further_condition",
        _("An order was large enough; a further condition may have stood in the way"),
    )
    NOT_USED = "not_used", _("An order fitted, and the coupon was not used")


class Dimension(TextChoices):
    """By what shoppers are told apart when fairness is looked at; all but the segment are fields of the profile."""

    SEGMENT = "segment", _("Segment")
    REGION = "region", _("Region")
    AGE_BAND = "age_band", _("Age")


class FairnessRate(TextChoices):
    """Rates that should not differ much from group to group."""

    CLAIM = "claim", _("Shoppers who claimed")
    USE = "use", _("Claimers who used a coupon")
