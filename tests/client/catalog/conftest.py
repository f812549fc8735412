"""A STAC API on loopback whose honesty can be chosen, and items to serve from it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from scenefleet.catalog import Patience
from scenefleet.recipe.model import Search

Json = dict[str, Any]
CORE = [f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections")]
SEARCH = [*CORE, "https://api.stacspec.org/v1.0.0/item-search"]
QUERY = [*SEARCH, "https://api.stacspec.org/v1.0.0/item-search#query"]
CQL2 = [
    *SEARCH,
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
]
LEVELS = {"search": SEARCH, "query": QUERY, "cql2": CQL2, "core": CORE}


@dataclass
class Api:
    """What the server has and how it behaves; every request is kept."""

    items: list[Json]
    level: str = "search"
    methods: tuple[str, ...] = ("GET", "POST")
    page: int = 1000
    honest: bool = True
    """Whether it applies filters that it is sent."""
    counts: str | None = "numberMatched"
    repeats: bool = False
    """Whether its paging never moves on."""
    lost: int = 0
    """Items it counts but never gives."""
    nothing_for_filters: bool = False
    failures: list[int] = field(default_factory=list)
    """Statuses it answers to the next searches before it works."""
    searches_dates: bool = False
    """Whether it applies `datetime` and `ids`, and obeys `limit`."""
    order: str = ""
    """`falling` or `rising` by time, where it sorts."""
    links: bool = True
    """Whether a page that has a next one says so."""
    count: Callable[[int], int] | None = None
    """What it says match, of how many there are."""
    answers: Callable[[Json, int], Any] | None = None
    """In place of its own: the answer to a search's body and number; JSON, or text as it is."""
    landing: Json | None = None
    extent: Json | None = None
    raw: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """Path -> status, media type, text: answered as it is."""
    url: str = ""
    requests: list[tuple[str, str, Json]] = field(default_factory=list)

    @property
    def searches(self) -> list[tuple[str, Json]]:
        return [(method, body) for method, path, body in self.requests if path == "/search"]

    def answer(self, method: str, path: str, given: Json) -> tuple[int, Any]:
        if path in ("/", ""):
            return 200, self.landing or self._landing()
        if path.startswith("/collections"):
            return self._collections(path)
        if path == "/search":
            if self.failures:
                return self.failures.pop(0), {"description": "not now"}
            if self.answers:
                return 200, self.answers(given, len(self.searches) - 1)
            return 200, self._page(method, given)
        return 404, {"description": "no such page"}

    def _landing(self) -> Json:
        links = [
            {"rel": "search", "href": f"{self.url}search", "type": "application/geo+json"}
            | {"method": method}
            for method in self.methods
        ]
        links.append({"rel": "data", "href": f"{self.url}collections", "type": "application/json"})
        links.append({"rel": "self", "href": self.url, "type": "application/json"})
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "local",
            "description": "local",
            "conformsTo": LEVELS[self.level],
            "links": links,
        }

    def _collections(self, path: str) -> tuple[int, Json]:
        names = sorted({item["collection"] for item in self.items})
        made = [
            {
                "type": "Collection",
                "stac_version": "1.0.0",
                "id": name,
                "description": name,
                "license": "other",
                "extent": self.extent
                or {
                    "spatial": {"bbox": [[-180, -90, 180, 90]]},
                    "temporal": {"interval": [["2015-01-01T00:00:00Z", None]]},
                },
                "links": [],
            }
            for name in names
        ]
        if path == "/collections":
            return 200, {"collections": made, "links": []}
        found = [entry for entry in made if path == f"/collections/{entry['id']}"]
        return (200, found[0]) if found else (404, {"description": "no such collection"})

    def _page(self, method: str, given: Json) -> Json:
        found = self._filtered(given)
        size = min(self.page, int(given["limit"])) if self.searches_dates else self.page
        start = int(given.get("token") or 0)
        shown = found[start : start + size]
        page: Json = {"type": "FeatureCollection", "features": shown, "links": []}
        matched = self.count(len(found)) if self.count else len(found) + self.lost
        if self.counts == "numberMatched":
            page["numberMatched"] = matched
        elif self.counts == "context":
            page["context"] = {"matched": matched, "returned": len(shown)}
        if self.links and (self.repeats or start + size < len(found)):
            token = str(start if self.repeats else start + size)
            page["links"].append(self._next(method, given | {"token": token}))
        return page

    def _next(self, method: str, given: Json) -> Json:
        link = {"rel": "next", "href": f"{self.url}search", "type": "application/geo+json"}
        if method == "POST":
            return link | {"method": "POST", "body": given}
        return link | {"method": "GET", "href": f"{self.url}search?{urlencode(given)}"}

    def _filtered(self, given: Json) -> list[Json]:
        found = [i for i in self._cloudless(given) if not self.searches_dates or _asked(i, given)]
        if self.order:
            found.sort(key=_time, reverse=self.order == "falling")
        return found

    def _cloudless(self, given: Json) -> list[Json]:
        limit = None
        if "filter" in given and self.level == "cql2":
            limit = _limit(given["filter"])
        if "query" in given and self.level == "query":
            limit = given["query"]["eo:cloud_cover"]["lt"]
        if limit is None or not self.honest:
            return self.items
        if self.nothing_for_filters:
            return []
        return [i for i in self.items if i["properties"].get("eo:cloud_cover", 1e9) < limit]


def _time(item: Json) -> datetime:
    told = item["properties"]
    return datetime.fromisoformat(told.get("datetime") or told["start_datetime"])


def _asked(item: Json, given: Json) -> bool:
    """Whether an item's time meets `datetime`, both ends included, and its id is one of `ids`."""
    if given.get("ids") and item["id"] not in given["ids"]:
        return False
    if not given.get("datetime"):
        return True
    start, _, end = given["datetime"].partition("/")
    last = item["properties"].get("end_datetime")
    late = end != ".." and _time(item) > datetime.fromisoformat(end)
    closing = datetime.fromisoformat(last) if last else _time(item)
    return not late and (start == ".." or closing >= datetime.fromisoformat(start))


def _limit(expression: Json) -> float:
    """The cloud limit in the one filter that the tests send, alone or under an `and`."""
    if expression["op"] == "and":
        expression = expression["args"][0]
    assert expression["op"] == "<"
    assert expression["args"][0] == {"property": "eo:cloud_cover"}
    return float(expression["args"][1])


@contextmanager
def _serving(api: Api) -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer("GET", parts.path, dict(parse_qsl(parts.query)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer("POST", self.path, body)

        def _answer(self, method: str, path: str, given: Json) -> None:
            api.requests.append((method, path, given))
            if path in api.raw:
                status, kind, text = api.raw[path]
            else:
                status, value = api.answer(method, path, given)
                kind = "application/json"
                text = value if isinstance(value, str) else json.dumps(value)
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stac_api() -> Iterator[Callable[..., Api]]:
    """`stac_api(items, level="cql2", ...)` starts a server; it ends with the test."""
    with ExitStack() as stack:

        def start(items: list[Json], **options: Any) -> Api:
            return stack.enter_context(_serving(Api(items, **options)))

        yield start


@pytest.fixture
def patience() -> Patience:
    """Does not wait between tries."""
    return Patience(retries=2, backoff=0, timeout=(5, 10))


@pytest.fixture
def item() -> Callable[..., Json]:
    """`item("a", cloud=5, ...)`: a Sentinel-2 item as Planetary Computer makes them."""

    def make(
        name: str,
        *,
        cloud: float | None = 10,
        datetime: str | None = "2023-06-01T10:00:00Z",
        west: float = 5.0,
        collection: str = "sentinel-2-l2a",
        **properties: Any,
    ) -> Json:
        known = {"s2:processing_baseline": "05.09", "datetime": datetime, **properties}
        if cloud is not None:
            known["eo:cloud_cover"] = cloud
        ring = [[west, 52], [west + 1, 52], [west + 1, 53], [west, 53], [west, 52]]
        keys = ("B02", "B03", "B04", "B08", "SCL")
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": collection,
            "bbox": [west, 52, west + 1, 53],
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": known,
            "assets": {
                key: {"href": f"https://files.example/{name}/{key}.tif", "type": "image/tiff"}
                for key in keys
            },
            "links": [],
        }

    return make


@pytest.fixture
def query() -> Callable[..., Search]:
    """`query(catalog, cloud_below=5, ...)`: the search of a recipe, as read."""

    def make(catalog: str | Path, **keys: Any) -> Search:
        return Search.model_validate({"catalog": str(catalog), **keys})

    return make


@pytest.fixture
def collection_file(tmp_path: Path) -> Callable[..., Path]:
    """`collection_file(items)` writes an ItemCollection."""

    def write(items: list[Any], name: str = "items.json") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        return path

    return write
