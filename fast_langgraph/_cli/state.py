"""What a checkpoint holds: its channels, those that are rebuilt from deltas among them, and its pending writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fast_langgraph._checkpointer.delta_channels import COUNTERS
from fast_langgraph._cli.conversation import message
from fast_langgraph._cli.database import Entry, Thread
from fast_langgraph._cli.output import CommandError
from fast_langgraph._cli.stored import Typed, Unread
from fast_langgraph.checkpointer import RustSQLiteCheckpointer

#: channels of LangGraph's own
OWN = ("__start__", "__input__", "__pregel", "branch:", "__")


@dataclass(frozen=True)
class State:
    entry: Entry
    channels: dict[str, Any]
    #: channels that are stored as deltas, by how many writes they were put together of
    rebuilt: dict[str, int]
    #: task, channel, value
    pending: list[tuple[str, str, Any]]
    #: why the channels can't be read, if they can't
    unread: str = ""


def state_of(database: RustSQLiteCheckpointer, thread: Thread, entry: Entry) -> State:
    try:
        found = thread.read(entry)
    except Exception as error:
        raise CommandError(
            f"checkpoint {entry.id} can't be read: {error}. `fast-langgraph doctor` looks for more", 1
        ) from None
    if found is None:
        raise CommandError(f"checkpoint {entry.id} was removed just now", 1)
    checkpoint = found.checkpoint
    pending = [(str(task), str(channel), value) for task, channel, value in found.pending_writes or []]
    values = checkpoint.get("channel_values") if isinstance(checkpoint, dict) else None
    if not isinstance(values, dict):
        why = str(checkpoint) if isinstance(checkpoint, Unread) else "it is no checkpoint of LangGraph's"
        return State(entry, {}, {}, pending, why)
    counters = entry.metadata.get(COUNTERS)
    left_out = [name for name in counters if name not in values] if isinstance(counters, dict) else []
    rebuilt = database.get_delta_channel_history(config=found.config, channels=left_out) if left_out else {}
    channels = {str(name): value for name, value in values.items()}
    for name, history in rebuilt.items():
        channels[name] = _together(history)
    return State(entry, channels, {name: len(history["writes"]) for name, history in rebuilt.items()}, pending)


def _together(history: Any) -> list[Any]:
    """The writes of a delta channel, one after the other: the app's own reducer is not known here.

    A message takes the place of one with the same id, as LangGraph's own reducer has it.
    """
    values: list[Any] = []
    places: dict[str, int] = {}
    for part in [history.get("seed"), *(write[2] for write in history["writes"])]:
        for value in part if isinstance(part, (list, tuple)) else [] if part is None else [part]:
            found = message(value)
            if found and found.id in places:
                values[places[found.id]] = value
                continue
            if found and found.id:
                places[found.id] = len(values)
            values.append(value)
    return values


def is_own(channel: str) -> bool:
    """Whether it is a channel of LangGraph's own, not of the app's state."""
    return channel.startswith(OWN)


def interrupts(state: State) -> list[Any]:
    """What the app asks a person: the values of the interrupts that are pending."""
    found = []
    for _, channel, value in state.pending:
        if channel == "__interrupt__":
            for each in value if isinstance(value, (list, tuple)) else [value]:
                inside = each.value if isinstance(each, Typed) else each
                found.append(inside.get("value", inside) if isinstance(inside, dict) else inside)
    return found
