"""Decodes mutated payloads with stock's code and with ours: ``python -m beside_stock.fuzz`` in ``tests``, or `make
soak-fuzz`. What the payloads are depends on seed and number alone."""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import queue
import random
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import fast_langgraph
from beside_stock.codec import crashes_stock, stock_loads_typed
from beside_stock.encoded import CHECKPOINT, CONVERSATION, ENCODED
from beside_stock.outcomes import Outcome, Watch, assert_same
from installed_releases import allowing
from samples import classes as s
from samples import hostile
from samples.mutations import Mutations, parse, smaller

SITE = "JsonPlusSerializer.loads_typed"
#: payloads between two looks at the clock; each has its own random numbers
BATCH = 500
LARGEST = 700
#: calls that show whether stock does the same each time
STOCK_AGAIN = 5
ADDRESS = re.compile(" at 0x[0-9a-f]+")

Decode = Callable[[Any, tuple[str, bytes]], Any]


def payloads() -> list[bytes]:
    # Mocks and the like ("odd") are other objects each time they are made.
    real = [data for name, (kind, data) in ENCODED.items() if kind == "msgpack" and not name.startswith("odd")]
    made_up = [hostile.ext(code, payload) for payload in hostile.payloads().values() for code in (0, 2, 5)]
    return [data for data in (*real, *hostile.maps().values(), *made_up) if len(data) < LARGEST] + [
        CONVERSATION,
        CHECKPOINT,
    ]


class Comparison:
    """Compares one payload after the other."""

    def __init__(self) -> None:
        self.mutations = Mutations(payloads())
        self.serializers = [allowing(True), allowing(None), allowing([s.path_of(s.build)])]
        self.endings: collections.Counter[str] = collections.Counter()
        #: how stock's last call ended
        self.ending = ""

    def batch(self, seed: int, number: int, payloads: int, before: Callable[[bytes], None] = lambda data: None) -> None:
        """Calls ``before`` with each payload. Raises ``AssertionError`` with the first difference."""
        chance = random.Random(f"{seed} {number}")
        with Watch() as watch:
            for _ in range(payloads):
                data = self.mutations.payload(chance)
                before(data)
                allowed = chance.randrange(len(self.serializers))
                found = self.difference(watch, data, allowed)
                self.endings[self.ending] += 1
                if found is not None:
                    smallest = self.smallest(watch, data, allowed)
                    raise AssertionError(
                        f"{('all', 'safe', 'one')[allowed]} allowed: {smallest.hex()}: "
                        f"{self.difference(watch, smallest, allowed)}\nfound by {data.hex()}: {found}"
                    )

    def difference(self, watch: Watch, data: bytes, allowed: int) -> str | None:
        """The first one. There is none where stock differs from itself: builtins.id returns another number each time."""
        self.ending = "not for this ormsgpack"
        if crashes_stock(("msgpack", data)) or (found := self._difference(watch, data, allowed, _ours)) is None:
            return None
        if any(self._difference(watch, data, allowed, _stock) for _ in range(STOCK_AGAIN)):
            self.ending = "unlike itself on stock"
            return None
        return found

    def _difference(self, watch: Watch, data: bytes, allowed: int, ours: Decode) -> str | None:
        typed, serde = ("msgpack", data), self.serializers[allowed]
        outcomes = []
        for decode in (_stock, ours):
            re.purge()  # it warns of a pattern only once
            outcomes.append(watch.observe(lambda decode=decode: decode(serde, typed)))
        return self._first_difference(*outcomes)

    def _first_difference(self, stock: Outcome, ours: Outcome) -> str | None:
        self.ending = "a value" if stock.error is None else type(stock.error).__name__
        for outcome in (stock, ours):
            for said in ("warnings", "logs", "events", "warned"):
                setattr(outcome, said, _without_addresses(getattr(outcome, said)))
        try:
            assert_same(stock, ours)
        except Exception as found:  # others than AssertionError: there is no rule to compare such objects by
            return f"{type(found).__name__}: {found}"
        if stock.error is None and (left := _repr(stock.value)) != (right := _repr(ours.value)):
            return f"repr: {left} against {right}"
        return None

    def smallest(self, watch: Watch, data: bytes, allowed: int) -> bytes:
        """Without what can be left out."""
        while True:
            tree = parse(data)
            in_parts = (less.encoded for less in smaller(tree)) if tree else ()
            in_bytes = (data[:at] + data[at + size :] for size in (16, 4, 1) for at in range(0, len(data), size))
            for shorter in (*in_parts, *in_bytes):
                if len(shorter) < len(data) and self.difference(watch, shorter, allowed) is not None:
                    data = shorter
                    break
            else:
                return data


def _stock(serde: Any, typed: tuple[str, bytes]) -> Any:
    return stock_loads_typed(serde, typed)


def _ours(serde: Any, typed: tuple[str, bytes]) -> Any:
    return serde.loads_typed(typed)


def _without_addresses(said: Any) -> Any:
    if isinstance(said, str):
        return ADDRESS.sub("", said)
    if isinstance(said, dict):
        return {name: _without_addresses(text) for name, text in said.items()}
    return type(said)(map(_without_addresses, said)) if type(said) in (list, tuple, set) else said


def _repr(value: Any) -> str:
    try:
        return _without_addresses(repr(value))
    except Exception as error:
        return f"repr raised {error!r}"


def _work(seed: int, job: int, jobs: int, batches: int, current: Any, told: Any) -> None:
    # multiprocessing passes on what is raised here to nobody.
    try:
        comparison = Comparison()
        fast_langgraph.patch()

        def note(data: bytes) -> None:
            current[:] = (len(data).to_bytes(4, "big") + data).ljust(len(current), b"\0")[: len(current)]

        for number in range(job, batches, jobs):
            comparison.batch(seed, number, BATCH, note)
            told.put((job, None, dict(comparison.endings), _handed_back()))
        told.put((job, "", dict(comparison.endings), _handed_back()))
    except BaseException as error:
        told.put((job, f"{type(error).__name__}: {error}", {}, (0, 0)))


def _handed_back() -> tuple[int, int]:
    """How often ours was called, and how often it handed the call back to stock."""
    site = fast_langgraph.status().sites[SITE]
    return site.calls, sum(site.fallbacks.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    batches = max(1, options.payloads // BATCH)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    current = [context.RawArray("c", 1 << 14) for _ in range(options.jobs)]
    workers = [
        context.Process(target=_work, args=(options.seed, job, options.jobs, batches, current[job], told), daemon=True)
        for job in range(options.jobs)
    ]
    begun = shown = time.monotonic()
    for worker in workers:
        worker.start()
    endings: dict[int, dict[str, int]] = {}
    calls: dict[int, tuple[int, int]] = {}
    left = set(range(options.jobs))
    while left:
        if dead := [job for job, worker in enumerate(workers) if worker.exitcode]:
            length, data = int.from_bytes(current[dead[0]][:4], "big"), current[dead[0]][4:]
            print(f"process {dead[0]} died of {data[:length].hex()}", flush=True)
            return 1
        try:
            job, result, endings_of_job, calls_of_job = told.get(timeout=1)
        except queue.Empty:
            continue
        if result:
            print(f"stock against ours: {result}", flush=True)
            return 1
        endings[job], calls[job] = endings_of_job, calls_of_job
        if result == "":
            left.remove(job)
        if not left or time.monotonic() > shown + 60:
            shown = time.monotonic()
            total = sum((collections.Counter(found) for found in endings.values()), collections.Counter())
            (called, back) = map(sum, zip(*calls.values(), strict=True))
            print(
                f"{total.total():,} payloads, {total.total() / (shown - begun):,.0f} a second: "
                + ", ".join(f"{count:,} {name}" for name, count in total.most_common())
                + f"; of {called:,} calls {back:,} went back to stock",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
