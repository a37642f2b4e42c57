"""Payloads with parts changed, left out, doubled or taken from one another, so that most of each is still read."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from samples.hostile import damaged

#: what hooks are chosen by, and what stands for other things
CODES = (*range(9), 16, 127, -1, -128)
#: values that are one token, around the borders of their forms, and some that are no values
_LEAVES = """
    00 7f ff e0 cc80 ccff cd0001 cd0100 ce00010000 cf0000000000000000 cf7fffffffffffffff cf8000000000000000
    cfffffffffffffffff d080 d07f d18000 d280000000 d37fffffffffffffff d38000000000000000
    ca7fc00000 ca7f800001 ca3f800000 cb7ff8000000000001 cb7ff0000000000000 cb8000000000000000 cb3ff0000000000000
    c0 c1 c2 c3 a0 a161 a2c3a9 a4f09f9880 a3eda080 a2c3 a1ff d90161 da000161 db0000000161 a100 a18f
    c400 c40100 c4050102030405 c5000161 c6000000016190 80 90 dc0000 dd00000000 de0000 df00000000
    d40000 d4ff00 d5ff0000 d6ff00000000 d7ff0000000000000000 c70cff000000000000000000000000 c70000 c70005 c8000005
    d400c0 d40090 d60793a161a16100 9193a161a161c0
"""
LEAVES = tuple(map(bytes.fromhex, _LEAVES.split()))


class Node(NamedTuple):
    """A value as it is encoded, and the values within it. An ext has one, if its payload is a value."""

    encoded: bytes
    kind: str = "leaf"
    code: int = 0
    parts: tuple[Node, ...] = ()


def _header(kind: str, length: int, longer: int) -> bytes:
    """Of an array or a map of ``length`` elements, in a form that is ``longer`` than the shortest."""
    short, sixteen = (0x90, 0xDC) if kind == "array" else (0x80, 0xDE)
    form = max(longer, 0 if length < 16 else 1 if length < 65536 else 2)
    if form == 0:
        return bytes([short | length])
    return struct.pack(">BH", sixteen, length) if form == 1 else struct.pack(">BI", sixteen + 1, length)


def _ext_header(code: int, length: int, longer: int) -> bytes:
    head = struct.pack(">b", code)
    if longer == 0 and length in (1, 2, 4, 8, 16):
        return bytes([0xD4 + length.bit_length() - 1]) + head
    form = max(longer - 1, 0 if length < 256 else 1 if length < 65536 else 2)
    return bytes([0xC7 + form]) + length.to_bytes(1 << form, "big") + head


def node(kind: str, code: int, parts: tuple[Node, ...], longer: int = 0, lie: int = 0) -> Node:
    """A value of these parts. ``lie`` is added to its length."""
    inner = b"".join(part.encoded for part in parts)
    if kind == "ext":
        header = _ext_header(code, max(0, len(inner) + lie), longer)
    else:
        length = len(parts) if kind == "array" else len(parts) // 2
        header = _header(kind, max(0, length + lie), longer)
    return Node(header + inner, kind, code, parts)


class _Unreadable(Exception):
    """There is no value, or only a part of one."""


def parse(data: bytes) -> Node | None:
    """The value that ``data`` is, or None if it is not exactly one."""
    try:
        found, end = _parse(data, 0)
    except (_Unreadable, IndexError, RecursionError):
        return None
    return found if end == len(data) else None


def _parse(data: bytes, at: int) -> tuple[Node, int]:
    marker = data[at]

    def number(size: int) -> int:
        return int.from_bytes(data[at + 1 : at + 1 + size], "big")

    def leaf(size: int) -> tuple[Node, int]:
        if at + size > len(data):
            raise _Unreadable
        return Node(data[at : at + size]), at + size

    def within(kind: str, count: int, header: int) -> tuple[Node, int]:
        parts, place = [], at + header
        for _ in range(count if kind == "array" else 2 * count):
            part, place = _parse(data, place)
            parts.append(part)
        return Node(data[at:place], kind, 0, tuple(parts)), place

    def ext(length: int, header: int) -> tuple[Node, int]:
        end = at + header + length
        if end > len(data):
            raise _Unreadable
        code = int.from_bytes(data[at + header - 1 : at + header], "big", signed=True)
        payload = data[at + header : end]
        return Node(data[at:end], "ext", code, (parse(payload) or Node(payload),)), end

    if marker <= 0x7F or marker >= 0xE0 or marker in (0xC0, 0xC2, 0xC3):
        return leaf(1)
    if marker <= 0x8F:
        return within("map", marker & 15, 1)
    if marker <= 0x9F:
        return within("array", marker & 15, 1)
    if marker <= 0xBF:
        return leaf(1 + (marker & 31))
    if 0xC4 <= marker <= 0xC6:
        size = 1 << marker - 0xC4
        return leaf(1 + size + number(size))
    if 0xC7 <= marker <= 0xC9:
        size = 1 << marker - 0xC7
        return ext(number(size), 2 + size)
    if 0xCA <= marker <= 0xD3:
        return leaf((5, 9, 2, 3, 5, 9, 2, 3, 5, 9)[marker - 0xCA])
    if 0xD4 <= marker <= 0xD8:
        return ext(1 << marker - 0xD4, 2)
    if 0xD9 <= marker <= 0xDB:
        size = 1 << marker - 0xD9
        return leaf(1 + size + number(size))
    if 0xDC <= marker <= 0xDF:
        size = 2 + 2 * (marker & 1)
        return within("array" if marker < 0xDE else "map", number(size), 1 + size)
    raise _Unreadable


def smaller(old: Node) -> Iterator[Node]:
    """The same with one part less, or one part alone."""
    yield from old.parts
    step = 2 if old.kind == "map" else 1
    if old.kind != "ext":
        for place in range(0, len(old.parts), step):
            yield node(old.kind, old.code, old.parts[:place] + old.parts[place + step :])
    for place, part in enumerate(old.parts):
        for less in smaller(part):
            yield node(old.kind, old.code, (*old.parts[:place], less, *old.parts[place + 1 :]))


class Mutations:
    """Makes payloads of others."""

    def __init__(self, payloads: Iterable[bytes]) -> None:
        self.raw = list(dict.fromkeys(payloads))
        self.seeds = [found for payload in self.raw if (found := parse(payload)) is not None]
        pool: dict[bytes, Node] = {}
        for seed in self.seeds:
            self._collect(seed, pool)
        self.pool = list(pool.values())

    def _collect(self, seed: Node, pool: dict[bytes, Node]) -> None:
        if len(seed.encoded) <= 300:
            pool.setdefault(seed.encoded, seed)
        for part in seed.parts:
            self._collect(part, pool)

    def payload(self, chance: random.Random) -> bytes:
        """The next one: what it is depends on ``chance`` alone."""
        if chance.random() < 0.1:
            return damaged(chance.choice(self.raw), chance.getrandbits(32), 1)[0]
        made = chance.choice(self.seeds)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            made = self._changed(made, chance)
        return made.encoded

    def _changed(self, old: Node, chance: random.Random) -> Node:
        """With one change, in it or anywhere within it."""
        if old.parts and chance.random() < 0.8:
            place = chance.randrange(len(old.parts))
            parts = (*old.parts[:place], self._changed(old.parts[place], chance), *old.parts[place + 1 :])
            return node(old.kind, old.code, parts)
        change = chance.randrange(12)
        if change == 0:
            return Node(chance.choice(LEAVES))
        if change <= 2 or not (old.parts or old.encoded):
            return chance.choice(self.pool)
        if change == 3:
            inside = (old, chance.choice(self.pool))[: chance.randrange(1, 3)]
            return node("array", 0, inside, chance.randrange(3))
        if change == 4:
            return node("ext", chance.choice(CODES), (old,), chance.randrange(3))
        if change == 5:
            return node("map", 0, (chance.choice(self.pool), old))
        if not old.parts:
            return Node(damaged(old.encoded, chance.getrandbits(32), 1)[0])
        if old.kind == "ext" and change <= 8:
            return node("ext", chance.choice(CODES), old.parts)
        return self._rearranged(old, change, chance)

    def _rearranged(self, old: Node, change: int, chance: random.Random) -> Node:
        parts, step = list(old.parts), 2 if old.kind == "map" else 1
        place = chance.randrange(len(parts) // step) * step
        if change == 6:
            del parts[place : place + step]
        elif change == 7:
            other = chance.randrange(len(parts) // step) * step
            parts[other:other] = parts[place : place + step]
        elif change == 8:
            other = chance.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        elif change == 9:
            parts[place:place] = [chance.choice(self.pool) for _ in range(step)]
        elif change == 10:
            return node(old.kind, old.code, old.parts, longer=chance.randrange(1, 4 if old.kind == "ext" else 3))
        else:
            return node(old.kind, old.code, old.parts, lie=chance.choice((-1, 1, 1, 3)))
        return node(old.kind, old.code, tuple(parts))
