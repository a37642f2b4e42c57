"""The commands with their arguments and options."""

from __future__ import annotations

import os
import sqlite3
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fast_langgraph._checkpointer.maintenance import MaintenanceResult
from fast_langgraph._cli import care, diff, doctor, history, moving, show
from fast_langgraph._cli.database import Thread, opened
from fast_langgraph._cli.output import (
    FOUND_PROBLEMS,
    INTERRUPTED,
    REFUSED,
    CommandError,
    ago,
    cell,
    out,
    print_json,
    progress,
    say,
    size,
    span,
    table,
    warn,
    when,
)
from fast_langgraph._cli.state import state_of
from fast_langgraph._shared.wording import number


class Commands(TyperGroup):
    """Ends each command that can't go on with one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):  # these are RuntimeErrors, too
            raise
        except CommandError as refused:
            self._end(str(refused), refused.code)
        except KeyboardInterrupt:
            self._end("stopped; what was done is done, and the same command goes on from there", INTERRUPTED)
        except BrokenPipeError:
            # Who read has read enough. Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (sqlite3.Error, OSError, RuntimeError) as error:
            self._end(str(error), REFUSED)
        return found

    @staticmethod
    def _end(message: str, code: int) -> None:
        warn(f"fast-langgraph: {message}")
        raise typer.Exit(code) from None


app = typer.Typer(
    name="fast-langgraph",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Looks into a database of LangGraph's checkpoints, and cares for it. Works beside a running app.",
)

LOOK, CARE = "Look into a database", "Care for a database"

Db = Annotated[Path, typer.Argument(metavar="DB", help="The database's file.", show_default=False)]
ThreadId = Annotated[str, typer.Argument(metavar="THREAD", help="The thread's id.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Namespace = Annotated[str | None, typer.Option("--ns", metavar="NAMESPACE", help="Of a subgraph.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Checkpoint = typer.Argument(
    metavar="CHECKPOINT", help="An id, the beginning of one, or a step. [default: the latest]", show_default=False
)


class Order(str, Enum):
    last = "last"
    size = "size"
    thread_id = "thread_id"


class Layout(str, Enum):
    standard = "standard"
    compact = "compact"


@app.command(rich_help_panel=LOOK)
def threads(
    db: Db,
    order: Annotated[Order, typer.Option(help="The latest first, the largest first, or by id.")] = Order.last,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0 for all.")] = 20,
    before: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only those untouched for so long, such as 30d.", show_default=False),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="KEY=VALUE", help="Only where the latest metadata says so.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the threads: checkpoints, bytes, latest activity."""
    with opened(db) as database:
        found = list(
            database.threads(
                limit=limit or None,
                order=order.value,
                before=span(before) if before else None,
                filter=_filter(where or []),
            )
        )
        if as_json:
            print_json([each.to_dict() for each in found])
            return
        rows = [
            (
                each.thread_id,
                f"{each.checkpoints:,}",
                size(each.bytes),
                ago(each.last_checkpoint),
                each.metadata.get("step", ""),
                each.metadata.get("source", ""),
            )
            for each in found
        ]
        columns = [("thread", "left"), ("checkpoints", "right"), ("size", "right"), ("last", "fixed")]
        table([*columns, ("step", "right"), ("source", "left")], rows)
        total = database.stats(0).threads
        if len(found) < total:
            say(f"{len(found):,} of {number(total, 'thread')}; --limit 0 lists all", "dim")


def _filter(pairs: list[str]) -> dict[str, Any] | None:
    import json

    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise CommandError(f"--filter takes KEY=VALUE, not {pair!r}")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found or None


@app.command("show", rich_help_panel=LOOK)
def show_command(
    db: Db,
    thread_id: ThreadId,
    checkpoint: Annotated[str | None, Checkpoint] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="As it was then, such as 2h or 2026-01-31.", show_default=False)
    ] = None,
    namespace: Namespace = None,
    raw: Annotated[bool, typer.Option("--raw", help="The whole state, as JSON below the heading.")] = False,
    as_json: Json = False,
) -> None:
    """Show a conversation as a person reads it.

    Messages with their tool calls, the rest of the state, pending writes, and what it waits for.
    """
    with opened(db) as database:
        thread = Thread(database, thread_id, namespace)
        state = state_of(database, thread, thread.chosen(checkpoint, span(at) if at else None))
        if as_json:
            print_json(show.as_dict(thread, state))
        else:
            show.show(thread, state, raw)


@app.command("history", rich_help_panel=LOOK)
def history_command(
    db: Db,
    thread_id: ThreadId,
    namespace: Namespace = None,
    all_of_it: Annotated[bool, typer.Option("--all", help="Not only the last 50.")] = False,
    as_json: Json = False,
) -> None:
    """Show a thread's checkpoints as a tree of its forks.

    Each with its step, source, node and time; the latest is marked.
    """
    with opened(db) as database:
        thread = Thread(database, thread_id, namespace)
        nodes = history.nodes_by_checkpoint(db, thread)
        if as_json:
            print_json(history.as_list(thread, nodes))
        else:
            history.show(thread, nodes, None if all_of_it else 50)


@app.command("diff", rich_help_panel=LOOK)
def diff_command(
    db: Db,
    thread_id: ThreadId,
    before: Annotated[
        str, typer.Argument(metavar="A", help="An id, the beginning of one, or a step.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="The same.", show_default=False)],
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show what two checkpoints of a thread have apart."""
    with opened(db) as database:
        thread = Thread(database, thread_id, namespace)
        one, other = (state_of(database, thread, thread.chosen(each)) for each in (before, after))
        if as_json:
            print_json(diff.as_dict(one, other))
        else:
            diff.show(one, other)


@app.command(rich_help_panel=LOOK)
def stats(
    db: Db,
    largest: Annotated[int, typer.Option(min=0, help="How many of the largest threads.")] = 5,
    as_json: Json = False,
) -> None:
    """Show what a database holds and where its bytes are."""
    with opened(db) as database:
        found = database.stats(largest)
    told = found.to_dict()
    for of_this_process in ("counters", "remembered", "removed"):
        del told[of_this_process]
    if as_json:
        print_json(told)
        return
    grid = [
        ("threads", f"{found.threads:,}"),
        ("checkpoints", f"{found.checkpoints:,}"),
        ("pending writes", f"{found.writes:,}"),
        ("layout", found.layout),
        ("states and metadata", size(found.checkpoint_bytes)),
        ("values of pending writes", size(found.write_bytes)),
        ("file", f"{size(found.database_bytes)}, of which {size(found.free_bytes)} free"),
        ("log", size(found.wal_file_bytes)),
        ("latest checkpoint", f"{when(found.last_checkpoint)} ({ago(found.last_checkpoint)})"),
    ]
    if found.standard_bytes != found.checkpoint_bytes:
        grid.insert(5, ("the same in the standard layout", size(found.standard_bytes)))
    width = max(len(name) for name, _ in grid)
    for name, value in grid:
        say(f"{name:<{width}}  {value}")
    if found.largest_threads:
        say()
        rows = [(each.thread_id, f"{each.checkpoints:,}", size(each.bytes)) for each in found.largest_threads]
        table([("largest threads", "left"), ("checkpoints", "right"), ("size", "right")], rows)


@app.command("doctor", rich_help_panel=LOOK)
def doctor_command(
    db: Db,
    quick: Annotated[bool, typer.Option("--quick", help="Don't read every row.")] = False,
    as_json: Json = False,
) -> None:
    """Look for damage, orphans and leftovers.

    Says what each means, and which command mends it.

    The exit code is 0 if no data is damaged, 1 if some is, 2 if it could not be looked at.
    """
    report = doctor.examine(db, quick, as_json)
    if as_json:
        print_json(report.to_dict())
    else:
        say(f"looked at: {', '.join(report.looked_at)}", "dim")
        for finding in report.findings:
            say()
            say(
                f"{'✗' if finding.kind == 'bad' else '•'} {finding.what}",
                "bold red" if finding.kind == "bad" else "bold",
            )
            for line in (finding.means, f"to mend it: {finding.mend}" if finding.mend else ""):
                if line:
                    out().print(cell(f"  {line}"))
        say("\nno data is damaged" if report.is_well else "\ndata is damaged", "green" if report.is_well else "red")
    if not report.is_well:
        raise typer.Exit(FOUND_PROBLEMS)


@app.command(rich_help_panel=CARE)
def prune(
    db: Db,
    keep_last: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Keep the N latest of each namespace.", show_default=False)
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only what is older, such as 30d.", show_default=False)
    ] = None,
    thread: Annotated[
        list[str] | None, typer.Option(metavar="THREAD", help="Only this thread; may be repeated.", show_default=False)
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Whole threads, not only their old checkpoints.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove old checkpoints, or with --delete whole threads.

    The latest checkpoint of each thread stays, and all that it is rebuilt from. Say which with --keep-last,
    --older-than or --thread. From cron: fast-langgraph prune app.db --keep-last 10 --older-than 7d --yes
    """
    if not thread and keep_last is None and older_than is None:
        raise CommandError("prune would go through every thread: pass --keep-last, --older-than or --thread")
    if delete and keep_last is not None:
        raise CommandError(
            "--delete removes whole threads: it goes with --older-than and --thread, not with --keep-last"
        )
    options: dict[str, Any] = {"strategy": "delete" if delete else "keep_latest", "keep_last": keep_last}
    options["older_than"] = span(older_than) if older_than else None
    with opened(db, write=not dry_run) as database:

        def work(**how: Any) -> Any:
            return database.prune(thread, **options, **how)

        done = care.carry_out(work, "remove", care.removed, dry_run=dry_run, yes=yes, as_json=as_json)
        if done is not None:
            care.report(done, f"removed {care.removed(done)}{care.free_room(database, db)}", as_json)


@app.command(rich_help_panel=CARE)
def vacuum(db: Db, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Give the space of deleted rows back to the file system.

    Writers wait meanwhile.
    """
    with opened(db, write=not dry_run) as database:
        before = care.bytes_on_disk(db)
        if dry_run:
            foreseen = database.vacuum(dry_run=True)
            line = f"would give back {size(foreseen.bytes)} or more"
            if foreseen.writes:
                line += f", and remove {number(foreseen.writes, 'pending write')} without a checkpoint"
            care.report(foreseen, line, as_json, dry_run=True)
            return
        with progress("vacuum", as_json) as tell:
            done = database.vacuum(progress=tell)
    after = care.bytes_on_disk(db)
    line = f"{size(before)} before, {size(after)} now"
    if done.writes:
        line += f"; {number(done.writes, 'pending write')} without a checkpoint removed"
    care.report(done, line, as_json, bytes_before=before, bytes_after=after)


@app.command(rich_help_panel=CARE)
def convert(
    db: Db,
    to: Annotated[Layout, typer.Option("--to", help="The layout.", show_default=False)],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change the layout of a database.

    The compact layout stores once what the checkpoints of a thread have in common.

    The app needs no change. Others can read and write meanwhile; vacuum gives the space back afterwards.
    """
    with opened(db, write=not dry_run) as database:

        def work(**how: Any) -> Any:
            return database.convert(to.value, **how)

        def told(found: Any) -> str:
            return f"{number(found.checkpoints, 'checkpoint')}, {size(found.bytes)}, to the {to.value} layout"

        before = database.stats(0)
        if before.layout == to.value and not dry_run:
            care.report(MaintenanceResult(), f"{db} is {to.value} already", as_json)
            return
        if not dry_run and work(dry_run=True) == MaintenanceResult():
            # It is empty, or all that was left is to end a conversion that was stopped.
            work()
            care.report(MaintenanceResult(), f"{db} is {to.value} now; no row had to be changed", as_json)
            return
        done = care.carry_out(work, "convert", told, dry_run=dry_run, yes=yes, as_json=as_json)
        if done is not None:
            after = database.stats(0)
            line = (
                f"converted {told(done)}: states take {size(after.checkpoint_bytes)}, "
                f"before {size(before.checkpoint_bytes)}{care.free_room(database, db)}"
            )
            care.report(done, line, as_json, layout=after.layout, state_bytes=after.checkpoint_bytes)


@app.command(rich_help_panel=CARE)
def backup(
    db: Db,
    to: Annotated[Path, typer.Argument(metavar="TO", help="The new file.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Copy the database to a new file, also while an app writes.

    The copy is the database as it is at one moment.
    """
    with opened(db) as database:
        database.backup(to)
    if as_json:
        print_json({"path": str(to), "bytes": to.stat().st_size})
    else:
        say(f"{to}: {size(to.stat().st_size)}")


@app.command("copy-thread", rich_help_panel=CARE)
def copy_thread(
    db: Db,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The thread's id.", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TO", help="An id that is not in use.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Copy a thread with its pending writes.

    To try something on the copy.
    """
    with opened(db, write=True) as database:
        thread = Thread(database, source, None)
        database.copy_thread(source, target)
        copied = Thread(database, target, None).checkpoints
    if as_json:
        print_json({"from": thread.id, "to": target, "checkpoints": copied})
    else:
        say(f"copied {number(copied, 'checkpoint')} of thread {thread.id} to {target}")


@app.command("move", rich_help_panel=CARE)
def move_command(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A SQLite file, or postgresql://…", show_default=False)
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The same; made if need be.", show_default=False)],
    thread: Annotated[
        list[str] | None, typer.Option(metavar="THREAD", help="Only this thread; may be repeated.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only threads that have gone on since, such as 30d.", show_default=False),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Also into a target that has other data.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Copy conversations to PostgreSQL, back, or to another file.

    All is looked at before anything is written, and compared afterwards. The source stays as it is, and the app may
    run meanwhile. If it is stopped, the same command goes on. PostgreSQL needs the extra [postgres]; its password is
    better given by PGPASSWORD or ~/.pgpass, because others can see the arguments of a command.

    The exit code is 0 if both sides are the same, 1 if something differs, 2 if it was refused.
    """
    options = {"threads": thread or None, "since": span(since) if since else None, "merge": merge}
    done = moving.carry_out(source, target, dry_run=dry_run, yes=yes, as_json=as_json, **options)
    if done is not None:
        moving.report(done, as_json)
        if not done.is_equal:
            raise typer.Exit(FOUND_PROBLEMS)


@app.command(rich_help_panel=CARE)
def bench(
    turns: Annotated[int, typer.Option(min=1, help="Turns of the chat.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="How often; the median counts.")] = 3,
    as_json: Json = False,
) -> None:
    """Measure what a chat costs here, on stock and on ours."""
    from fast_langgraph._cli.bench import measure

    found = measure(turns, rounds)
    if as_json:
        print_json({"turns": turns, "rounds": rounds, "savers": found})
        return
    say(f"a chat of {number(turns, 'turn')}, its checkpoints alone; the median of {rounds}", "dim")
    rows = [
        (each["saver"], f"{each['seconds']:.3f} s", f"{each['times_stock']:.1f}x", size(each["bytes"]))
        for each in found
    ]
    table([("saver", "left"), ("time", "right"), ("stock", "right"), ("file", "right")], rows)
