"""Threads whose channel `items` is a delta channel, put by hand, and what may be wrong with their rows."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.types import Overwrite

from installed_releases import HAS_TASK_PATH, _DeltaSnapshot
from samples import hostile
from samples.checkpoints import METADATA, checkpoint, checkpoint_id, config

#: how many checkpoints a thread has; the snapshot of `items` is in the third one
LENGTH = 9
SNAPSHOT = 2


def values(n: int) -> dict[str, Any]:
    """The channels that a checkpoint holds."""
    held: dict[str, Any] = {"branch:to:model": None, "other": {"x": [n, 1.5, b"b", "é"]}}
    if n % 3 == 0:
        held["__start__"] = {"items": [HumanMessage(f"question {n}", id=f"q{n}")]}
    if n == SNAPSHOT:
        held["items"] = _DeltaSnapshot([HumanMessage(f"said {m}", id=f"s{m}") for m in range(20)])
    if n == SNAPSHOT + 2:
        held["plain"] = [AIMessage(f"plain {m}", id=f"p{m}") for m in range(10)]
    return held


def writes(n: int) -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = [
        ("items", [HumanMessage(f"new {n}", id=f"n{n}"), AIMessage("", tool_calls=[], id=f"a{n}")]),
        ("plain", {"n": n}),
        ("branch:to:model", None),
    ]
    if n == 5:
        made.append(("items", Overwrite([HumanMessage("anew", id="anew")])))
    return made


def put(saver: Any, n: int, thread: Any = "1", ns: Any = "", parent: int | None = None, **more: Any) -> Any:
    """Puts one checkpoint with its writes, of two tasks in the order of their paths and not of their ids."""
    made = {**checkpoint(n), "channel_values": {**values(n), **more}}
    saved = saver.put(config(thread, ns, at=parent), made, METADATA, {})
    saver.put_writes(saved, writes(n), "task a", "~z")
    saver.put_writes(saved, writes(n)[:2], "task b", "~a")
    return saved


def fill(saver: Any, thread: Any = "1", ns: Any = "", length: int = LENGTH) -> None:
    for n in range(length):
        put(saver, n, thread, ns, n - 1 if n else None)


#: what is asked for
CHANNELS = [
    ["items"],
    ["items", "plain"],
    ["plain", "none", "items"],
    ["none"],
    ("other",),
    ["branch:to:model", "__start__"],
]

THIRD = checkpoint_id(6)
OF = f"WHERE checkpoint_id = '{THIRD}'"
#: what may be wrong with one row, or with all
DAMAGES = {
    "type is null": f"UPDATE checkpoints SET type = NULL {OF}",
    "type is unknown": f"UPDATE checkpoints SET type = 'yaml' {OF}",
    "type is a blob": f"UPDATE checkpoints SET type = CAST(type AS BLOB) {OF}",
    "type is JSON": f"""UPDATE checkpoints SET type = 'json', checkpoint = '{{"channel_values": {{"plain": 1}}}}' {OF}""",
    "checkpoint is null": f"UPDATE checkpoints SET checkpoint = NULL {OF}",
    "checkpoint is empty": f"UPDATE checkpoints SET checkpoint = x'' {OF}",
    "checkpoint is cut off": f"UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 60) {OF}",
    "checkpoint is text": f"UPDATE checkpoints SET checkpoint = CAST(checkpoint AS TEXT) {OF}",
    "checkpoint is longer": f"UPDATE checkpoints SET checkpoint = CAST(checkpoint || x'c1ff' AS BLOB) {OF}",
    "all are longer": "UPDATE checkpoints SET checkpoint = CAST(checkpoint || x'c0' AS BLOB)",
    "parent is empty": f"UPDATE checkpoints SET parent_checkpoint_id = '' {OF}",
    "parent is null": f"UPDATE checkpoints SET parent_checkpoint_id = NULL {OF}",
    "parent is itself": f"UPDATE checkpoints SET parent_checkpoint_id = checkpoint_id {OF}",
    "parent is a child": f"UPDATE checkpoints SET parent_checkpoint_id = '{checkpoint_id(8)}' {OF}",
    "parent is gone": f"DELETE FROM checkpoints {OF}",
    "parent is a blob": f"UPDATE checkpoints SET parent_checkpoint_id = CAST(parent_checkpoint_id AS BLOB) {OF}",
    "id is a blob": f"UPDATE checkpoints SET checkpoint_id = CAST(checkpoint_id AS BLOB) {OF}",
    "parent is not UTF-8": f"UPDATE checkpoints SET parent_checkpoint_id = CAST(x'ff' AS TEXT) {OF}",
    "the snapshot is gone": f"DELETE FROM checkpoints WHERE checkpoint_id = '{checkpoint_id(SNAPSHOT)}'",
    "value is null": f"UPDATE writes SET value = NULL {OF}",
    "value is text": f"UPDATE writes SET value = 'x' {OF}",
    "value is cut off": f"UPDATE writes SET value = substr(value, 1, 9) {OF}",
    "value is longer": f"UPDATE writes SET value = CAST(value || x'01' AS BLOB) {OF}",
    "type of a write is null": f"UPDATE writes SET type = NULL {OF}",
    "type of a write is another": f"UPDATE writes SET type = 'bytes' {OF}",
    "type of a write is none": f"UPDATE writes SET type = 'null', value = x'' {OF}",
    "idx is text": f"UPDATE writes SET idx = 'a' || idx {OF}",
    "idx is a float": f"UPDATE writes SET idx = idx + 0.5 {OF}",
    "task is a blob": f"UPDATE writes SET task_id = CAST(task_id AS BLOB) {OF}",
    "task is not UTF-8": f"UPDATE writes SET task_id = CAST(x'ff' AS TEXT) {OF} AND task_id = 'task a'",
    "task is long": f"UPDATE writes SET task_id = replace(hex(zeroblob(500)), '00', 'é') {OF} AND idx = 0 AND task_id = 'task a'",
    "channel is a blob": f"UPDATE writes SET channel = CAST(channel AS BLOB) {OF}",
}
if HAS_TASK_PATH:
    DAMAGES |= {
        "path is a blob": f"UPDATE writes SET task_path = CAST(task_path AS BLOB) {OF}",
        "paths are of two kinds": f"UPDATE writes SET task_path = x'05' {OF} AND idx = 0",
    }


def blobs() -> dict[str, bytes]:
    """MessagePack that no encoder wrote, alone and as parts of a checkpoint."""
    pack, mapping = hostile.pack, hostile.mapping
    values_key = pack("channel_values")
    cases = {**hostile.lengths(), **hostile.depths(), **hostile.maps(), **hostile.exts()}
    cases |= {name: case for number, (name, case) in enumerate(hostile.markers().items()) if number % 7 == 0}
    found = dict(cases)
    for name, case in list(cases.items())[::3]:
        found[f"values, {name}"] = mapping(values_key, case)
        found[f"a value, {name}"] = mapping(values_key, mapping(pack("other"), case))
        found[f"items, {name}"] = mapping(values_key, mapping(pack("items"), case))
        found[f"beside, {name}"] = mapping(pack("v"), case, values_key, mapping(pack("items"), pack([1])))
        found[f"a list, {name}"] = hostile.array(case, pack([1]))
    nothing, one, two = mapping(), mapping(pack("items"), pack([1])), mapping(pack("items"), pack([2]))
    found |= {
        "values are none": mapping(values_key, pack(None)),
        "values are false": mapping(values_key, pack(False)),
        "values are a list": mapping(values_key, pack(["items"])),
        "values are an empty list": mapping(values_key, pack([])),
        "values are text": mapping(values_key, pack("items")),
        "no values": nothing,
        "values twice": mapping(values_key, one, values_key, nothing),
        "values twice, the other way": mapping(values_key, nothing, values_key, two),
        "items twice": mapping(values_key, mapping(pack("items"), pack([1]), pack("items"), pack([2]))),
        "a key that is no text": mapping(values_key, one, pack(5), pack(6)),
        "a channel that is no text": mapping(values_key, mapping(pack(5), pack(6), pack("items"), pack([1]))),
        "a key that is not UTF-8": mapping(values_key, one, b"\xa1\xff", pack(6)),
        "a text that is not UTF-8": mapping(values_key, one, pack("v"), b"\xa1\xff"),
        "a text with surrogates": mapping(values_key, one, pack("v"), b"\xa3\xed\xa0\x80"),
    }
    return found


BLOBS = blobs()
