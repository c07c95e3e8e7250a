"""Encodes input files on any number of machines: one file, a *shard*, into one store.

A shard is encoded under a temporary name beside its store, verified and renamed; then its record is written. So a shard
that is tried again, or by two workers at once, leaves exactly one store, and a store that has its name is whole.
`deformer.ray` spreads shards over a Ray cluster; under Slurm, Kubernetes or a shell loop each process takes its share:

    python -m deformer.shards --model DIR --stores 'lmdb:stores/{stem}' --shard I/N INPUT...
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from ._native import Model, Passage, PassageEncoder, PassageStore, content_id, load_dataset, open_store
from .errors import (
    CorruptError,
    Error,
    IncompatibleError,
    InternalError,
    InvalidArgumentError,
    IoError,
    NotFoundError,
    first_line,
)

ReadPassages = Callable[[str], Iterable[Passage]]
"""Gives the passages of an input file."""

# Passages that are in memory at once, when encoding and when verifying.
_PORTION = 512
LMDB_SCHEME = "lmdb:"
_MEMORY_SCHEME = "memory:"
# What an LMDB store keeps its passages in.
_LMDB_DATA = "data.mdb"


@dataclass(frozen=True)
class Shard:
    """An input file, the store for its passages, and where its record is kept."""

    input: str
    store: str  # a URI
    record: str

    @property
    def folder(self) -> Path | None:
        """Of an LMDB store; None where a server keeps the passages."""
        return Path(self.store.removeprefix(LMDB_SCHEME)) if self.store.startswith(LMDB_SCHEME) else None


@dataclass(frozen=True)
class ShardRecord:
    """What the record of a finished shard says."""

    input: str
    input_bytes: int
    store: str
    fingerprint: str  # of the model
    codec: str
    passages: int
    tokens: int  # that this attempt encoded
    seconds: float
    host: str


def plan_shards(
    inputs: Sequence[str | os.PathLike[str]], store_template: str, manifest: str | os.PathLike[str] | None = None
) -> list[Shard]:
    """One shard for each input file.

    store_template: a URI with `{stem}` (the file's name without endings), `{name}` (with them) or `{index}` (its number
    from 0; `{index:05}` pads it), so that every file has a store of its own: "lmdb:stores/{stem}". A "redis://" URI may
    be without: all files go into one store there. manifest: a folder for the records, one small JSON file a shard; by
    default a record stands beside its store, STORE.json, and a store on a server needs the folder. Raises
    InvalidArgumentError.
    """
    if isinstance(inputs, str | bytes):  # a string is a sequence too, of its letters
        raise InvalidArgumentError(f"paths: expected a list of input files, found the one text {inputs!r}")
    if not inputs:
        raise InvalidArgumentError("paths: expected at least one input file, found none")
    planned = []
    for index, path in enumerate(os.fspath(one) for one in inputs):
        store = _store_of(store_template, path, index)
        planned.append(Shard(path, store, _record_place(path, store, manifest)))
    _require_own_places(planned)
    return planned


def _store_of(store_template: str, path: str, index: int) -> str:
    name = Path(path).name
    stem = name.split(".")[0] or name
    try:
        store = store_template.format(stem=stem, name=name, index=index)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise InvalidArgumentError(
            f"{store_template}: expected {{stem}}, {{name}} or {{index}}, found {first_line(error)}"
        ) from error
    if store.startswith(_MEMORY_SCHEME):
        raise InvalidArgumentError(f"{store}: expected a store that is kept, lmdb: or redis://, found one in memory")
    if store == LMDB_SCHEME:
        raise InvalidArgumentError(f"{store_template}: expected a directory after {LMDB_SCHEME}, found none")
    return store


def _record_place(path: str, store: str, manifest: str | os.PathLike[str] | None) -> str:
    if manifest is not None:
        # A file's name may have bytes that are no text.
        identity = hashlib.blake2b(f"{path}\n{store}".encode(errors="surrogatepass"), digest_size=8).hexdigest()
        return str(Path(manifest) / f"{Path(path).name}-{identity}.json")
    if store.startswith(LMDB_SCHEME):
        return store.removeprefix(LMDB_SCHEME).rstrip("/") + ".json"
    raise InvalidArgumentError(
        f"{store}: expected a manifest folder for records of a store that is not lmdb:, found none"
    )


def _require_own_places(planned: Sequence[Shard]) -> None:
    seen: dict[str, Shard] = {}
    for shard in planned:
        key = shard.store if shard.folder else shard.record
        other = seen.setdefault(key, shard)
        if other is not shard:
            raise InvalidArgumentError(
                f"{shard.store}: expected a store for one input, found {other.input} and {shard.input}"
            )


def read_passages(path: str) -> Iterator[Passage]:
    """The passages of a file: *.jsonl has `{"id", "text"}` a line (without an id: its content id), *.json is a SQuAD
    file, whose contexts are known by content id."""
    if path.endswith(".jsonl"):
        yield from _read_lines(path)
    elif path.endswith(".json"):
        for text in load_dataset(path, use="passages").passages:
            yield Passage(content_id(text), text)
    else:
        raise InvalidArgumentError(
            f"{path}: expected *.jsonl or *.json (SQuAD), or a function that reads it, found another name"
        )


def _read_lines(path: str) -> Iterator[Passage]:
    try:
        lines = open(path, "rb")
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: expected a file, found none") from error
    with lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _passage_of(line, f"{path}:{number}")


def _passage_of(line: bytes, place: str) -> Passage:
    try:
        row = json.loads(line.decode())
        text, identity = row["text"], row.get("id")
        if isinstance(identity, int) and not isinstance(identity, bool):
            identity = str(identity)
        if not isinstance(text, str) or not isinstance(identity, str | None):
            raise TypeError("id and text of another type")
        if identity == "":
            raise ValueError("an empty id")
        for one in (text, identity or ""):
            one.encode()  # no half of a surrogate pair, which JSON can name
        return Passage(content_id(text) if identity is None else identity, text)
    except RecursionError as error:
        raise CorruptError(f'{place}: expected an object with "id" and "text", found one nested too deep') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f'{place}: expected an object with "id" and "text", found {first_line(error)}') from error


def passages_of(path: str, read: ReadPassages) -> Iterator[Passage]:
    """What `read` gives of an input; what the system refuses it is NotFoundError or IoError of that input."""
    try:
        yield from read(path)
    except Error:  # some of which are an OSError too
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: {first_line(error)}") from error
    except OSError as error:
        raise IoError(f"{path}: {first_line(error)}") from error


def read_record(shard: Shard) -> ShardRecord | None:
    """None where the shard is not finished. Raises CorruptError and IoError."""
    try:
        fields = json.loads(Path(shard.record).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoError(f"{shard.record}: expected a record, found {first_line(error)}") from error
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{shard.record}: expected a record in JSON, found {first_line(error)}") from error
    try:
        return ShardRecord(**fields)
    except TypeError as error:
        raise CorruptError(f"{shard.record}: expected the fields of a record, found {first_line(error)}") from error


def finished_record(shard: Shard) -> ShardRecord | None:
    """The shard's record, where its store is there too. Raises CorruptError and IoError."""
    record = read_record(shard)
    return record if shard.folder is None or _has_store(shard.folder) else None


def _has_store(folder: Path) -> bool:
    """Whether a store has its place. An empty folder is none: the store replaces it by its rename. Raises CorruptError
    for a folder of other things, into which no store may be written."""
    try:
        if not folder.is_dir() or not any(folder.iterdir()):
            return False
        if (folder / _LMDB_DATA).is_file():
            return True
    except OSError as error:
        raise IoError(f"{folder}: expected a store or nothing, found {first_line(error)}") from error
    raise CorruptError(f"{folder}: expected an LMDB store or nothing, found a folder without {_LMDB_DATA}")


class ShardEncoder:
    """Encodes shards with one model, one after the other. Not safe for concurrent calls; use one a process."""

    def __init__(
        self,
        model: Model,
        *,
        codec: str = "fp16",
        batch_tokens: int = 4096,
        read: ReadPassages = read_passages,
    ) -> None:
        """codec: how states are kept. batch_tokens: most tokens of one pass and one commit. read: gives a file's
        passages."""
        self._model = model
        self._codec = codec
        self._batch_tokens = batch_tokens
        self._read = read

    def finished(self, shard: Shard) -> ShardRecord | None:
        """The shard's record, where it is finished and its store is there. Raises IncompatibleError where that was
        another model or codec, or the input has changed since."""
        record = finished_record(shard)
        if record is not None:
            self._require_same(shard, record)
        return record

    def _require_same(self, shard: Shard, record: ShardRecord) -> None:
        for what, expected, found in (
            ("the model", self._model.fingerprint, record.fingerprint),
            ("bytes of the input", _size(shard.input), record.input_bytes),
            ("codec", self._codec, record.codec),
        ):
            if expected != found:
                raise IncompatibleError(
                    f"{shard.record}: {what}: expected {expected}, found {found}; "
                    "remove record and store to encode it again"
                )

    def encode(self, shard: Shard) -> ShardRecord:
        """Encodes a shard that is not finished, and returns its record in any case. Safe to repeat, and to run in
        several processes at once: the first whole result stays. Whatever goes wrong, in the function that reads the
        input too, is an Error of the library, so that a caller can go on with the next shard."""
        try:
            record = self.finished(shard) or self._encoded_once(shard)
            _remove_partial(shard)
        except Error:
            raise
        except OSError as error:
            raise IoError(f"{shard.store}: {first_line(error)}") from error
        except Exception as error:
            raise InternalError(f"{shard.input}: {type(error).__name__}: {first_line(error)}") from error
        return record

    def _encoded_once(self, shard: Shard) -> ShardRecord:
        try:
            record = self._encoded(shard)
        except Exception:
            # Another worker may have finished, and have removed what this one was writing.
            if other := self.finished(shard):
                return other
            raise
        self._require_same(shard, record)  # a store that was in its place may have another codec
        return record

    def _encoded(self, shard: Shard) -> ShardRecord:
        begin = time.monotonic()
        passages, tokens, codec = self._encode_into_place(shard)
        record = ShardRecord(
            shard.input, _size(shard.input), shard.store, self._model.fingerprint, codec, passages, tokens,
            round(time.monotonic() - begin, 3), socket.gethostname(),
        )  # fmt: skip
        with write_whole(Path(shard.record)) as file:
            file.write(json.dumps(asdict(record)) + "\n")
        return record

    def _encode_into_place(self, shard: Shard) -> tuple[int, int, str]:
        """Passages of the shard, tokens that were encoded, and the codec."""
        _size(shard.input)  # it is there
        folder = shard.folder
        if folder is None:
            store = open_store(shard.store, self._model)
            tokens, passages = self._fill(store, shard)
            self._verify(store, shard, passages, exact=False)
            return len(passages), tokens, self._codec
        if _has_store(folder):  # a worker ended between renaming and recording
            return self._verify_placed(shard)
        partial = folder.with_name(f"{folder.name}.partial-{secrets.token_hex(8)}")
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            tokens, passages = self._fill(open_store(f"{LMDB_SCHEME}{partial}", self._model), shard)
            self._verify(open_store(f"{LMDB_SCHEME}{partial}", self._model), shard, passages, exact=True)
            try:
                partial.rename(folder)
            except OSError:  # not empty: another worker was first
                if not _has_store(folder):
                    raise
                return self._verify_placed(shard)
            _sync_folder(folder.parent)
            return len(passages), tokens, self._codec
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _fill(self, store: PassageStore, shard: Shard) -> tuple[int, dict[str, str]]:
        """Tokens that were encoded, and the content id of each passage."""
        encoder = PassageEncoder(self._model, store)
        tokens = 0
        contents: dict[str, str] = {}
        for portion in self._portions(shard, contents):
            tokens += encoder.encode(portion, batch_tokens=self._batch_tokens, codec=self._codec).tokens
        if not contents:
            raise InvalidArgumentError(f"{shard.input}: expected passages, found none")
        return tokens, contents

    def _portions(self, shard: Shard, contents: dict[str, str]) -> Iterator[list[Passage]]:
        """The passages, each id once; fills `contents`."""
        passages = passages_of(shard.input, self._read)
        while portion := list(islice(passages, _PORTION)):
            fresh = []
            for passage in portion:
                content = content_id(passage.text)
                known = contents.setdefault(passage.id, content)  # this very object where the id is new
                if known != content:
                    raise InvalidArgumentError(
                        f"{shard.input}: expected one text a passage, found two with the id {passage.id}"
                    )
                if known is content:
                    fresh.append(passage)
            yield fresh

    def _verify_placed(self, shard: Shard) -> tuple[int, int, str]:
        """As _encode_into_place(), for a store that has its place; the codec is what it holds."""
        contents: dict[str, str] = {}
        for _ in self._portions(shard, contents):
            pass
        codecs = self._verify(open_store(shard.store, self._model), shard, contents, exact=True)
        return len(contents), 0, " and ".join(sorted(codecs)) or self._codec

    def _verify(self, store: PassageStore, shard: Shard, contents: dict[str, str], *, exact: bool) -> set[str]:
        """Reads every passage back, which checks its record and checksum. exact: the store holds no others. Returns the
        codecs that were found."""
        store.check()
        codecs = set()
        identities = iter(contents)
        while portion := list(islice(identities, _PORTION)):
            for identity, encoded in zip(portion, store.get(portion)):
                if encoded is None or content_id(encoded.text) != contents[identity]:
                    found = "none" if encoded is None else "another text"
                    raise CorruptError(f"{shard.store}: expected passage {identity} of {shard.input}, found {found}")
                codecs.add(encoded.codec)
        if exact and len(store) != len(contents):
            raise CorruptError(f"{shard.store}: expected {len(contents)} passages of {shard.input}, found {len(store)}")
        return codecs


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: expected an input file, found none") from error
    except OSError as error:
        raise IoError(f"{path}: expected an input file, found {first_line(error)}") from error


@contextmanager
def write_whole(path: Path) -> Iterator[TextIO]:
    """A file that appears whole or not at all: written under a temporary name, synced, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(8)}")
    try:
        with open(partial, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_partial(shard: Shard) -> None:
    """What workers that were killed have left of a finished shard. One that still writes there finds the shard
    finished."""
    places = [Path(shard.record)] if shard.folder is None else [Path(shard.record), shard.folder]
    for folder in {place.parent for place in places}:
        begins = tuple(f"{place.name}.partial-" for place in places if place.parent == folder)
        with os.scandir(folder) as entries:  # of names: there may be many thousands beside
            left = [entry.name for entry in entries if entry.name.startswith(begins)]
        for name in left:
            _remove(folder / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # another's: it harms nobody
            path.unlink(missing_ok=True)


def _share(text: str) -> tuple[int, int]:
    """`I/N` as numbers."""
    try:
        number, count = map(int, text.split("/"))
    except ValueError:
        number, count = 0, 0
    if not 1 <= number <= count:
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, found {text}")
    return number, count


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deformer.shards", description="Encodes input files, each into a store of its own."
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="*.jsonl (id, text) or *.json (SQuAD)")
    parser.add_argument("--model", required=True, metavar="DIR")
    parser.add_argument(
        "--stores", required=True, metavar="URI", help="with {stem}, {name} or {index}: lmdb:stores/{stem}"
    )
    parser.add_argument("--manifest", metavar="DIR", help="folder of the records; by default beside the stores")
    parser.add_argument("--shard", type=_share, default=(1, 1), metavar="I/N", help="every N-th input from the I-th")
    parser.add_argument("--codec", default="fp16", help="fp32, fp16 or int8")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the record of each shard, a line; the exit status is 1 where one failed, after the others."""
    given = _arguments(arguments)
    number, count = given.shard
    failed = 0
    try:
        planned = plan_shards(given.inputs, given.stores, given.manifest)[number - 1 :: count]
        model = Model.load(given.model, precision=given.precision, threads=given.threads)
        encoder = ShardEncoder(model, codec=given.codec, batch_tokens=given.batch_tokens)
    except Error as error:
        print(f"deformer.shards: error: {error}", file=sys.stderr)
        return 1
    for shard in planned:
        try:
            print(json.dumps(asdict(encoder.encode(shard))), flush=True)
        except Error as error:
            failed += 1
            print(f"deformer.shards: error: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
