"""What a profile is shown as: a table, JSON, and a page that a browser shows as it is and runs nothing of."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fast_langgraph
from fast_langgraph import Profile
from fast_langgraph._profile.channels import MOST, OTHERS, Channels
from fast_langgraph._profile.durations import EXACT, Durations
from fast_langgraph._profile.findings import Channel, File, Operation, Site
from fast_langgraph._profile.recorder import POINTS, Curve

pytestmark = pytest.mark.unpatched

HOSTILE = "<script>document.title='hacked'</script>\"'&\x1b[31m\x00\n</title></style><img src=x onerror=alert(1)>"
NONE = dict.fromkeys(("encode", "decode", "waiting", "sqlite", "commit", "sqlite_and_commit", "engine", "rest"))


def operation(name: str, seconds: float, saver: str = "SqliteSaver", **parts: float) -> Operation:
    return Operation(saver, name, 12_345, {HOSTILE: 3}, 10**9, seconds, 0.001, 0.01, seconds, {**NONE, **parts})


FOUND = Profile(
    elapsed=12.5,
    busy=7.5,
    running=1,
    operations=(
        operation("put", 4.0, encode=1.5, waiting=0.5, sqlite_and_commit=1.5, rest=0.5),
        operation("aget_delta_channel_history", 2.0, "AsyncSqliteSaver", decode=1.0, sqlite=1.0),
        operation("get_tuple", 0.000_5, "RustSQLiteCheckpointer", decode=0.000_25, engine=0.000_25),
    ),
    channels=(
        Channel(HOSTILE, 5_000_000, 0.9, 0.8, 7, 700, 0.01),
        Channel("x" * 300, 100_000, 0.02, None, 0, 0, 0.0),
        *(Channel(f"channel {n}", 10, 0.0, None, 0, 0, 0.0) for n in range(40)),
    ),
    sampled=10,
    sampled_bytes=5_500_000,
    files=(File(f"/tmp/{HOSTILE}.db", 0, 0, 10**8, 4_000_000),),
    put_bytes=tuple(float(n * n) for n in range(100)),
    puts_each=4,
    sites=(Site("SqliteSaver.put", 100, {HOSTILE: 2}, 0, 0.0),),
    measuring=0.01,
)
EMPTY = Profile(1.0, 0.0, 0, (), (), 0, 0, (), (), 1, (), 0.0)
profiles = pytest.mark.parametrize("found", [FOUND, EMPTY], ids=["full", "empty"])


@profiles
def test_a_profile_comes_back_from_json(found):
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_dict_has_the_sums():
    found = FOUND.to_dict()
    assert found["outside"] == 5.0
    assert found["parts"]["encode"] == 1.5
    assert found["parts"]["decode"] == 1.00025
    assert found["parts"]["commit"] is None
    assert found["puts"] == 12_345 - 3
    assert found["growth"] == 104_000_000
    assert EMPTY.to_dict()["growth"] is None


@pytest.mark.parametrize("columns", [40, 72, 80, 200])
@profiles
def test_the_table_fits_the_terminal_and_is_plain_text(found, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = str(found)
    assert max(map(len, text.splitlines())) <= max(columns, 72)
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_the_table_says_what_was_found(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = str(FOUND)
    for line in (
        r"checkpoints +7\.50 s +60\.0%",
        r"LangGraph +5\.00 s +40\.0%",
        r"put +12,345 +1\.0 GB +4\.00 s +1\.0 ms +10\.0 ms +4\.00 s",
        r"SQLite and commit +1\.50 s",
        r"aget_delta_channel_history +12,345",
        r"1 operations had not ended",
        r"grown by 104\.0 MB",
        r"SqliteSaver\.put: 2 by stock's code",
        r"and 32 more",
    ):
        assert re.search(line, text), (line, text)
    assert "commit  " not in text.replace("SQLite and commit", "")


def test_quantiles_are_exact_for_few_and_within_two_percent_for_many():
    chance = random.Random(1)
    found, all_of_them = Durations(), []
    assert found.quantile(0.5) is None
    for count in range(1, 20_000):
        seconds = chance.lognormvariate(-7, 1.5)
        found.add([seconds])
        all_of_them.append(seconds)
        if count in (1, 2, 100, EXACT - 1, EXACT, 9_999, 19_999):
            expected = sorted(all_of_them)
            for share in (0.5, 0.95, 1.0):
                exact = expected[max(1, -int(-share * count // 1)) - 1]
                close = 0 if count < EXACT else 0.02
                assert found.quantile(share) == pytest.approx(exact, rel=close), (count, share)
            assert (found.count, found.least, found.most) == (count, expected[0], expected[-1])
    assert len(found._counts) < 2_000
    assert len(found._exact) < EXACT


def test_what_is_kept_stays_bounded():
    curve = Curve()
    for n in range(100_000):
        curve.add(n)
    assert len(curve.points) < POINTS
    assert curve.points == sorted(curve.points)
    assert curve.points[0] == (curve.each - 1) / 2
    channels = Channels()
    for n in range(10_000):
        costs = {"bytes": 2, "seconds": None, "writes": 1, "write_bytes": 1, "write_seconds": 0.0}
        channels.add({"name": f"channel {n}", **costs})
    assert len(channels.costs) == MOST + 1
    assert sum(costs.writes for costs in channels.costs.values()) == 10_000
    assert channels.costs[OTHERS].writes == 10_000 - MOST
    assert sum(costs.bytes for costs in channels.costs.values()) == 20_000


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@profiles
def test_the_page_has_no_script_and_names_no_resource(found):
    tags = Tags()
    tags.feed(found.to_html())
    names = {tag for tag, _ in tags.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    assert not {name for _, attributes in tags.tags for name in attributes if name.startswith("on")}
    assert not {name for _, attributes in tags.tags for name in attributes} & {"src", "href", "srcset", "xlink:href"}
    assert "url(" not in found.to_html()
    assert "@import" not in found.to_html()
    assert "http" not in found.to_html().replace("http-equiv", "")


def test_a_hostile_name_is_shown_as_text():
    tags = Tags()
    tags.feed(FOUND.to_html())
    text = "".join(tags.texts)
    assert "<script>document.title='hacked'</script>" in text
    assert "\x1b" not in text
    assert "\x00" not in text


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def browse(page: Path, *options: str) -> str:
    command = [
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"),
        *(f"--user-data-dir={page.parent / 'browser'}", *options, page.as_uri()),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_the_page_at_any_width_and_runs_nothing_of_it(tmp_path, width):
    # What the page itself must not have: a script that tells what the browser has made of it.
    probe = (
        "<script>addEventListener('load', () => { document.documentElement.dataset.wide = "
        "document.documentElement.scrollWidth; document.documentElement.dataset.bars = "
        "[...document.querySelectorAll('svg rect')].filter(one => one.getBoundingClientRect().width > 0).length; "
        "document.documentElement.dataset.title = document.title })</script>"
    )
    html = FOUND.to_html()
    policy = re.search(r"<meta http-equiv[^>]+>", html).group()
    page = tmp_path / "page.html"
    page.write_text(html.replace(policy, "").replace("</body>", f"{probe}</body>"), encoding="utf-8")
    dom = browse(page, f"--window-size={width},900", "--virtual-time-budget=2000", "--dump-dom")
    root = re.search(r"<html[^>]*>", dom).group()
    # Chromium's window has at least 500 pixels.
    assert int(re.search(r'data-wide="(\d+)"', root).group(1)) <= max(width, 500)
    assert int(re.search(r'data-bars="(\d+)"', root).group(1)) >= 10
    # With the policy taken away, it is escaping alone that keeps names from being run.
    assert 'data-title="Profile of checkpoints"' in root


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium")
def test_a_browser_draws_the_page_without_a_network(tmp_path):
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(FOUND.to_html(), encoding="utf-8")
    browse(page, "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1100,2000", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def test_the_profile_is_imported_only_when_it_is_asked_for():
    script = (
        "import sys, fast_langgraph; assert not [name for name in sys.modules if '_profile' in name]; "
        "fast_langgraph.profile; fast_langgraph.Profile; "
        "assert not [name for name in sys.modules if name.split('.')[0] in ('langgraph', 'opentelemetry', 'langchain_core')]; "
        "assert not [name for name in sys.modules if name.endswith(('_profile.page', '_profile.table', 'telemetry'))]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert "profile" in dir(fast_langgraph)
