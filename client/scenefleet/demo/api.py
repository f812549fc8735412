"""The routes of the demo's STAC API (STAC API 1.0, OGC API Features). Loads Starlette."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from scenefleet.demo.query import Query, QueryError, find

CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
]
_JSON, _GEOJSON = "application/json", "application/geo+json"
Json = dict[str, Any]


class Geojson(JSONResponse):
    """An item or a page of items."""

    media_type = _GEOJSON


def application(folder: Path) -> Starlette:
    """The STAC API over the archive in `folder`."""
    archive = _Archive(folder)
    routes = [
        Route("/", archive.landing),
        Route("/conformance", archive.conformance),
        Route("/collections", archive.collections),
        Route("/collections/{collection}", archive.collection),
        Route("/collections/{collection}/items", archive.items),
        Route("/collections/{collection}/items/{item}", archive.item),
        Route("/search", archive.search, methods=["GET", "POST"]),
        Mount("/data", StaticFiles(directory=folder / "data")),
    ]
    handlers = {HTTPException: _failure, QueryError: _failure}
    return Starlette(routes=routes, exception_handlers=cast("Any", handlers))


class _Archive:
    def __init__(self, folder: Path) -> None:
        self._items = cast("list[Json]", _load(folder / "items.json")["features"])
        self._collection = _load(folder / "collection.json")

    async def landing(self, request: Request) -> JSONResponse:
        base = _base(request)
        links = [
            _link("self", base, _JSON),
            _link("root", base, _JSON),
            _link("conformance", f"{base}conformance", _JSON),
            _link("data", f"{base}collections", _JSON),
            _link("child", f"{base}collections/{self._collection['id']}", _JSON),
            {**_link("search", f"{base}search", _GEOJSON), "method": "GET"},
            {**_link("search", f"{base}search", _GEOJSON), "method": "POST"},
        ]
        return JSONResponse(
            {
                "type": "Catalog",
                "stac_version": "1.1.0",
                "id": "scenefleet-demo",
                "title": "Scenefleet's demo",
                "description": "A small archive of made-up scenes.",
                "conformsTo": CONFORMANCE,
                "links": links,
            }
        )

    async def conformance(self, request: Request) -> JSONResponse:  # noqa: ARG002 - a route's form
        return JSONResponse({"conformsTo": CONFORMANCE})

    async def collections(self, request: Request) -> JSONResponse:
        base = _base(request)
        links = [_link("self", f"{base}collections", _JSON), _link("root", base, _JSON)]
        return JSONResponse({"collections": [self._linked(request)], "links": links})

    async def collection(self, request: Request) -> JSONResponse:
        self._check_collection(request)
        return JSONResponse(self._linked(request))

    async def items(self, request: Request) -> Geojson:
        name = self._check_collection(request)
        query = Query.from_text(dict(request.query_params), collections=(name,))
        return self._page(request, query, {**request.query_params})

    async def item(self, request: Request) -> Geojson:
        self._check_collection(request)
        name = request.path_params["item"]
        for item in self._items:
            if item["id"] == name:
                return Geojson(_placed(item, _base(request)))
        raise HTTPException(404, f"no item {name!r}")

    async def search(self, request: Request) -> Geojson:
        if request.method == "GET":
            given = dict(request.query_params)
            return self._page(request, Query.from_text(given), given)
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise QueryError("the body is no JSON") from None
        return self._page(request, Query.from_json(body), body)

    def _page(self, request: Request, query: Query, given: Json) -> Geojson:
        found = find(self._items, query)
        shown = found[query.start : query.start + query.limit]
        end = query.start + len(shown)
        base = _base(request)
        links = [_link("root", base, _JSON), _link("self", str(request.url), _GEOJSON)]
        if end < len(found):
            links.append(_next(request, given, end))
        return Geojson(
            {
                "type": "FeatureCollection",
                "numberMatched": len(found),
                "numberReturned": len(shown),
                "features": [_placed(item, base) for item in shown],
                "links": links,
            }
        )

    def _check_collection(self, request: Request) -> str:
        name = str(request.path_params["collection"])
        if name != self._collection["id"]:
            raise HTTPException(404, f"no collection {name!r}")
        return name

    def _linked(self, request: Request) -> Json:
        base = _base(request)
        own = f"{base}collections/{self._collection['id']}"
        links = [
            _link("self", own, _JSON),
            _link("root", base, _JSON),
            _link("parent", base, _JSON),
            _link("items", f"{own}/items", _GEOJSON),
        ]
        return {**self._collection, "links": links}


def _next(request: Request, given: Json, end: int) -> Json:
    """The link to the page that starts at item `end`, by the method that this one was asked by."""
    address = str(request.url.replace(query=""))
    if request.method == "POST":
        body = {**given, "token": str(end)}
        return {**_link("next", address, _GEOJSON), "method": "POST", "body": body}
    query = urlencode({**given, "token": str(end)})
    return {**_link("next", f"{address}?{query}", _GEOJSON), "method": "GET"}


def _placed(item: Json, base: str) -> Json:
    """The item with absolute hrefs and its links."""
    own = f"{base}collections/{item['collection']}"
    assets = {
        key: {**asset, "href": base + asset["href"].removeprefix("./")}
        for key, asset in item["assets"].items()
    }
    links = [
        _link("self", f"{own}/items/{item['id']}", _GEOJSON),
        _link("collection", own, _JSON),
        _link("parent", own, _JSON),
        _link("root", base, _JSON),
    ]
    return {**item, "assets": assets, "links": links}


def _link(rel: str, href: str, media_type: str) -> Json:
    return {"rel": rel, "href": href, "type": media_type}


def _base(request: Request) -> str:
    return str(request.base_url)


def _load(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))


async def _failure(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - a form
    if isinstance(error, HTTPException):
        body = {"code": str(error.status_code), "description": error.detail}
        return JSONResponse(body, error.status_code)
    return JSONResponse({"code": "400", "description": str(error)}, 400)
