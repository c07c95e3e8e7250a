"""What the library raises. Every message is one line: where, what was expected, what was found."""

from __future__ import annotations


class Error(Exception):
    """An error of the library. `code` is its kind, as the command-line tool and the service name it."""

    code = "internal error"


class InvalidArgumentError(Error, ValueError):
    """A value is out of range or contradicts another one."""

    code = "invalid argument"


class NotFoundError(Error, FileNotFoundError, LookupError):
    """A file, a key or a passage is absent."""

    code = "not found"


class CorruptError(Error, ValueError):
    """Data is malformed, truncated or fails its checksum."""

    code = "corrupt data"


class IncompatibleError(Error, ValueError):
    """Data is well-formed but belongs to another model, version or shape."""

    code = "incompatible"


class UnsupportedError(Error, NotImplementedError):
    """A combination that this build or machine cannot run."""

    code = "unsupported"


class ResourceExhaustedError(Error, MemoryError):
    """Out of memory, disk or map space."""

    code = "resource exhausted"


class IoError(Error, OSError):
    """The operating system or a server refused or failed."""

    code = "input/output error"


class CancelledError(Error):
    """The caller no longer wants the result."""

    code = "cancelled"


class TimedOutError(Error, TimeoutError):
    """The time given was over before there was a result."""

    code = "timed out"


class OverloadedError(Error):
    """More waits than there is room for: come back later."""

    code = "overloaded"


class InternalError(Error, RuntimeError):
    """A broken invariant: a bug of the library."""


_KINDS: dict[str, type[Error]] = {
    kind.code: kind
    for kind in (
        InvalidArgumentError,
        NotFoundError,
        CorruptError,
        IncompatibleError,
        UnsupportedError,
        ResourceExhaustedError,
        IoError,
        CancelledError,
        TimedOutError,
        OverloadedError,
        InternalError,
    )
}


def from_code(code: str, message: str) -> Error:
    """The exception of a kind of error; the extension module calls it."""
    # A message of a service or of another library may have lines.
    return _KINDS.get(code, InternalError)(" ".join(message.splitlines()))


def first_line(error: BaseException) -> str:
    """What another library's exception says, as part of a message of ours: one line, that every terminal and every
    other process can take."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].encode(errors="backslashreplace").decode()
