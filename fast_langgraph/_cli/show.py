"""``show``: a conversation as a person reads it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fast_langgraph._cli.conversation import Message, messages
from fast_langgraph._cli.database import Thread
from fast_langgraph._cli.output import ago, cell, out, print_json, printable, when
from fast_langgraph._cli.state import State, interrupts, is_own
from fast_langgraph._cli.stored import as_json, one_line
from fast_langgraph._shared.wording import number

STYLES = {"user": "bold cyan", "assistant": "bold green", "tool": "bold yellow", "system": "bold magenta"}


def as_dict(thread: Thread, state: State) -> dict[str, Any]:
    entry = state.entry
    return {
        "thread_id": thread.id,
        "checkpoint_ns": thread.namespace,
        "checkpoint_id": entry.id,
        "parent_checkpoint_id": entry.parent,
        "time": entry.time and entry.time.isoformat(),
        "metadata": entry.metadata,
        "channels": as_json(state.channels),
        "rebuilt_from_deltas": state.rebuilt,
        "pending_writes": [
            {"task_id": task, "channel": channel, "value": as_json(value)} for task, channel, value in state.pending
        ],
        "unread": state.unread,
    }


def show(thread: Thread, state: State, raw: bool) -> None:
    console = out()
    _heading(console, thread, state)
    if state.unread:
        console.print(cell(f"\nThe state can't be shown: {state.unread}.", "yellow"))
    elif raw:
        print_json(as_json(state.channels))
    else:
        _conversation(console, state)
    if state.pending:
        console.print()
        console.print(cell("pending writes", "bold"))
        _lines(console, [(f"{channel} of task {task[:8]}", one_line(value)) for task, channel, value in state.pending])
    for question in interrupts(state):
        console.print(cell(f"\nIt waits for an answer: {one_line(question, 500)}", "bold yellow"))


def _heading(console: Console, thread: Thread, state: State) -> None:
    entry = state.entry
    at = thread.entries.index(entry)
    where = "the latest" if at == 0 else f"{at} before the latest"
    console.print(
        Text.assemble(
            ("thread ", "dim"),
            (printable(thread.id), "bold"),
            (f", namespace {printable(thread.namespace)}" if thread.namespace else "", ""),
            ("\ncheckpoint ", "dim"),
            printable(entry.id),
            (f", {where} of {len(thread.entries):,}", "dim"),
        )
    )
    told = [f"step {entry.step}" if entry.step is not None else "", printable(entry.source)]
    if entry.time:
        told.append(f"{when(entry.time)} ({ago(entry.time)})")
    console.print(cell(", ".join(each for each in told if each), "dim"))
    if len(thread.namespaces) > 1:
        others = ", ".join(repr(each) for each in thread.namespaces if each != thread.namespace)
        console.print(cell(f"other namespaces: {others}", "dim"))


def _conversation(console: Console, state: State) -> None:
    others = []
    for name, value in state.channels.items():
        found = messages(value)
        if found is None:
            if not is_own(name):
                others.append((name, one_line(value)))
            continue
        console.print()
        heading = f"{name}: {number(len(found), 'message')}"
        if name in state.rebuilt:
            heading += f", put together of {number(state.rebuilt[name], 'write')}"
        console.print(cell(heading, "bold"))
        _messages(console, found)
    if others:
        console.print()
        console.print(cell("state", "bold"))
        _lines(console, others)
    if not state.channels:
        console.print(cell("\nThe state has no channels yet.", "dim"))


def _messages(console: Console, found: list[Message]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 2))
    grid.add_column(no_wrap=True, min_width=9)
    grid.add_column(overflow="fold")
    for each in found:
        role = f"{each.role} {each.name}" if each.name and each.name != each.role else each.role
        text = Text(printable(each.text))
        for call in each.tool_calls:
            text.append(f"{chr(10) if text else ''}calls {printable(call)}", "yellow")
        grid.add_row(cell(role, STYLES.get(each.role, "bold")), text or cell("(nothing)", "dim"))
    console.print(grid)


def _lines(console: Console, pairs: list[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(cell(name), cell(value))
    console.print(grid)
