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

USAGE = """\
fast-langgraph status [--json]    says if programs run patched here, or why not
fast-langgraph app.py args...     runs it patched, as "python app.py args..."
fast-langgraph -m module args...  runs a module; also other options of Python's
fast-langgraph profile app.py     runs it, and says where the time of checkpoints went
fast-langgraph --version

"python -m fast_langgraph" does the same with that Python and its options."""


def main() -> int:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
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
    return run(arguments)


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
            print(f"\n{found!r}")
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
    if why:
        lines = [f"off: {why}", f"fix: {fix}"]
        if found is not None and found.patched:
            lines.append("an app that calls fast_langgraph.patch() itself would be patched like this:")
        return lines
    sites = found.sites.values() if found else ()
    active = sum(site.state == "active" for site in sites)
    if active < len(sites):
        return [f"partly on: {active} of {len(sites)} sites; the reasons are below"]
    return ["on: a program started in this environment runs patched"]


if __name__ == "__main__":
    sys.exit(main())
