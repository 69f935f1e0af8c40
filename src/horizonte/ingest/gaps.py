"""Numbers missing from the sequences of topics: what the broker or the device lost."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

SEQUENCES = 65_536  # topics whose last sequence is remembered
HOLES = 10_000  # of a topic that may still be filled; beyond, what is missing stays missing


@dataclass
class _Topic:
    last: int
    holes: set[int] = field(default_factory=set)


@dataclass
class Gaps:
    """Counts what is missing, and takes back what comes after all, such as out of order."""

    missing: int = 0
    _topics: OrderedDict[str, _Topic] = field(default_factory=OrderedDict)

    def see(self, topic: str, sequence: object) -> None:
        """Count what is missing between the last number of ``topic`` and ``sequence``.

        A sequence that is 0 again starts anew.
        """
        if not isinstance(sequence, int) or isinstance(sequence, bool):
            return
        known = self._topics.get(topic)
        if known is None or sequence == 0:
            self._remember(topic, sequence)
        elif sequence > known.last:
            first = known.last + 1
            self.missing += sequence - first
            room = max(0, HOLES - len(known.holes))
            known.holes.update(range(max(first, sequence - room), sequence))
            known.last = sequence
            self._topics.move_to_end(topic)
        elif sequence in known.holes:
            known.holes.remove(sequence)
            self.missing -= 1

    def _remember(self, topic: str, sequence: int) -> None:
        self._topics[topic] = _Topic(sequence)
        self._topics.move_to_end(topic)
        if len(self._topics) > SEQUENCES:
            self._topics.popitem(last=False)
