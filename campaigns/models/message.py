from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.enums import MessageChannel, MessageState, MessageTopic


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, now: datetime) -> MessageQuerySet:
        """Messages to send now: new ones, ones to try again, and ones whose sender died half way."""
        return self.filter(state__in=[MessageState.PENDING, MessageState.SENDING], next_attempt_at__lte=now)

    def inbox(self, shopper_id: int) -> MessageQuerySet:
        """What a shopper sees in the app, newest first."""
        return self.filter(shopper_id=shopper_id, channel=MessageChannel.IN_APP, state=MessageState.SENT).order_by(
            "-created_at"
        )


class Message(models.Model):
    """One message to one shopper by one channel: the outbox.

    `dedupe_key` makes writing it twice impossible. It holds what to say (`topic`, `data`), not the words:
    those are put into the shopper's language when it is sent or shown, and no personal data is copied here.
    """

    dedupe_key = models.CharField(max_length=120, unique=True)
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="messages"
    )
    channel = models.CharField(_("channel"), max_length=12, choices=MessageChannel)
    topic = models.CharField(_("topic"), max_length=32, choices=MessageTopic)
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=MessageState, default=MessageState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=MessageState.values), name="campaigns_message_state"),
            models.CheckConstraint(condition=Q(channel__in=MessageChannel.values), name="campaigns_message_channel"),
            models.CheckConstraint(condition=Q(topic__in=MessageTopic.values), name="campaigns_message_topic"),
            models.CheckConstraint(
                condition=Q(state=MessageState.SENT, sent_at__isnull=False)
                | (~Q(state=MessageState.SENT) & Q(sent_at__isnull=True)),
                name="campaigns_message_sent",
            ),
        ]
        indexes = [
            models.Index(fields=["shopper", "-created_at"], name="campaigns_message_inbox"),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=[MessageState.PENDING, MessageState.SENDING]),
                name="campaigns_message_due",
            ),
        ]

    def __str__(self) -> str:
        return self.dedupe_key

    def is_unread(self) -> bool:
        return self.read_at is None

    def mark_read(self, now: datetime) -> None:
        """Notes the first time the shopper saw it."""
        Message.objects.filter(pk=self.pk, read_at=None).update(read_at=now)
