"""Readers for single values of the stack configuration, one for each type.

The provider process receives the raw configuration: every value is a string, and objects and lists are JSON. Typed
values are accepted as well. A message names the key and what its value should be, and never quotes the value: any key
may hold a secret.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ..share import account_id_problem, as_account_id


def set_without_path(key: str) -> str:
    """Return `a` for a key like `a.b` or `a[0]`, which was set without `--path`; empty for other keys."""
    root = re.split(r"[.\[]", key, maxsplit=1)[0]
    return root if root != key else ""


def flat_key_problem(key: str) -> str:
    """Return the message for a key that was set without `--path`."""
    return (
        f"{key} was set without --path, so it is one flat key: remove it with `pulumi config rm`, and set it again "
        "with --path"
    )


def string(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return a string; None if it is not set or empty. `at` is what precedes `key` in its full name."""
    value = values.get(key)
    if isinstance(value, (int, float)):  # `pulumi config set --path` stores digits as a number, and true as a boolean
        raise ConfigurationError(f"{at}{key} must be a string: put it in quotes")
    if value is not None and not (isinstance(value, str) and _can_be_sent(value)):
        raise ConfigurationError(f"{at}{key} must be a string")
    return value or None


def flag(values: Mapping[str, object], key: str, at: str) -> bool | None:
    """Return a boolean, written `true` or `false`; None if it is not set."""
    value = values.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{at}{key} must be true or false")


def whole_number(values: Mapping[str, object], key: str, at: str) -> int | None:
    """Return a whole number, 0 or more; None if it is not set."""
    value = values.get(key)
    if value is None or value == "":
        return None
    # Python refuses to convert strings of several thousand digits.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    # In JSON, and so in Pulumi's property values, a whole number may arrive as a float.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and value.is_integer() and value >= 0:
        return int(value)
    raise ConfigurationError(f"{at}{key} must be a whole number, 0 or more")


def choice(allowed: list[str]) -> Callable[[Mapping[str, object], str, str], str | None]:
    """Return a reader that accepts one of the strings `allowed`; it returns None if the key is not set."""

    def read(values: Mapping[str, object], key: str, at: str) -> str | None:
        value = values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or value not in allowed:
            raise ConfigurationError(f"{at}{key} must be {', '.join(allowed[:-1])} or {allowed[-1]}")
        return value

    return read


def made_of(symbols: str, most: int) -> Callable[[Mapping[str, object], str, str], str | None]:
    """Return a reader that accepts 2 to `most` ASCII letters, digits, `_` or `symbols`.

    The reader returns None if the key is not set or empty.
    """

    def read(values: Mapping[str, object], key: str, at: str) -> str | None:
        value = string(values, key, at)
        if value and not re.fullmatch(rf"[\w{re.escape(symbols)}]{{2,{most}}}", value, re.ASCII):
            raise ConfigurationError(f"{at}{key} must be 2 to {most} letters, digits or _{symbols}")
        return value

    return read


def strings(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...] | None:
    """Return a list of strings; None if it is not set or empty."""
    items = _items(values, key, at, "a list of strings")
    if not all(isinstance(item, str) and item for item in items):
        raise ConfigurationError(f"{at}{key} must be a list of strings (as JSON)")
    return tuple(str(item) for item in items) or None


def objects(values: Mapping[str, object], key: str, at: str) -> tuple[dict[str, object], ...] | None:
    """Return a list of objects; None if it is not set or empty."""
    items = _items(values, key, at, "a list of objects")
    if not all(isinstance(item, dict) for item in items):
        raise ConfigurationError(f"{at}{key} must be a list of objects (as JSON)")
    return tuple(dict(item) for item in items) or None


def an_object(values: Mapping[str, object], key: str, at: str) -> dict[str, object] | None:
    """Return an object; None if it is not set or empty."""
    value = _from_json(values, key)
    if value is not None and not isinstance(value, dict):
        raise ConfigurationError(f"{at}{key} must be an object (as JSON)")
    return dict(value) if value else None


def account_ids(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...] | None:
    """Return a list of account ids, 12 digits each; None if it is not set or empty."""
    given = _from_json(values, key)
    ids = tuple(map(as_account_id, given)) if isinstance(given, list | tuple) else None
    if given is not None and (ids is None or any(map(account_id_problem, ids))):
        raise ConfigurationError(
            f'{at}{key} must be a list of account ids of 12 digits in quotes, e.g. ["012345678905"]'
        )
    return ids or None


def url(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return the URL of an endpoint, which must not contain a password; None if it is not set or empty."""
    value = string(values, key, at)
    host = urlsplit(value).hostname or "" if value and _is_url(value) else ""
    if "_" in host and _is_host(host.replace("_", "")):
        raise ConfigurationError(f"{at}{key} has a host name with _, which botocore does not accept: use another name")
    if value and not _is_host(host):
        raise ConfigurationError(f"{at}{key} must be a URL that starts with http:// or https://")
    if value and "@" in urlsplit(value).netloc:
        # Every connection error would print it, and AWS takes no password there.
        raise ConfigurationError(f"{at}{key} must be a URL without a user or password")
    return value


def proxy(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return the URL of a proxy, whose scheme may be missing; an empty string for no proxy; None if it is not set."""
    if values.get(key) == "":
        return ""
    value = string(values, key, at)
    full = value if not value or "://" in value else f"http://{value}"
    if full and not (_is_url(full) and full.endswith((urlsplit(full).netloc, f"{urlsplit(full).netloc}/"))):
        raise ConfigurationError(f"{at}{key} must be the URL of a proxy, e.g. http://proxy.example.com:3128")
    return value


def file(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return the path of a file that exists; None if it is not set or empty."""
    value = string(values, key, at)
    return _existing_file(value, f"{at}{key}") if value else None


def single_file(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return the path in a list of one file, which must exist; None if it is not set or empty."""
    files = strings(values, key, at)
    if files and len(files) > 1:
        raise ConfigurationError(f"{at}{key} must be a list of one file: botocore reads only one")
    return _existing_file(files[0], f"{at}{key}") if files else None


def expanded(path: str) -> str:
    """Return a path with `~` replaced by the home folder."""
    try:
        return os.path.expanduser(path)
    except ValueError:  # it contains a NUL, so no such file can exist
        return path


def _existing_file(path: str, name: str) -> str:
    path = expanded(path)
    if not os.path.isfile(path):
        raise ConfigurationError(f"{name} must name a file that exists")
    return path


def _can_be_sent(value: object) -> bool:
    """Tell whether all strings in `value` are valid Unicode: JSON can contain half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(values: Mapping[str, object], key: str, at: str, what: str) -> list[Any]:
    value = _from_json(values, key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise ConfigurationError(f"{at}{key} must be {what} (as JSON)")
    return list(value)


def _from_json(values: Mapping[str, object], key: str) -> object:
    value = values.get(key)
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value) if value else None
    except (ValueError, RecursionError):
        return value  # a string, which the caller refuses because of its type
    return parsed if _can_be_sent(parsed) else value


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_host(name: str) -> bool:
    """Tell whether botocore accepts `name` as the host of an endpoint."""
    label = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
    return ":" in name or bool(re.fullmatch(rf"({label}\.)*{label}\.?", name))
