"""The import hook beside other finders and loaders, when something fails, and when it goes away."""

from __future__ import annotations

import pytest

from installed_wheel import ALL_SITES, ok


def test_a_module_is_left_with_its_own_loader_and_spec(run):
    script = """
    import inspect, langgraph.checkpoint.sqlite as module
    from importlib.machinery import SourceFileLoader
    assert type(module.__loader__) is type(module.__spec__.loader) is SourceFileLoader
    assert "class SqliteSaver" in inspect.getsource(module)
    spec = importlib.util.find_spec("langgraph.checkpoint.sqlite.aio")
    assert spec.loader.get_filename("langgraph.checkpoint.sqlite.aio") == spec.origin
    import copy
    copy.copy(spec.loader)
    assert type(sys.modules["langgraph"].__path__).__name__.lstrip("_") == "NamespacePath"
    """
    ok(run(script))


@pytest.mark.parametrize("by", ["finder", "find_spec"])
def test_a_lazy_module_stays_lazy_and_is_patched_when_it_is_loaded(run, by):
    script = f"""
    by = {by!r}
    import types
    import langgraph.checkpoint.base
    name = "langgraph.checkpoint.sqlite"

    class Lazy:
        def find_spec(self, wanted, path=None, target=None):
            if wanted != name:
                return None
            from importlib.machinery import PathFinder
            spec = PathFinder.find_spec(wanted, path)
            spec.loader = importlib.util.LazyLoader(spec.loader)
            return spec

    if by == "finder":
        sys.meta_path.insert(1, Lazy())
        module = importlib.import_module(name)
    else:
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    assert type(module) is not types.ModuleType
    assert states()["SqliteSaver.put"] in ("pending", "skipped"), states()
    assert type(module) is not types.ModuleType, "asking for the status has loaded it"
    module.SqliteSaver
    assert type(module) is types.ModuleType
    assert states()["SqliteSaver.put"] == "active", states()
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    """
    ok(run(script))


@pytest.mark.parametrize("place", ["0", "len(sys.meta_path)"])
def test_a_tracer_s_hook_for_the_same_module_is_called_too(run, place):
    script = f"""
    import importlib.abc
    seen = []

    class Chained:
        def __init__(self, loader):
            self.loader = loader

        def __getattr__(self, name):
            return getattr(self.loader, name)

        def exec_module(self, module):
            self.loader.exec_module(module)
            seen.append(module.__name__)

    class Tracer(importlib.abc.MetaPathFinder):
        busy = False

        def find_spec(self, name, path=None, target=None):
            if self.busy or not name.startswith("langgraph.checkpoint.sqlite"):
                return None
            self.busy = True
            try:
                spec = importlib.util.find_spec(name)
            finally:
                self.busy = False
            spec.loader = Chained(spec.loader)
            return spec

    sys.meta_path.insert({place}, Tracer())
    import langgraph.checkpoint.sqlite.aio
    assert count("active") == 12, states()
    if {place} == 0:
        assert seen.count("langgraph.checkpoint.sqlite") == 1, seen
    """
    ok(run(script))


def test_wrapt_s_post_import_hooks_run_beside_ours(run):
    script = """
    import wrapt
    seen = []
    for name in ("langgraph.checkpoint.sqlite", "langgraph.checkpoint.sqlite.aio"):
        wrapt.register_post_import_hook(lambda module: seen.append(module.__name__), name)
    import langgraph.checkpoint.sqlite.aio
    assert seen == ["langgraph.checkpoint.sqlite", "langgraph.checkpoint.sqlite.aio"], seen
    assert count("active") == 12, states()
    """
    ok(run(script))


def test_what_goes_past_the_hook_is_told_and_patch_takes_it_up(run):
    script = """
    import fast_langgraph
    from importlib.machinery import PathFinder

    class First:
        def find_spec(self, name, path=None, target=None):
            return PathFinder.find_spec(name, path, target) if name == "langgraph.checkpoint.sqlite" else None

    sys.meta_path.insert(0, First())
    import langgraph.checkpoint.sqlite
    site = fast_langgraph.status().sites["SqliteSaver.put"]
    assert site.state == "skipped" and "past the import hook" in site.reason, site
    fast_langgraph.patch()
    assert count("active") == 12, states()
    """
    ok(run(script))


def test_a_loader_of_the_old_kind_is_left_alone(run):
    script = """
    import warnings; warnings.simplefilter("ignore")
    from importlib.machinery import ModuleSpec, PathFinder

    class Old:
        def load_module(self, name):
            import types
            module = sys.modules.setdefault(name, types.ModuleType(name))
            module.SqliteSaver = "mine"
            return module

    class Finder:
        def find_spec(self, name, path=None, target=None):
            return ModuleSpec(name, Old()) if name == "langgraph.checkpoint.sqlite" else None

    sys.meta_path.insert(1, Finder())
    try:
        import langgraph.checkpoint.sqlite
        assert langgraph.checkpoint.sqlite.SqliteSaver == "mine"
    except AttributeError as error:
        # CPython 3.15 itself has no use for one any more.
        assert sys.version_info >= (3, 15) and "exec_module" in str(error), error
    assert states()["SqliteSaver.put"] != "active"
    """
    ok(run(script))


# --- failures ---


def test_an_error_in_the_module_is_raised_as_it_is_and_the_next_try_is_patched(run):
    script = """
    import langgraph.checkpoint.base, aiosqlite
    sys.modules["aiosqlite"] = None
    for _ in range(2):
        try:
            import langgraph.checkpoint.sqlite.aio
        except ModuleNotFoundError as error:
            assert error.name == "aiosqlite"
        else:
            raise SystemExit("imported")
        assert "langgraph.checkpoint.sqlite.aio" not in sys.modules
    assert count("active") == 7, states()
    sys.modules["aiosqlite"] = aiosqlite
    import langgraph.checkpoint.sqlite.aio
    assert count("active") == 12, states()
    """
    ok(run(script))


def test_a_module_that_is_not_there_is_not_found(run):
    script = """
    sys.modules["langgraph"] = None
    try:
        import langgraph.checkpoint.sqlite
    except ModuleNotFoundError as error:
        print(error)
    """
    assert "langgraph" in ok(run(script))


def test_our_native_module_that_does_not_load_costs_one_line(run):
    script = """
    sys.modules["fast_langgraph._native"] = None
    import langgraph.checkpoint.sqlite.aio
    assert not hook()
    langgraph.checkpoint.serde.jsonplus.JsonPlusSerializer().dumps_typed([1])
    """
    done = run(script)
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("fast_langgraph: nothing more is patched: ")
    assert "_native" in line


def test_an_error_in_our_sites_leaves_that_class_to_stock_with_one_line(run):
    script = """
    sys.modules["fast_langgraph._shared.rows"] = None
    import langgraph.checkpoint.sqlite.aio
    import fast_langgraph
    site = fast_langgraph.status().sites["SqliteSaver.put"]
    assert site.state == "failed" and "_shared.rows" in site.reason, site
    assert states()["JsonPlusSerializer.dumps_typed"] == "active"
    assert "failed" in repr(fast_langgraph.status())
    """
    done = run(script, "-W", "error")
    assert done.returncode == 0, done.stderr
    assert [line.split(" is left")[0] for line in done.stderr.splitlines()] == [
        "fast_langgraph: SqliteSaver",
        "fast_langgraph: AsyncSqliteSaver",
    ]


def test_a_method_that_can_t_be_stood_in_for_is_left_to_stock(run):
    script = """
    import fast_langgraph._replacements.statements as sql
    def broken(stock):
        raise KeyError("columns")
    sql.put_statement = broken
    import langgraph.checkpoint.sqlite, fast_langgraph
    site = fast_langgraph.status().sites["SqliteSaver.put"]
    assert (site.state, site.reason) == ("failed", "KeyError: 'columns'"), site
    assert states()["SqliteSaver.get_tuple"] == "active"
    """
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "fast_langgraph: SqliteSaver.put is left to stock's code: KeyError: 'columns'\n"


def test_an_unknown_release_is_left_alone_with_one_line(run):
    script = """
    import importlib.metadata as metadata
    real = metadata.version
    metadata.version = lambda name: "99.0" if name == "langgraph-checkpoint" else real(name)
    import langgraph.checkpoint.sqlite.aio, fast_langgraph
    found = fast_langgraph.status()
    assert "99.0" in found.refusal, found
    assert {site.state for site in found.sites.values()} == {"skipped"}
    """
    done = run(script, "-W", "error")
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert "nothing is patched: langgraph-checkpoint 99.0 is installed" in line


# --- going away ---


def test_unpatching_takes_the_hook_away_and_leaves_later_imports_alone(run):
    script = """
    import langgraph.checkpoint.sqlite, fast_langgraph
    assert len(hook()) == 1
    fast_langgraph.unpatch()
    assert hook() == []
    import langgraph.checkpoint.sqlite.aio
    assert not fast_langgraph.is_patched()
    assert set(states().values()) == {"skipped"}, states()
    fast_langgraph.patch()
    assert count("active") == 12 and len(hook()) == 1
    fast_langgraph.patch()
    assert len(hook()) == 1
    """
    ok(run(script))


def test_the_status_before_langgraph_is_imported_says_what_it_waits_for(run):
    script = """
    import fast_langgraph
    text = repr(fast_langgraph.status())
    assert "patches LangGraph once it is imported" in text, text
    assert "langgraph.checkpoint.sqlite is not imported yet" in text, text
    """
    ok(run(script))


def test_the_names_of_all_sites_are_those_that_the_tests_know(run):
    assert eval(ok(run("import fast_langgraph\nprint(list(fast_langgraph.status().sites))"))) == ALL_SITES
