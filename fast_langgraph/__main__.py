"""The command ``fast-langgraph``, and ``python -m fast_langgraph``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from shutil import get_terminal_size
from textwrap import fill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fast_langgraph.reporting import Status

#: commands on a database, of the extra [cli]: how each is called, and what it does
DATABASE_COMMANDS = {
    "threads": ("DB", "lists the threads: checkpoints, bytes, last step"),
    "show": ("DB THREAD [CHECKPOINT]", "shows a conversation"),
    "history": ("DB THREAD", "shows a thread's checkpoints, with its forks"),
    "diff": ("DB THREAD A B", "shows what two checkpoints have apart"),
    "stats": ("DB", "shows what a database holds, and how large it is"),
    "doctor": ("DB", "looks for damage and leftovers"),
    "prune": ("DB", "removes old checkpoints or threads"),
    "vacuum": ("DB", "gives free space back to the file system"),
    "convert": ("DB --to compact", "changes the layout"),
    "backup": ("DB TO", "copies the database as it is now"),
    "copy-thread": ("DB FROM TO", "copies a thread"),
    "move": ("SOURCE TARGET", "copies conversations to PostgreSQL or a file"),
    "bench": ("", "measures stock and ours on this machine"),
}

USAGE = """\
Programs:
  fast-langgraph status [--json]    says if programs run patched, or why not
  fast-langgraph app.py args...     runs it patched, as python app.py args...
  fast-langgraph -m module args...  runs a module; also other options of Python
  fast-langgraph profile app.py     runs it; says where the time went
  fast-langgraph --version

Databases ("fast-langgraph COMMAND --help" says more):
{commands}

"python -m fast_langgraph" does the same with that Python and its options."""

#: what the shell sets when it asks for completions, and typer's options for it
COMPLETION = "_FAST_LANGGRAPH_COMPLETE"
COMPLETION_OPTIONS = ("--install-completion", "--show-completion")


def main() -> int:
    arguments = sys.argv[1:]
    if COMPLETION in os.environ or (arguments and arguments[0] in (*DATABASE_COMMANDS, *COMPLETION_OPTIONS)):
        return on_a_database(arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        from fast_langgraph import __version__

        print(f"fast_langgraph {__version__}")
        return 0
    if arguments[0] == "status":
        return show_status(arguments[1:])
    if arguments[0] == "profile":
        from fast_langgraph._profile import program

        return program.run(arguments[1:])
    mistake = misunderstood(arguments[0])
    if mistake:
        print(f"fast-langgraph: {mistake}", file=sys.stderr)
        return 2
    return run(arguments)


def usage() -> str:
    calls = {f"{name} {takes}".strip(): does for name, (takes, does) in DATABASE_COMMANDS.items()}
    width = max(map(len, calls))
    return USAGE.format(commands="\n".join(f"  {call:<{width}}  {does}" for call, does in calls.items()))


def on_a_database(arguments: list[str]) -> int:
    """Runs a command of ``_cli``, if what it needs is installed."""
    try:
        import rich
        import typer
    except ImportError as error:
        what = arguments[0] if arguments else "completion"
        print(f"fast-langgraph: {what} needs more: pip install 'fast-langgraph-sqlite[cli]' ({error})", file=sys.stderr)
        return 2
    del rich, typer
    from fast_langgraph._cli.app import app

    app(arguments, prog_name="fast-langgraph")
    return 0


def misunderstood(first: str) -> str:
    """What to say of a first argument that is no program: a database, or a command that is not spelled like that."""
    if first.startswith("-"):
        return ""
    if os.path.isfile(first):
        with open(first, "rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                return ""
        takes = {name: takes for name, (takes, _) in DATABASE_COMMANDS.items() if takes}
        calls = "".join(f"\n  fast-langgraph {name} {arguments}" for name, arguments in takes.items())
        return f"{first} is a database, not a program. Its commands are{calls.replace(' DB', f' {first}')}"
    if os.path.exists(first) or os.sep in first or first.endswith(".py"):
        return ""  # Python runs a folder with a __main__.py, and says itself what is missing
    from difflib import get_close_matches

    near = get_close_matches(first, ["status", "profile", *DATABASE_COMMANDS], 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no command and no program {first!r}; {meant}`fast-langgraph --help` lists the commands"


def run(arguments: list[str]) -> int:
    """Replaces this process by Python with these arguments, which patches itself: all behaviour is Python's own.

    On Windows it starts Python, waits for it, and returns its exit code.
    """
    from fast_langgraph._patching import environment
    from fast_langgraph._shared import settings

    why, fix = environment.overlaid() or environment.unread()
    if why:
        print(f"fast_langgraph: can't run a program patched: {why}. Fix: {fix}.", file=sys.stderr)
        return 2
    os.environ[settings.AUTO_PATCH] = "1"
    sys.stdout.flush()
    command = [sys.executable, *interpreter_options(sys.orig_argv, sys.argv), *arguments]
    if os.name != "nt":
        os.execv(sys.executable, command)
    # On Windows, exec ends this process before the program ends, and splits arguments at quotes and spaces.
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which gets it too
    return subprocess.call(command)


def interpreter_options(original: list[str], argv: list[str]) -> list[str]:
    """Python's own options in a command line, without ``-m fast_langgraph`` or the script's path."""
    *options, last = original[1 : len(original) - len(argv) + 1]
    module = last.rpartition("fast_langgraph")[0]
    if module.startswith("-") and module.endswith("m"):
        # -mfast_langgraph, -Imfast_langgraph
        return [*options, module[:-1]] if module != "-m" else options
    if options and options[-1].startswith("-") and options[-1].endswith("m") and "/" not in last:
        # -m fast_langgraph, -Im fast_langgraph
        return [*options[:-1], options[-1][:-1]] if options[-1] != "-m" else options[:-1]
    return options


def show_status(arguments: list[str]) -> int:
    """Does what an app would do and reports the result. The exit code is 0 if the app would be patched."""
    parser = argparse.ArgumentParser("fast-langgraph status", description="Would an app be patched here?")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)

    from fast_langgraph._patching import environment
    from fast_langgraph._shared import settings

    notes = [
        f"{name} is not a variable of fast_langgraph's, which are {', '.join(settings.VARIABLES)}"
        for name in environment.unknown_variables()
    ]
    notes += settings.read().complaints
    settings.logged.update(notes)
    why, fix = environment.obstacle()
    found = None
    try:
        from fast_langgraph import patch, status
        from fast_langgraph._patching.live_classes import LIVE_CLASSES
        from fast_langgraph._stock_code import releases

        if why:
            # The variable does not patch; but what would patch() do in an app?
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                patch()
        for cls in LIVE_CLASSES:
            cls.import_module()
        found = status()
    except Exception as error:
        # An error of the app's own import counts too: would the app be patched?
        why, fix = environment.overlaid() or (
            f"{type(error).__name__}: {error}",
            "see the message, or install fast-langgraph-sqlite again",
        )
    else:
        if not why and not found.patched:
            why = found.refusal or f"no site is active: {next(iter(found.sites.values())).reason}"
            fix = f"pip install {releases.known()}" if found.refusal else "see the sites below"
    if found is not None and not found.refusal:
        notes += not_known(found)
    if options.json:
        report = {"on": not why, "why": why, "fix": fix, "notes": notes, "status": found and found.to_dict()}
        print(json.dumps(report, indent=2))
    else:
        width = max(40, get_terminal_size().columns)
        for line in [*verdict(why, fix, found), *(f"note: {note}" for note in notes)]:
            print(fill(line, width, subsequent_indent=" " * 5, break_on_hyphens=False))
        if found is not None:
            heading, _, details = repr(found).partition("\n")
            # What would be patched is not patched.
            print(f"\n{details if why and found.patched else heading + chr(10) + details}")
    return 1 if why else 0


def not_known(found: Status) -> list[str]:
    """What stock's code handles because the installed releases are not known, and which releases are."""
    from fast_langgraph._patching.apply import found_sites

    slow = [name.rpartition(".")[2] for name in found.indirect]
    lost = [site.name for site in found_sites() if site.method.unknown_code]
    notes = []
    if slow:
        notes.append(f"{', '.join(slow)}: decoded by stock's code, about ten times slower; the reason is below")
    if lost:
        notes.append(f"{', '.join(lost)}: left to stock's code; the reason is below")
    if notes:
        known = (f"{distribution} {first} to {last}" for distribution, (first, last) in found.known.items())
        notes.append(f"the releases that are known: {', '.join(known)}")
    return notes


def verdict(why: str, fix: str, found: Status | None) -> list[str]:
    sites = found.sites.values() if found else ()
    active = sum(site.state == "active" for site in sites)
    if why:
        lines = [f"off: {why}", f"fix: {fix}"]
        if found is not None and found.patched:
            lines.append(f"an app that calls fast_langgraph.patch() itself: {active} of {len(sites)} sites, as follows")
        return lines
    if active < len(sites):
        return [f"partly on: {active} of {len(sites)} sites; the reasons are below"]
    return ["on: a program started in this environment runs patched"]


if __name__ == "__main__":
    sys.exit(main())
