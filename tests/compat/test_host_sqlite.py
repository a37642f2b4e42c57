"""The binding to the SQLite library that an interpreter has loaded."""

from __future__ import annotations

import _sqlite3
import sqlite3
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from beside_stock.new_process import in_new_process
from beside_stock.statements import INSERT, TABLE, bind, bound, by_rust, by_sqlite3, connect, contents, described, rows
from fast_langgraph import _native
from fast_langgraph._native import BindError, Operation, Unsupported

pytestmark = pytest.mark.unpatched

try:
    import pysqlite3
    import pysqlite3._sqlite3
except ImportError:
    pysqlite3 = None

needs_pysqlite3 = pytest.mark.skipif(pysqlite3 is None, reason="pysqlite3-binary has no wheel here")


@pytest.fixture(autouse=True)
def bound_again():
    yield
    bound()


def libraries():
    """Each extension module that is here, with each route that may lead to its library."""
    loads = hasattr(sqlite3.Connection, "enable_load_extension")
    for module in filter(None, (_sqlite3, pysqlite3 and pysqlite3._sqlite3)):
        for route in ("symbols", "bare symbols", "extension"):
            if route != "extension" or loads or module is not _sqlite3:
                yield pytest.param(module, route, id=f"{module.__name__} {route}")


@pytest.mark.parametrize(("module", "route"), list(libraries()))
def test_each_route_leads_to_the_library_of_the_module(module, route, tmp_path):
    assert bind(module, _native.__file__, [route]) == (route.removeprefix("bare "), module.sqlite_version)
    conn = module.Connection(str(tmp_path / "test.db"))
    conn.execute(TABLE)
    assert _native.eligible(conn) is None
    assert by_rust(conn, rows((1, b"x"))) is None
    assert conn.execute("SELECT * FROM t").fetchall() == [(1, b"x")]
    error, expected = by_rust(conn, rows((1, 2))), by_sqlite3(conn, rows((1, 2)))
    assert isinstance(error, module.IntegrityError)
    assert described(error) == described(expected)
    conn.close()
    assert described(by_rust(conn, rows((3, 3)))) == described(by_sqlite3(conn, rows((3, 3))))


SYSTEM = """
import sys
sys.path.insert(0, {package!r})
import _sqlite3
from fast_langgraph import _native
print(*_native.bind(_sqlite3, _native.__file__, ["extension"]), _sqlite3.sqlite_version)
"""


def test_an_interpreter_that_loads_extensions_is_bound_by_the_second_route():
    package = str(Path(_native.__file__).parents[1])
    version = "python{}.{}".format(*sys.version_info)
    tried = [f"/usr/bin/{version}", f"/usr/local/bin/{version}", sys.executable]
    answers = []
    for python in filter(lambda path: Path(path).exists(), tried):
        done = subprocess.run(
            [python, "-X", "dev", "-c", SYSTEM.format(package=package)], capture_output=True, text=True, check=False
        )
        answers.append(done.stdout.split() or done.stderr.strip().rpartition("\n")[2])
    assert answers
    for answer in answers:
        if isinstance(answer, list):
            route, version, expected = answer
            assert (route, version) == ("extension", expected)
        else:
            assert "the interpreter's sqlite3 loads no extensions" in answer


@needs_pysqlite3
def test_two_libraries_in_one_process_each_serve_their_own_connections(tmp_path):
    assert bound() == ("symbols", sqlite3.sqlite_version)
    assert bind(pysqlite3._sqlite3, _native.__file__) == ("symbols", pysqlite3.sqlite_version)
    pairs = []
    for name, module in (("one", sqlite3), ("two", pysqlite3)):
        conn = module.connect(tmp_path / name)
        conn.execute(TABLE)
        assert _native.eligible(conn) is None
        pairs.append((module, conn))
    for n in range(3):
        for module, conn in pairs:
            assert by_rust(conn, rows((n, n))) is None
            assert isinstance(by_rust(conn, rows((n, n))), module.IntegrityError)
    for _, conn in pairs:
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (3,)
        conn.close()


# --- refusals ---


def refused(module, routes=None):
    with pytest.raises(BindError) as error:
        bind(module, _native.__file__, *([] if routes is None else [routes]))
    assert isinstance(error.value, RuntimeError)
    return str(error.value)


class Stub:
    """Stands in for an extension module."""

    sqlite_version = "3"
    PrepareProtocol = _sqlite3.PrepareProtocol

    def __init__(self, file, connection=_sqlite3.Connection):
        self.Connection = connection
        if file is not None:
            self.__file__ = file


def test_refusals_say_why():
    assert refused(_sqlite3, []) == "switched off"
    assert refused(_sqlite3, ["no"]) == "no such route: no"
    assert "built into the interpreter" in refused(Stub(None), ["symbols"])
    assert "not a library that is loaded" in refused(Stub("/nowhere/_sqlite3.so"), ["symbols"])
    assert "no file" in refused(Stub("nul\0"), ["symbols"])
    assert "hides SQLite's symbols" in refused(Stub(_native.__file__), ["symbols"])
    assert "has no attribute 'Connection'" in refused(sys, ["extension"])
    both = refused(Stub(None, connection=lambda path: None))
    assert "built into the interpreter" in both
    assert "loads no extensions" in both
    assert bound() == ("symbols", sqlite3.sqlite_version)


def test_a_module_whose_connections_are_of_another_class_is_refused():
    class Proxied:
        def __new__(cls, path):
            conn = _sqlite3.Connection(path)
            proxy = super().__new__(cls)
            proxy.conn, proxy.close = conn, conn.close
            return proxy

    class Made:
        def __new__(cls, path):
            return _sqlite3.Connection(path)

    assert "was not expected" in refused(Stub(_sqlite3.__file__, Proxied), ["symbols"])
    assert "not of the type" in refused(Stub(_sqlite3.__file__, Made), ["symbols"])
    assert "loads no extensions" in refused(Stub(_sqlite3.__file__, Proxied), ["extension"])


AUDITED = """
import sys, _sqlite3, sqlite3
from fast_langgraph import _native

def hook(event, args):
    if event == {event!r}:
        {act}

sys.addaudithook(hook)
try:
    # By one route: where there is another, that one is tried next.
    print(_native.bind(_sqlite3, _native.__file__, ["symbols"]))
except BaseException as error:
    print(type(error).__name__, error)
"""


def audited(event, act, *options):
    done = in_new_process(AUDITED.format(event=event, act=act), "-X", "dev", "-W", "error", *options, common=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("event", ["sqlite3.connect", "sqlite3.connect/handle"])
def test_an_audit_hook_may_veto_the_probe(event):
    # From CPython 3.13 on sqlite3 says so of a connection that it was kept from handing out.
    said = audited(event, "raise RuntimeError('not here')", "-W", "ignore:unclosed database:ResourceWarning")
    assert said.startswith("BindError a probe connection could not be opened: RuntimeError: not here")


def test_an_interrupt_during_the_probe_is_not_swallowed():
    assert audited("sqlite3.connect", "raise KeyboardInterrupt('stop')") == "KeyboardInterrupt stop"


@pytest.mark.parametrize("event", ["sqlite3.connect", "sqlite3.connect/handle"])
def test_an_audit_hook_that_opens_connections_of_its_own_does_no_harm(event):
    act = "busy.append(1); len(busy) < 3 and sqlite3.connect(':memory:').close(); busy.pop()"
    said = audited(event, act.replace("busy", "hook.__dict__.setdefault('busy', [])"))
    assert said == str(("symbols", sqlite3.sqlite_version))


def test_an_audit_hook_that_binds_while_binding_is_refused():
    act = "hook.__dict__.setdefault('n', []).append(1); len(hook.n) == 1 and _native.bind(_sqlite3, _native.__file__)"
    assert "being bound on this thread already" in audited("sqlite3.connect", act)


def test_a_subinterpreter_can_not_import_the_module():
    done = in_new_process(
        """
        try:
            import _interpreters as interpreters
            config = "legacy"
        except ImportError:
            import _xxsubinterpreters as interpreters
        import fast_langgraph._native
        script = (
            f"import sys; sys.path[:] = {sys.path!r}\\n"
            "try:\\n import fast_langgraph._native\\nexcept ImportError as error:\\n print('refused', error, flush=True)"
        )
        if interpreters.__name__ == "_interpreters":
            interpreter = interpreters.create("legacy")
            interpreters.exec(interpreter, script)
        else:
            interpreter = interpreters.create()
            interpreters.run_string(interpreter, script)
        """,
        common=False,
    )
    assert done.stdout.startswith("refused"), done.stderr


# --- whose connection it is ---


class Subclass(sqlite3.Connection):
    pass


class Proxy:
    def __init__(self, conn):
        self._conn = conn

    def __getattr__(self, name):
        return getattr(self._conn, name)

    @property
    def __class__(self):
        return sqlite3.Connection


def test_subclasses_and_proxies_are_not_looked_into(tmp_path):
    bound()
    plain = connect(tmp_path / "test.db")
    for conn in (connect(tmp_path / "test.db", factory=Subclass), Proxy(plain), None, object()):
        assert _native.eligible(conn) == "a connection of another class or library"
        with pytest.raises(Unsupported):
            _native.execute(conn, [Operation(rows((1, 1)))])
        with pytest.raises(Unsupported):
            _native.fetch_checkpoint(conn, "SELECT 1", (), "SELECT 1")
        if isinstance(conn, Subclass):
            conn.close()
    plain.close()


# --- others, meanwhile ---


def test_threads_may_bind_and_open_connections_at_once(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    failed = []
    # A connection is in one transaction at a time; savers hold such a lock.
    lock = threading.Lock()

    def work(n):
        try:
            for i in range(20):
                assert bound() == ("symbols", sqlite3.sqlite_version)
                sqlite3.connect(":memory:").close()
                with lock:
                    assert _native.execute(conn, [Operation(rows((n * 100 + i, None)))]) == [None]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    conn.close()
    assert len(contents(tmp_path / "test.db")) == 160


# --- one SQLite in the process ---


def needed(path):
    """What the dynamic linker is asked to load for an ELF file of 64 bits."""
    data = path.read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + n * size) for n in range(count)]
    dynamic = next(section for section in sections if section[1] == 6)
    strings = sections[dynamic[6]][4]
    entries = struct.iter_unpack("<qQ", data[dynamic[4] : dynamic[4] + dynamic[5]])
    names = [strings + value for tag, value in entries if tag == 1]
    return [data[at : data.index(0, at)].decode() for at in names]


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF")
def test_the_module_brings_no_sqlite_and_asks_for_none():
    module = Path(_native.__file__)
    libraries = needed(module)
    assert any(name.startswith("libc.") for name in libraries)
    assert not [name for name in libraries if "sqlite" in name]
    # Every copy of SQLite holds the first bytes of its files.
    assert b"SQLite format 3\0" not in module.read_bytes()


def test_binding_and_working_is_quiet_in_development_mode(tmp_path):
    done = in_new_process(
        f"""
        import _sqlite3, sqlite3, gc
        from fast_langgraph import _native
        for routes in (["symbols"], ["bare symbols"], ["extension"], ["no"]):
            try:
                _native.bind(_sqlite3, _native.__file__, routes)
            except _native.BindError:
                pass
        conn = sqlite3.connect({str(tmp_path / "test.db")!r})
        conn.execute({TABLE!r})
        for n in (1, 1, 2):
            _native.execute(conn, [_native.Operation([({INSERT!r}, [(n, b"x")])])])
        conn.close()
        del conn
        gc.collect()
        """,
        "-X",
        "dev",
        "-W",
        "error",
        common=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
