"""Where instances live: providers are stores of Perdure."""

from __future__ import annotations

import importlib
import re
import time
from pathlib import Path
from typing import Any, Callable, Optional, Tuple
from urllib.parse import quote

from .._limits import Limits
from ..store import Store, shown_url
from .errors import NotSupported, translated
from .tasks import MAX_CUSTOM_STATUS_BYTES, MAX_KV_VALUE_BYTES

#: Room for what fits into the limits of this API, whose values are text: a character takes up to six bytes
#: as JSON. Payloads and histories have no limit there.
LIMITS = Limits(
    payload_bytes=64 << 20,
    custom_status_bytes=6 * MAX_CUSTOM_STATUS_BYTES + 2,
    kv_value_bytes=6 * MAX_KV_VALUE_BYTES + 2,
    history_events=1_000_000,
    history_bytes=900 << 20,
    pending_actions=100_000,
    sub_orchestration_depth=1_000_000,
)
#: What tokens for Azure's PostgreSQL are for.
ENTRA_AUDIENCE = "https://ossrdbms-aad.database.windows.net"


class Provider:
    """An open store. Any number of clients and runtimes share it."""

    def __init__(self, store: Store) -> None:
        #: For what only Perdure has: `perdure.Client(provider.store)`.
        self.store = store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown_url(self.store.url)}>"


class SqliteProvider(Provider):
    """A file, or a store in memory."""

    @staticmethod
    @translated
    def open(path: str) -> SqliteProvider:
        """`path`: of the file, or a `sqlite:` URL of it. Makes the file and its folders."""
        if not isinstance(path, str):
            raise TypeError(f"The path must be a str, not {type(path).__name__}.")
        file = _file_of(path)
        if file == ":memory:":
            return SqliteProvider.in_memory()
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Cannot make the folder of {file}: {error}.") from error
        return SqliteProvider(Store(f"sqlite:{file}", limits=LIMITS))

    @staticmethod
    @translated
    def in_memory() -> SqliteProvider:
        """A store of its own, which lives as long as this object and its clients and runtimes."""
        return SqliteProvider(Store("memory:", limits=LIMITS))


def _file_of(path: str) -> str:
    if not path.startswith("sqlite:"):
        return path
    path = path[len("sqlite:") :].partition("?")[0]
    return path[2:] if path.startswith("//") else path


class PostgresEntraOptions:
    """`audience`: of the tokens; `refresh_interval_ms`: how long one is used for new connections, besides the
    limits of its own; `max_connections`: that read and write; `acquire_timeout_ms`: how long a call waits for
    a server that is away. `token_provider`, which only Perdure has: a function that returns a token; without
    one it is the `DefaultAzureCredential` of the package azure-identity.
    """

    def __init__(
        self, *, audience: Optional[str] = None, max_connections: Optional[int] = None,
        acquire_timeout_ms: Optional[int] = None, refresh_interval_ms: Optional[int] = None,
        token_provider: Optional[Callable[[], str]] = None,
    ) -> None:  # fmt: skip
        self.audience = audience
        self.max_connections = max_connections
        self.acquire_timeout_ms = acquire_timeout_ms
        self.refresh_interval_ms = refresh_interval_ms
        self.token_provider = token_provider


class PostgresProvider(Provider):
    """A schema of a PostgreSQL database."""

    @staticmethod
    def connect(database_url: str) -> PostgresProvider:
        """In the schema `public`, which must have no tables of others."""
        return PostgresProvider.connect_with_schema(database_url, "public")

    @staticmethod
    @translated
    def connect_with_schema(database_url: str, schema: str) -> PostgresProvider:
        """Makes the schema and its tables if they are not there."""
        _check_schema(schema)
        joint = "&" if "?" in database_url else "?"
        return PostgresProvider(Store(f"{database_url}{joint}schema={schema}", limits=LIMITS))

    @staticmethod
    def connect_with_entra(
        host: str, port: int, database: str, user: str, options: Optional[Any] = None
    ) -> PostgresProvider:
        """With tokens of Entra for passwords, in the schema `public`."""
        return PostgresProvider.connect_with_schema_and_entra(host, port, database, user, "public", options)

    @staticmethod
    @translated
    def connect_with_schema_and_entra(
        host: str, port: int, database: str, user: str, schema: str, options: Optional[Any] = None
    ) -> PostgresProvider:
        _check_schema(schema)
        given: PostgresEntraOptions = options or PostgresEntraOptions()
        place = f"{quote(user, safe='')}@{host}:{port}/{quote(database, safe='')}"
        url = f"postgresql://{place}?sslmode=require&schema={schema}"
        if given.max_connections is not None:
            # Two write and watch.
            url += f"&pool_size={min(100, max(1, given.max_connections - 2))}"
        timeout = None if given.acquire_timeout_ms is None else given.acquire_timeout_ms / 1000
        tokens = _Tokens(given.token_provider or _azure(given.audience), given.refresh_interval_ms)
        return PostgresProvider(Store(url, limits=LIMITS, busy_timeout=timeout, password=tokens))


class _Tokens:
    """Asks for a token when the last one is older than it may be; always, without an interval."""

    def __init__(self, provider: Callable[[], str], interval_ms: Optional[int]) -> None:
        self._provider = provider
        self._seconds = 0.0 if interval_ms is None else interval_ms / 1000
        self._last: Optional[Tuple[float, str]] = None

    def __call__(self) -> str:
        now = time.monotonic()
        last = self._last
        if last is not None and now - last[0] < self._seconds:
            return last[1]
        token = self._provider()
        self._last = (now, token)
        return token


def _azure(audience: Optional[str]) -> Callable[[], str]:
    try:
        identity = importlib.import_module("azure.identity")
    except ImportError:
        raise NotSupported(
            "Failed to connect to PostgreSQL: tokens of Entra need the package azure-identity, or "
            "PostgresEntraOptions(token_provider=...), a function that returns one. Without, use "
            "PostgresProvider.connect_with_schema(url, schema) with a password or a certificate."
        ) from None
    credential = identity.DefaultAzureCredential()
    scope = f"{(audience or ENTRA_AUDIENCE).rstrip('/')}/.default"

    def token() -> str:
        found: str = credential.get_token(scope).token
        return found

    return token


def _check_schema(schema: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", schema):
        raise RuntimeError(
            f"Failed to connect to PostgreSQL: Invalid schema_name '{schema}': letters, digits and "
            "underscores, and no digit first."
        )
