"""``pytest -p fast_langgraph.pytest_plugin --fast-langgraph``, run as a user runs it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

ROUND_TRIP = """
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    def test_round_trip():
        assert JsonPlusSerializer().loads_typed(JsonPlusSerializer().dumps_typed([1])) == [1]

    def test_nothing_else():
        pass
"""
SERIALIZER = "JsonPlusSerializer.dumps_typed,JsonPlusSerializer.loads_typed"


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest in a process of its own, with the plugin."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(test, *options):
        pytester.makepyfile(test)
        return pytester.runpytest_subprocess("-p", "fast_langgraph.pytest_plugin", *options)

    return run


@pytest.mark.unpatched
def test_tests_run_patched_and_the_summary_says_what_was_done(run):
    result = run(ROUND_TRIP, "--fast-langgraph", "--fast-langgraph-expect", SERIALIZER)
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["fast_langgraph *: patched", "*JsonPlusSerializer.dumps_typed * active * 1 calls"])


@pytest.mark.unpatched
def test_without_the_option_nothing_is_patched(run):
    result = run("""
        import fast_langgraph

        def test_not_patched():
            assert not fast_langgraph.is_patched()
    """)
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= fast_langgraph =*")


@pytest.mark.unpatched
@pytest.mark.parametrize("xdist", [[], ["-p", "xdist", "-n", "2"]], ids=["one-process", "workers"])
def test_the_run_fails_where_an_expected_site_was_never_called(run, xdist):
    expected = f"{SERIALIZER},SqliteSaver.put"
    result = run(ROUND_TRIP, "--fast-langgraph", "--fast-langgraph-expect", expected, *xdist)
    assert result.ret == 1
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["ERROR: SqliteSaver.put was never called"])
    result.stdout.no_fnmatch_line("ERROR: JsonPlusSerializer*")


@pytest.mark.unpatched
def test_the_run_fails_where_stock_s_code_did_it_all(run):
    result = run(
        """
        import sqlite3
        from langgraph.checkpoint.base import empty_checkpoint
        from langgraph.checkpoint.sqlite import SqliteSaver

        def test_put():
            connection = sqlite3.connect(":memory:", check_same_thread=False)
            connection.row_factory = sqlite3.Row
            config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
            SqliteSaver(connection).put(config, empty_checkpoint(), {}, {})
        """,
        *("--fast-langgraph", "--fast-langgraph-expect", "SqliteSaver.put"),
    )
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ERROR: SqliteSaver.put was run by stock's code each time: *row_factory*"])


@pytest.mark.unpatched
@pytest.mark.parametrize("xdist", [[], ["-p", "xdist", "-n", "1"]], ids=["one-process", "workers"])
def test_the_run_fails_where_a_test_has_taken_the_patch_back(run, xdist):
    result = run(
        """
        import fast_langgraph

        def test_takes_it_back():
            fast_langgraph.unpatch()
        """,
        *("--fast-langgraph", *xdist),
    )
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ERROR: nothing is patched any more"])


@pytest.mark.unpatched
def test_the_run_fails_where_an_expected_site_is_somebody_else_s(run):
    result = run(
        """
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

        def test_replaces_it():
            JsonPlusSerializer.dumps_typed = lambda self, value: ("null", b"")
        """,
        *("--fast-langgraph", "--fast-langgraph-expect", SERIALIZER),
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: JsonPlusSerializer.dumps_typed is foreign: *"])


@pytest.mark.unpatched
@pytest.mark.parametrize("xdist", [[], ["-p", "xdist", "-n", "1"]], ids=["one-process", "workers"])
def test_the_run_fails_with_releases_that_are_not_known_and_says_so(run, pytester, xdist):
    # What importlib.metadata finds first on the path is what is installed.
    pytester.mkdir("langgraph_checkpoint-9.0.0.dist-info").joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: langgraph-checkpoint\nVersion: 9.0.0\n"
    )
    pytester.syspathinsert()
    result = run(ROUND_TRIP, "--fast-langgraph", "--fast-langgraph-expect", SERIALIZER, *xdist)
    assert result.ret == 1
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["ERROR: langgraph-checkpoint 9.0.0 is installed, but fast_langgraph supports releases *"]
    )


@pytest.mark.unpatched
def test_workers_run_patched_and_their_counts_are_added_up(run):
    result = run(
        """
        import pytest
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

        @pytest.mark.parametrize("number", range(6))
        def test_encodes(number):
            text = str(number) * 100_000
            assert JsonPlusSerializer().dumps_typed(text) == ("msgpack", b"\\xdb\\0\\x01\\x86\\xa0" + text.encode())
        """,
        *("--fast-langgraph", "--fast-langgraph-expect", "JsonPlusSerializer.dumps_typed", "-p", "xdist", "-n", "2"),
    )
    assert result.ret == 0
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*JsonPlusSerializer.dumps_typed * active * 6 calls", "*600.0 KB in *"])


@pytest.mark.unpatched
def test_a_failed_test_fails_the_run_as_ever(run):
    result = run("def test_fails():\n    raise ValueError", "--fast-langgraph")
    assert result.ret == 1
    result.assert_outcomes(failed=1)


@pytest.mark.unpatched
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--fast-langgraph", "--fast-langgraph-expect", "SqliteSaver.putt"],
            "ERROR: no such site: SqliteSaver.putt; *",
        ),
        (["--fast-langgraph-expect", SERIALIZER], "ERROR: *needs --fast-langgraph"),
    ],
    ids=["unknown-site", "expecting-without-patching"],
)
def test_options_that_make_no_sense_are_refused(run, options, message):
    result = run(ROUND_TRIP, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.unpatched
def test_each_test_has_a_checkpointer_in_memory_of_its_own(run):
    result = run(
        """
        import asyncio
        import fast_langgraph
        import pytest
        from langgraph.checkpoint.base import empty_checkpoint

        @pytest.mark.parametrize("number", range(2))
        def test_puts(fast_langgraph_checkpointer, number):
            assert not fast_langgraph.is_patched()
            assert list(fast_langgraph_checkpointer.list(None)) == []
            config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
            written = fast_langgraph_checkpointer.put(config, empty_checkpoint(), {}, {})
            assert asyncio.run(fast_langgraph_checkpointer.aget_tuple(config)).config == written
        """,
    )
    result.assert_outcomes(passed=2)
