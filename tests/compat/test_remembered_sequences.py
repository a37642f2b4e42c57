"""Conversations in any order of calls and edits: what is remembered of them shows nowhere."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from beside_stock.remembered import Remembered
from beside_stock.remembered_sequences import SEQUENCES, Conversations
from fast_langgraph._shared.memory import PATCHED
from samples.checkpoints import METADATA, config

pytestmark = pytest.mark.soak


class OfTheCodec:
    def __init__(self) -> None:
        self.remembered = Remembered()
        self.data: dict[str, bytes] = {}

    def put(self, thread: str, checkpoint: dict[str, Any]) -> bytes:
        self.data[thread] = self.remembered.put(checkpoint, (1, thread, ""))[1]
        return self.data[thread]

    def get(self, thread: str) -> dict[str, Any]:
        return self.remembered.get(self.data[thread], (1, thread, ""))

    def delete(self, thread: str) -> None:
        self.data.pop(thread, None)

    def forget(self) -> None:
        self.remembered.memory.clear()

    def close(self) -> None:
        pass


class OfASerializer(OfTheCodec):
    """Patched, by itself: the state is found by a long list in it, or by its bytes."""

    def __init__(self) -> None:
        self.serde = JsonPlusSerializer()
        self.data = {}

    def put(self, thread: str, checkpoint: dict[str, Any]) -> bytes:
        self.data[thread] = self.serde.dumps_typed(checkpoint)[1]
        return self.data[thread]

    def get(self, thread: str) -> dict[str, Any]:
        return self.serde.loads_typed(("msgpack", self.data[thread]))

    def forget(self) -> None:
        PATCHED.clear()


class OfASaver:
    """Patched."""

    def __init__(self) -> None:
        self.conn = sqlite3.connect(":memory:", check_same_thread=False)
        self.saver = SqliteSaver(self.conn)

    def put(self, thread: str, checkpoint: dict[str, Any]) -> bytes:
        self.saver.put(config(thread), checkpoint, METADATA, {})
        [(stored,)] = self.conn.execute(
            "SELECT checkpoint FROM checkpoints WHERE thread_id = ? AND checkpoint_id = ?", (thread, checkpoint["id"])
        )
        return bytes(stored)

    def get(self, thread: str) -> dict[str, Any]:
        return self.saver.get_tuple(config(thread)).checkpoint

    def delete(self, thread: str) -> None:
        self.saver.delete_thread(thread)

    def forget(self) -> None:
        PATCHED.clear()

    def close(self) -> None:
        self.conn.close()


class WithACodec(Conversations):
    def open(self) -> OfTheCodec:
        return OfTheCodec()


class WithASerializer(Conversations):
    def open(self) -> OfASerializer:
        return OfASerializer()


class WithASaver(Conversations):
    def open(self) -> OfASaver:
        return OfASaver()


TestWithACodec = WithACodec.TestCase
TestWithASerializer = WithASerializer.TestCase
TestWithASaver = WithASaver.TestCase
TestWithACodec.settings = TestWithASerializer.settings = TestWithASaver.settings = SEQUENCES
