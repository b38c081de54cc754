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
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analytics.learners.batches import Batch, batches_in_order, batches_shuffled
from analytics.learners.histories import BASKET_FIGURES, LESSON_FIGURES, PAIR_FIGURES, Histories, Lessons

Scores = NDArray[np.float32]

MOST_PASSES = 12
MOST_SECONDS = 600.0
# So many passes without a better one end the lesson.
PATIENCE = 3
# Of the running mean of weights, for each batch: about the last hundred count.
MEMORY_OF_WEIGHTS = 0.99
LONGEST_STEP = 1.0
FIRST_SPREAD = 0.1
OWN_SCALE = 3.0
SMALL = 1e-6


@dataclass(frozen=True, slots=True)
class Settings:
    """How large the network is and how it is taught. Chosen on September of Complete Journey."""

    width: int = 32
    hidden: int = 48
    dropout: float = 0.5
    rate: float = 2e-3
    decay: float = 1e-4


class Network(nn.Module):
    """Batches in; for each lesson a score of every type out, as logits."""

    def __init__(self, kinds: int, settings: Settings) -> None:
        super().__init__()
        self.types = nn.EmbeddingBag(kinds, settings.width, mode="mean")
        self.own = nn.EmbeddingBag(kinds, settings.width, mode="sum")
        self.memory = nn.GRU(settings.width + BASKET_FIGURES, settings.hidden, batch_first=True)
        self.context = nn.Linear(settings.hidden + LESSON_FIGURES + settings.width, settings.hidden)
        self.everything = nn.Linear(settings.hidden, kinds)
        self.counters = nn.Linear(settings.hidden, PAIR_FIGURES + 1)
        # How far what everybody bought lately counts.
        self.fashion = nn.Linear(settings.hidden, 1)
        # How far a type's own buyers come back to it, beyond what the counters say of all types.
        self.loyalty = nn.Embedding(kinds, 1)
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.normal_(self.types.weight, std=FIRST_SPREAD)
        nn.init.normal_(self.own.weight, std=FIRST_SPREAD)
        # It starts as popularity, half of its trend and the mean of the counters, and learns from there.
        for zero in (self.loyalty.weight, self.everything.weight, self.counters.weight, self.fashion.weight):
            nn.init.zeros_(zero)
        nn.init.constant_(self.fashion.bias, 0.5)
        nn.init.constant_(self.counters.bias, 1.0 / PAIR_FIGURES)

    def forward(self, batch: Batch) -> Tensor:
        """Returns lessons × types."""
        baskets = torch.cat([self.types(_tensor(batch.kind), _tensor(batch.offsets[:-1])), _tensor(batch.figures)], 1)
        table = baskets.new_zeros(batch.shoppers, batch.steps, baskets.shape[1])
        table[_tensor(batch.row), _tensor(batch.step)] = self.dropout(baskets)
        states, _ = self.memory(table)
        state = states[_tensor(batch.lesson_row), _tensor(batch.lesson_step)]
        lesson, kind, figures = _tensor(batch.pair_lesson), _tensor(batch.pair_kind), _tensor(batch.pair_figures)
        own = self.dropout(self._own_types(len(batch.positions), lesson, kind, figures))
        read = torch.cat([state, _tensor(batch.lesson_figures), own], dim=1)
        context = self.dropout(torch.tanh(self.context(read)))
        said = self.counters(context)[lesson]
        again = (figures * said[:, :-1]).sum(dim=1) * torch.exp(self.loyalty(kind)[:, 0]) + said[:, -1]
        everything = self.everything(context) + self.fashion(context) * _tensor(batch.lesson_trend)
        return everything.index_put((lesson, kind), again, accumulate=True)

    def _own_types(self, lessons: int, lesson: Tensor, kind: Tensor, figures: Tensor) -> Tensor:
        """Returns one vector of all that a shopper ever bought, the usual things weighing more: lessons × width."""
        weights = torch.log1p(figures.sum(dim=1))
        length = torch.sqrt(torch.zeros(lessons).index_add(0, lesson, weights * weights)) + SMALL
        offsets = torch.searchsorted(lesson, torch.arange(lessons))
        return self.own(kind, offsets, per_sample_weights=OWN_SCALE * weights / length[lesson])


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """A network that has been taught.

    Attributes:
        is_quantised: whether its large tables are whole numbers of eight bits.
    """

    network: nn.Module
    kinds: int
    settings: Settings
    is_quantised: bool = False

    def scores(self, histories: Histories, lessons: Lessons) -> Scores:
        """Returns logits, larger for likelier, for lessons of one day: lessons × types."""
        with _one_thread(), torch.inference_mode():
            self.network.eval()
            table = np.zeros((len(lessons), self.kinds), dtype=np.float32)
            for batch in batches_in_order(histories, lessons):
                table[batch.positions] = self.network(batch).numpy()
        return table

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Returns what `sequence_from` takes, of a network that is not quantised."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self.network.state_dict().items()}

    def quantised(self) -> SequenceModel:
        """Returns the same network for scoring alone, its linear layers and recurrent unit with weights of int8.

        Weights are rounded once, what flows through is scaled anew for each batch (dynamic quantisation).
        """
        with warnings.catch_warnings():
            # PyTorch announces that this will move out of it; the pinned release has it.
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            smaller = torch.ao.quantization.quantize_dynamic(
                copy.deepcopy(self.network).eval(), {nn.Linear, nn.GRU}, dtype=torch.qint8
            )
        return SequenceModel(network=smaller, kinds=self.kinds, settings=self.settings, is_quantised=True)


def sequence_from(arrays: Mapping[str, NDArray[Any]], *, settings: Settings) -> SequenceModel:
    """Returns the model that was kept as `arrays()`.

    Raises:
        KeyError, RuntimeError: an array is missing, or of another shape than the settings say.
    """
    kinds = len(arrays["everything.bias"])
    network = Network(kinds, settings)
    network.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in network.state_dict()})
    return SequenceModel(network=network, kinds=kinds, settings=settings)


@dataclass(frozen=True, slots=True)
class Taught:
    """A model, and how it came about.

    Attributes:
        passes: how many times it went through all lessons.
        curve: the measure after each pass, if there was one.
        ended_by: "passes", "no_gain" or "time".
    """

    model: SequenceModel
    passes: int
    curve: list[float]
    ended_by: str


def teach_sequence(
    histories: Histories,
    lessons: Lessons,
    *,
    kinds: int,
    seed: int,
    settings: Settings | None = None,
    passes: int = MOST_PASSES,
    seconds: float = MOST_SECONDS,
    measure: Callable[[SequenceModel], float] | None = None,
) -> Taught:
    """Teaches a network by lessons with targets.

    What is returned is a running mean of the weights, which jumps about less than the weights themselves.

    Args:
        seed: of first weights, order and dropout.
        passes: at most.
        seconds: no further pass is begun after so many, so that a night does not grow with the shop; the result then
            depends on how fast the machine is, and `ended_by` says so.
        measure: larger is better; asked after each pass. The best pass is kept, and learning ends when
            `PATIENCE` passes brought nothing better. None: all passes, the last is kept.

    Raises:
        ValueError: there are no lessons, or none has a target.
    """
    if not len(lessons.target_kind):
        raise ValueError("nothing to learn from")
    settings = settings or Settings()
    started = time.monotonic()
    random = np.random.default_rng(seed)
    curve: list[float] = []
    ended_by = "passes"
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _first_network(lessons, kinds, settings)
        mean = copy.deepcopy(network)
        best, best_passes = mean, 0
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
        for number in range(1, passes + 1):
            network.train()
            for batch in batches_shuffled(histories, lessons, random):
                optimiser.zero_grad()
                _loss(network(batch), batch).backward()
                nn.utils.clip_grad_norm_(network.parameters(), LONGEST_STEP)
                optimiser.step()
                _follow(mean, network)
            if measure is None:
                best, best_passes = mean, number
            else:
                curve.append(measure(SequenceModel(network=mean, kinds=kinds, settings=settings)))
                if number == 1 + int(np.argmax(curve)):
                    best, best_passes = copy.deepcopy(mean), number
                elif number - best_passes >= PATIENCE:
                    ended_by = "no_gain"
                    break
            if time.monotonic() - started > seconds and number < passes:
                ended_by = "time"
                break
    model = SequenceModel(network=best, kinds=kinds, settings=settings)
    return Taught(model=model, passes=best_passes, curve=curve, ended_by=ended_by)


def _first_network(lessons: Lessons, kinds: int, settings: Settings) -> Network:
    network = Network(kinds, settings)
    popularity = np.bincount(lessons.target_kind, minlength=kinds) + 1.0
    with torch.no_grad():
        network.everything.bias.copy_(torch.from_numpy(np.log(popularity / popularity.sum())))
    return network


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    """Returns the cross-entropy with what was bought; each lesson weighs the same, however much that was."""
    lesson, kind = _tensor(batch.target_lesson), _tensor(batch.target_kind)
    bought = torch.bincount(lesson, minlength=len(logits)).to(logits.dtype)
    chances = torch.log_softmax(logits, dim=1)[lesson, kind]
    return -(chances / bought[lesson]).sum() / max(1, len(logits))


def _follow(mean: Network, network: Network) -> None:
    with torch.no_grad():
        for kept, newest in zip(mean.parameters(), network.parameters(), strict=True):
            kept.lerp_(newest, 1.0 - MEMORY_OF_WEIGHTS)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads add up in another order every time; one night must be repeatable."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
