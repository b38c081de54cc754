"""What a shopper buys next, by a small recurrent network over their baskets. Needs PyTorch, an optional extra.

Two memories read the baskets in their order. A gated recurrent unit (Cho et al. 2014) reads each basket as the mean of
its types' vectors with the days since the one before; what it holds speaks for all types. Counters that leak at the
half-lives of `purchases.HALF_LIVES` remember what the shopper's own types are; the recurrent unit decides how much each
counter says (a repeat mode as in Ren et al. 2019). The softmax over all types is taught by what was bought in the month
after each lesson's day.

Everything is on one thread and drawn from a seed: the same arrays give the same network on the same machine.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analytics.learners.batches import Batch, batches_in_order, batches_shuffled
from analytics.learners.histories import BASKET_FIGURES, LESSON_FIGURES, PAIR_FIGURES, Histories, Lessons

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """How large the network is and how it is taught. Chosen on September and October of Complete Journey."""

    width: int = 48
    hidden: int = 64
    dropout: float = 0.2
    rate: float = 3e-3
    decay: float = 1e-5


class Network(nn.Module):
    """Batches in; for each lesson a score of every type out, as logits."""

    def __init__(self, kinds: int, settings: Settings) -> None:
        super().__init__()
        self.types = nn.EmbeddingBag(kinds, settings.width, mode="mean")
        self.memory = nn.GRU(settings.width + BASKET_FIGURES, settings.hidden, batch_first=True)
        self.context = nn.Linear(settings.hidden + LESSON_FIGURES, settings.hidden)
        self.everything = nn.Linear(settings.hidden, kinds)
        self.counters = nn.Linear(settings.hidden, PAIR_FIGURES + 1)
        # How far a type's own buyers come back to it, beyond what the counters say of all types.
        self.loyalty = nn.Embedding(kinds, 1)
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.normal_(self.types.weight, std=0.1)
        nn.init.zeros_(self.loyalty.weight)
        nn.init.zeros_(self.everything.weight)
        nn.init.zeros_(self.counters.weight)
        nn.init.constant_(self.counters.bias, 1.0 / PAIR_FIGURES)

    def forward(self, batch: Batch) -> Tensor:
        """Returns lessons × types."""
        baskets = torch.cat([self.types(_long(batch.kind), _long(batch.offsets[:-1])), _real(batch.figures)], dim=1)
        table = baskets.new_zeros(batch.shoppers, batch.steps, baskets.shape[1])
        table[_long(batch.row), _long(batch.step)] = self.dropout(baskets)
        states, _ = self.memory(table)
        state = states[_long(batch.lesson_row), _long(batch.lesson_step)]
        context = torch.tanh(self.context(torch.cat([state, _real(batch.lesson_figures)], dim=1)))
        context = self.dropout(context)
        logits = self.everything(context)
        lesson, kind = _long(batch.pair_lesson), _long(batch.pair_kind)
        said = self.counters(context)[lesson]
        own = (_real(batch.pair_figures) * said[:, :-1]).sum(dim=1) * torch.exp(self.loyalty(kind)[:, 0])
        return logits.index_put((lesson, kind), own + said[:, -1], accumulate=True)
