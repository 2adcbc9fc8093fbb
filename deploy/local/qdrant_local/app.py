"""The HTTP side: routes, decoding, Qdrant's envelope around answers and errors, the API key, upkeep as a background task."""

from __future__ import annotations

import asyncio
import hmac
import importlib.metadata
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from qdrant_local import indexes, metrics, schema, writes
from qdrant_local.errors import ServerError, engine_errors
from qdrant_local.filters import optional_filter
from qdrant_local.store import Store
from qdrant_local.upkeep import Upkeep

#: The version of Qdrant's REST API that is spoken here: that of the client which the contract suite runs with. Clients compare it
#: with their own.
API_VERSION = importlib.metadata.version("qdrant-client")

_LOG = logging.getLogger(__name__)

#: Answers a request: (store, request, decoded body or None) → the JSON value of `result`.
Handler = Callable[[Store, Request, Any], Awaitable[Any]]


def create_app(store: Store, api_key: str | None = None) -> Starlette:
    """Build the application over an open store; it closes the store when it shuts down.

    Args:
        store: The data.
        api_key: What clients must send as `api-key` or bearer token; None lets every client in.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        gauges = metrics.CollectionGauges(lambda: {name: collection.points for name, collection in store.items()})
        metrics.REGISTRY.register(gauges)
        upkeep = Upkeep(store)
        task = asyncio.create_task(upkeep.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            store.close()
            metrics.REGISTRY.unregister(gauges)

    def guard(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if api_key is not None and not _has_key(request, api_key):
                return _error(401, "Must provide a valid API key (header api-key) or bearer token", time.perf_counter())
            return await endpoint(request)

        return guarded

    routes = [
        Route("/", _version, methods=["GET"]),
        *(Route(path, _alive, methods=["GET"]) for path in ("/healthz", "/readyz", "/livez")),
        Route("/metrics", guard(_metrics), methods=["GET"]),
        *(
            Route(path, guard(_endpoint(store, path, body, handler)), methods=[method])
            for method, path, body, handler in ROUTES
        ),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such_route})


def _endpoint(
    store: Store, path: str, body_type: type[Any] | None, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    decoder = None if body_type is None else msgspec.json.Decoder(body_type)

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        try:
            body = None if decoder is None else decoder.decode(await request.body())
            with engine_errors():
                response = _answer(await handler(store, request, body), started)
        except msgspec.DecodeError as error:
            message = f"Format error in JSON body: {error}"
            if "unknown field" in message:
                message += "; it is misspelt or not supported by the local server"
            response = _error(400, message, started)
        except ServerError as error:
            if error.status_code >= 500:
                _LOG.exception("%s %s failed", request.method, request.url.path)
            response = _error(error.status_code, str(error), started)
        except Exception as error:  # noqa: BLE001 - the boundary of the process: logged and answered
            _LOG.exception("%s %s failed", request.method, request.url.path)
            response = _error(500, f"Service internal error: {type(error).__name__}: {error}", started)
        metrics.RESPONSES.labels(request.method, path, response.status_code).inc()
        metrics.RESPONSE_SECONDS.labels(request.method, path).observe(time.perf_counter() - started)
        return response

    return endpoint


def _answer(result: Any, started: float) -> Response:
    content = {"result": result, "status": "ok", "time": time.perf_counter() - started}
    return Response(msgspec.json.encode(content), media_type="application/json")


def _error(status_code: int, message: str, started: float) -> Response:
    content = {"status": {"error": message}, "time": time.perf_counter() - started}
    return Response(msgspec.json.encode(content), status_code, media_type="application/json")


def _has_key(request: Request, api_key: str) -> bool:
    given = request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(), api_key.encode())


async def _no_such_route(request: Request, _error_: Exception) -> Response:
    message = f"{request.method} {request.url.path} is not supported by the local server; use a real Qdrant for it"
    # Not the 404 of a web server: callers take that for a missing collection.
    return _error(400, message, time.perf_counter())


async def _version(_: Request) -> Response:
    content = {"title": "docgraph's local server over Qdrant's engine", "version": API_VERSION}
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _alive(_: Request) -> Response:
    return PlainTextResponse("healthz check passed")


async def _metrics(_: Request) -> Response:
    return PlainTextResponse(metrics.render(), media_type="text/plain; version=0.0.4")


def _durable(request: Request) -> bool:
    return request.query_params.get("wait") == "true"


def _name(request: Request) -> str:
    return str(request.path_params["name"])


# Collections


async def _list_collections(store: Store, _request: Request, _body: None) -> Any:
    return {"collections": [{"name": name} for name in store.names()]}


async def _create_collection(store: Store, request: Request, body: schema.CreateCollection) -> Any:
    store.create(_name(request), body)
    return True


async def _describe_collection(store: Store, request: Request, _body: None) -> Any:
    return store.collection(_name(request)).describe()


async def _collection_exists(store: Store, request: Request, _body: None) -> Any:
    return {"exists": store.exists(_name(request))}


async def _delete_collection(store: Store, request: Request, _body: None) -> Any:
    return store.delete(_name(request))


async def _create_index(store: Store, request: Request, body: schema.CreateFieldIndex) -> Any:
    collection = store.collection(_name(request))
    return await collection.write(writes.Write(indexes.to_operation(body)), durable=_durable(request))


# Points


async def _upsert(store: Store, request: Request, body: schema.Upsert) -> Any:
    collection = store.collection(_name(request))
    return await collection.write(writes.upsert(body, collection.sizes), durable=_durable(request))


async def _delete(store: Store, request: Request, body: schema.Selector) -> Any:
    collection = store.collection(_name(request))
    return await collection.write(writes.delete(body), durable=_durable(request))


async def _retrieve(store: Store, request: Request, body: schema.Retrieve) -> Any:
    return store.collection(_name(request)).retrieve(body)


async def _scroll(store: Store, request: Request, body: schema.Scroll) -> Any:
    return store.collection(_name(request)).scroll(body)


async def _count(store: Store, request: Request, body: schema.Count) -> Any:
    return {"count": store.collection(_name(request)).count(optional_filter(body.filter))}


async def _query(store: Store, request: Request, body: schema.Query) -> Any:
    return store.collection(_name(request)).query(body)


_COLLECTION = "/collections/{name}"

ROUTES: list[tuple[str, str, type[Any] | None, Handler]] = [
    ("GET", "/collections", None, _list_collections),
    ("PUT", _COLLECTION, schema.CreateCollection, _create_collection),
    ("GET", _COLLECTION, None, _describe_collection),
    ("DELETE", _COLLECTION, None, _delete_collection),
    ("GET", _COLLECTION + "/exists", None, _collection_exists),
    ("PUT", _COLLECTION + "/index", schema.CreateFieldIndex, _create_index),
    ("PUT", _COLLECTION + "/points", schema.Upsert, _upsert),
    ("POST", _COLLECTION + "/points", schema.Retrieve, _retrieve),
    ("POST", _COLLECTION + "/points/delete", schema.Selector, _delete),
    ("POST", _COLLECTION + "/points/scroll", schema.Scroll, _scroll),
    ("POST", _COLLECTION + "/points/count", schema.Count, _count),
    ("POST", _COLLECTION + "/points/query", schema.Query, _query),
]
