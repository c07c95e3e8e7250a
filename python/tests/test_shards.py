"""Shards: one input, one whole store, whatever happens to the workers. No Ray here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import deformer
from conftest import GOLDEN, ROOT
from deformer.shards import Shard, ShardEncoder, plan_shards, read_passages, read_record

MODEL = GOLDEN / "models" / "bert-split"
WORDS = ("the king", "of the city", "was in many", "and the first", "river is the")


def write_inputs(folder: Path, files: int = 3, passages: int = 8) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in range(files):
        rows = [{"id": f"{file}-{i}", "text": f"{WORDS[i % 5]} {WORDS[(i + file) % 5]} {i}"} for i in range(passages)]
        paths.append(folder / f"part-{file}.jsonl")
        paths[-1].write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return paths


def template(folder: Path) -> str:
    return f"lmdb:{folder / 'stores'}/{{stem}}"


def assert_whole(shards: list[Shard], model: deformer.Model) -> None:
    """Every passage once, no store and no file more."""
    for shard in shards:
        store = deformer.open_store(shard.store, model)
        store.check()
        expected = {passage.id: passage.text for passage in read_passages(shard.input)}
        assert len(store) == len(expected)
        for encoded in store.get(list(expected)):
            assert encoded is not None and encoded.text == expected[encoded.id]
        record = read_record(shard)
        assert record is not None and record.passages == len(expected)
    for folder in {shard.folder.parent for shard in shards if shard.folder}:
        names = {shard.folder.name for shard in shards if shard.folder}
        assert {path.name for path in folder.iterdir()} == names | {f"{name}.json" for name in names}


@pytest.fixture
def encoder(split_model: deformer.Model) -> ShardEncoder:
    return ShardEncoder(split_model)


def test_each_input_gets_a_store_of_its_own(encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path) -> None:
    shards = plan_shards(write_inputs(tmp_path), template(tmp_path))
    records = [encoder.encode(shard) for shard in shards]
    assert_whole(shards, split_model)
    assert [record.passages for record in records] == [8, 8, 8]
    assert all(record.tokens > 0 and record.fingerprint == split_model.fingerprint for record in records)
    assert [encoder.encode(shard) for shard in shards] == records  # finished: nothing is done


def test_a_worker_that_ended_before_the_record_is_followed_by_one_that_verifies(
    encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path
) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    encoder.encode(shard)
    Path(shard.record).unlink()
    record = encoder.encode(shard)
    assert (record.passages, record.tokens) == (8, 0)
    assert_whole([shard], split_model)


def test_what_killed_workers_left_is_removed(
    encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path
) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    left = Path(f"{shard.folder}.partial-0123")
    left.mkdir(parents=True)
    (left / "data.mdb").write_bytes(b"half")
    encoder.encode(shard)
    assert_whole([shard], split_model)


def test_two_workers_at_once_leave_one_result(split_model: deformer.Model, tmp_path: Path) -> None:
    shards = plan_shards(write_inputs(tmp_path, files=4), template(tmp_path))
    ready = threading.Barrier(4)
    failures = []

    def work() -> None:
        encoder = ShardEncoder(split_model)
        for shard in shards:
            ready.wait()
            try:
                encoder.encode(shard)
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_whole(shards, split_model)


def test_a_store_that_lacks_a_passage_is_not_recorded(
    encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path
) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    encoder.encode(shard)
    Path(shard.record).unlink()
    deformer.open_store(shard.store, split_model).erase(["0-3"])
    with pytest.raises(deformer.CorruptError, match="expected passage 0-3 of .*part-0.jsonl, found none"):
        encoder.encode(shard)
    assert read_record(shard) is None


def test_another_model_or_input_is_refused(encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    encoder.encode(shard)
    with pytest.raises(deformer.IncompatibleError, match="the model: expected"):
        ShardEncoder(split_model.with_split_layer(1)).encode(shard)
    with open(shard.input, "a", encoding="utf-8") as file:
        file.write('{"id": "more", "text": "the king"}\n')
    with pytest.raises(deformer.IncompatibleError, match="bytes of the input: expected"):
        encoder.encode(shard)


def test_an_id_may_be_an_integer(encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path) -> None:
    (path,) = write_inputs(tmp_path, files=1, passages=0)
    rows = [f'{{"id": {digits}, "text": "the king"}}\n' for digits in ("262", "-0", "9" * 30)]
    path.write_text("".join(rows), encoding="utf-8")
    (shard,) = plan_shards([path], template(tmp_path))
    encoder.encode(shard)
    ids = sorted(deformer.open_store(shard.store, split_model).list_ids())
    assert ids == ["0", "262", "9" * 30]
    tool = f"lmdb:{tmp_path / 'by-the-tool'}"
    command = [sys.executable, "-m", "deformer", "encode", "--model", str(MODEL), "--store", tool, "--jsonl", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert sorted(deformer.open_store(tool, split_model).list_ids()) == ids


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "part-0.jsonl:9: expected an object"),
        ('{"id": "x"}', "part-0.jsonl:9: expected an object"),
        ('{"id": "", "text": "the"}', "part-0.jsonl:9: expected an object .* an empty id"),
        ('{"id": 7.5, "text": "the"}', "part-0.jsonl:9: expected an object"),
        ('["the"]', "part-0.jsonl:9: expected an object"),
        ('{"id": "0-1", "text": "another"}', "expected one text a passage, found two with the id 0-1"),
        ('{"text": "caf\udce9"}', "part-0.jsonl:9: expected an object"),  # a byte of Latin-1
        (r'{"text": "the \ud800 king"}', "part-0.jsonl:9: expected an object"),
        (r'{"id": "\ud800", "text": "the king"}', "part-0.jsonl:9: expected an object"),
        ("[" * 100_000, "part-0.jsonl:9: expected an object .* nested too deep"),
    ],
    ids=lambda value: value[:40].encode("unicode_escape").decode(),
)
def test_a_broken_input_leaves_nothing(encoder: ShardEncoder, tmp_path: Path, line: str, message: str) -> None:
    (path,) = write_inputs(tmp_path, files=1)
    with open(path, "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(line + "\n")
    (shard,) = plan_shards([path], template(tmp_path))
    with pytest.raises(deformer.Error, match=message):
        encoder.encode(shard)
    assert list((tmp_path / "stores").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (ZeroDivisionError("no\nlines"), deformer.InternalError, "part-0.jsonl: ZeroDivisionError: no$"),
        (RecursionError(), deformer.InternalError, "part-0.jsonl: RecursionError: RecursionError$"),
        (PermissionError(13, "denied"), deformer.IoError, "part-0.jsonl: .*denied$"),
        (FileNotFoundError(2, "gone"), deformer.NotFoundError, "part-0.jsonl: .*gone$"),
    ],
    ids=str,
)
def test_what_a_function_raises_is_of_its_shard(
    split_model: deformer.Model, tmp_path: Path, error: Exception, expected: type[deformer.Error], message: str
) -> None:
    def read(path: str) -> Iterator[deformer.Passage]:
        yield from read_passages(path)
        raise error

    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    with pytest.raises(expected, match=message):
        ShardEncoder(split_model, read=read).encode(shard)
    assert list((tmp_path / "stores").iterdir()) == []


def test_another_codec_is_refused(encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    record = encoder.encode(shard)
    other = ShardEncoder(split_model, codec="int8")
    with pytest.raises(deformer.IncompatibleError, match="codec: expected int8, found fp16"):
        other.encode(shard)
    Path(shard.record).unlink()
    with pytest.raises(deformer.IncompatibleError, match="codec: expected int8, found fp16"):
        other.encode(shard)  # the record says what the store holds
    assert read_record(shard).codec == record.codec == encoder.encode(shard).codec == "fp16"


def test_what_is_in_a_stores_place(encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path) -> None:
    shards = plan_shards(write_inputs(tmp_path, files=2), template(tmp_path))
    shards[0].folder.mkdir(parents=True)  # empty: none
    encoder.encode(shards[0])
    assert_whole(shards[:1], split_model)
    shards[1].folder.mkdir()
    (shards[1].folder / "note").write_text("of another kind", encoding="utf-8")
    with pytest.raises(deformer.CorruptError, match="expected an LMDB store or nothing"):
        encoder.encode(shards[1])
    assert [path.name for path in shards[1].folder.iterdir()] == ["note"]
    (below,) = plan_shards([shards[1].input], f"lmdb:{shards[1].folder}/note/{{stem}}")
    with pytest.raises(deformer.IoError, match="expected a record, found"):
        encoder.finished(below)


def test_what_killed_workers_left_of_a_finished_shard_is_removed(
    encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path
) -> None:
    (shard,) = plan_shards(write_inputs(tmp_path, files=1), template(tmp_path))
    encoder.encode(shard)
    Path(f"{shard.folder}.partial-0123").mkdir()
    Path(f"{shard.record}.partial-0123").touch()
    encoder.encode(shard)
    assert_whole([shard], split_model)


def test_a_passage_that_comes_twice_is_encoded_once(
    encoder: ShardEncoder, split_model: deformer.Model, tmp_path: Path
) -> None:
    (path,) = write_inputs(tmp_path, files=1)
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")
    (shard,) = plan_shards([path], template(tmp_path))
    assert encoder.encode(shard).passages == 8
    assert_whole([shard], split_model)


def test_squad_files_and_functions_are_inputs(split_model: deformer.Model, tmp_path: Path) -> None:
    squad = ROOT / "examples" / "sample.json"
    (shard,) = plan_shards([squad], template(tmp_path))
    assert ShardEncoder(split_model).encode(shard).passages == 4
    contexts = tmp_path / "contexts.json"  # as of a corpus without questions
    contexts.write_text('{"data": [{"paragraphs": [{"context": "the king"}]}]}', encoding="utf-8")
    (shard,) = plan_shards([contexts], template(tmp_path))
    assert ShardEncoder(split_model).encode(shard).passages == 1
    text = tmp_path / "one.txt"
    text.write_text("the king", encoding="utf-8")
    (shard,) = plan_shards([text], template(tmp_path))
    with pytest.raises(deformer.InvalidArgumentError, match=r"one.txt: expected \*.jsonl or \*.json"):
        ShardEncoder(split_model).encode(shard)
    own = ShardEncoder(split_model, read=lambda path: [deformer.Passage("one", Path(path).read_text(encoding="utf-8"))])
    assert own.encode(shard).passages == 1


def test_plans_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for inputs, stores, message in [
        ([], "lmdb:s/{stem}", "expected at least one input"),
        (["a.jsonl", "b.jsonl"], "lmdb:s", "expected a store for one input, found a.jsonl and b.jsonl"),
        (["a/x.jsonl", "b/x.jsonl"], "lmdb:s/{stem}", "expected a store for one input"),
        (["a.jsonl"], "lmdb:s/{what}", "expected {stem}, {name} or {index}"),
        (["a.jsonl"], "redis://host/wiki", "expected a manifest folder"),
        (["a.jsonl"], "lmdb:s/{stem.foo}", "expected {stem}, {name} or {index}"),
        (["a.jsonl"], "lmdb:s/{index[0]}", "expected {stem}, {name} or {index}"),
        (["a.jsonl"], "lmdb:", "expected a directory after lmdb:"),
        ("a.jsonl", "lmdb:s/{stem}", "expected a list of input files"),
    ]:
        with pytest.raises(deformer.InvalidArgumentError, match=message):
            plan_shards(inputs, stores)
    with pytest.raises(deformer.InvalidArgumentError, match="expected a store that is kept"):
        plan_shards(["a.jsonl"], "memory:", tmp_path)
    planned = plan_shards(["a.jsonl", "b.jsonl"], "redis://host/wiki", tmp_path)
    assert len({shard.record for shard in planned}) == 2
    assert plan_shards(["a.jsonl"], "lmdb:s/{index:03}")[0].store == "lmdb:s/000"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The address of a server of this test's own."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_shards_share_a_server(encoder: ShardEncoder, split_model: deformer.Model, redis: str, tmp_path: Path) -> None:
    shards = plan_shards(write_inputs(tmp_path), f"{redis}/wiki", tmp_path / "records")
    records = [encoder.encode(shard) for shard in shards]
    assert len(deformer.open_store(f"{redis}/wiki", split_model)) == 24
    assert [encoder.encode(shard) for shard in shards] == records
    Path(shards[0].record).unlink()  # tried again: the keys are the same
    assert (encoder.encode(shards[0]).passages, read_record(shards[0]).tokens) == (8, 0)
    assert len(deformer.open_store(f"{redis}/wiki", split_model)) == 24


def run_share(inputs: list[Path], folder: Path, share: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "deformer.shards",
        "--model",
        str(MODEL),
        "--stores",
        template(folder),
        "--shard",
        share,
    ]
    return subprocess.Popen(
        [*command, "--batch-tokens", "64", *map(str, inputs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def bert_split() -> deformer.Model:
    return deformer.Model.load(MODEL)


def test_processes_take_their_shares(bert_split: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=3)
    processes = [run_share(inputs, tmp_path, f"{i}/2") for i in (1, 2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [len(out.splitlines()) for out, _ in outputs] == [2, 1]
    assert_whole(plan_shards(inputs, template(tmp_path)), bert_split)


def test_a_shard_that_fails_leaves_the_others_and_is_reported(bert_split: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=2)
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b'{"text": "caf\xe9"}\n')
    process = run_share([inputs[0], tmp_path / "gone.jsonl", latin, inputs[1]], tmp_path, "1/1")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert len(out.splitlines()) == 2
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 2 and "gone.jsonl: expected an input file, found none" in errors[0]
    assert "latin.jsonl:1: expected an object" in errors[1]
    assert_whole(plan_shards(inputs, template(tmp_path)), bert_split)


def test_a_killed_process_leaves_no_half_store(bert_split: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=1, passages=4000)
    process = run_share(inputs, tmp_path, "1/1")
    end = time.monotonic() + 60
    while not list((tmp_path).glob("stores/*.partial-*/data.mdb")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    (shard,) = plan_shards(inputs, template(tmp_path))
    assert read_record(shard) is None
    assert not shard.folder.exists()
    assert run_share(inputs, tmp_path, "1/1").wait(timeout=120) == 0
    assert_whole([shard], bert_split)


def run_example(command: list[str], **environment: str) -> None:
    python = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        command, env={**os.environ, **python, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_slurm_script(bert_split: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=2)
    for task in range(2):
        run_example(
            ["bash", str(ROOT / "examples" / "cluster" / "encode.sbatch")],
            MODEL=str(MODEL), TEXTS=str(tmp_path), STORES=str(tmp_path / "stores"), SLURM_ARRAY_TASK_ID=str(task),
        )  # fmt: skip
    assert_whole(plan_shards(inputs, template(tmp_path)), bert_split)


def test_the_kubernetes_job(bert_split: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=2)
    lines = (ROOT / "examples" / "cluster" / "encode-job.yaml").read_text(encoding="utf-8").splitlines()
    begin = lines.index("            - >-") + 1
    command = " ".join(line.strip() for line in lines[begin : lines.index("          resources:")])
    for inside, outside in (("/model ", f"{MODEL} "), ("/stores/", f"{tmp_path}/stores/"), ("/texts/", f"{tmp_path}/")):
        assert inside in command
        command = command.replace(inside, outside)
    for index in range(2):
        run_example(["/bin/sh", "-c", command], JOB_COMPLETION_INDEX=str(index))
    assert_whole(plan_shards(inputs, template(tmp_path)), bert_split)
