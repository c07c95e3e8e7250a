"""Tests of scripts/check_includes.py: each rule catches a violation and lets a proper include pass."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import check_includes  # noqa: E402


def violations(files: dict[str, str]) -> list[str]:
    """Runs the check on a tree with these files; a source without includes keeps the tree non-empty."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {"src/base/anchor.cpp": "#include <string>\n", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(check_includes.violations(root))


class IncludeTable(unittest.TestCase):
    def allows(self, file: str, include: str) -> None:
        self.assertEqual(violations({file: f"#include {include}\n"}), [])

    def forbids(self, file: str, include: str, reason: str) -> None:
        found = violations({file: f"// first line\n#include {include}\n"})
        self.assertEqual(len(found), 1, found)
        self.assertIn(f"{file}:2: ", found[0])
        self.assertIn(reason, found[0])

    def test_the_service_is_a_layer_of_the_tool(self):
        self.allows("src/serve/api.h", '"deformer/answer_queue.h"')
        self.allows("src/serve/connection.cpp", "<boost/asio/write.hpp>")
        self.allows("tools/cmd_serve.cpp", '"serve/server.h"')
        self.forbids("src/serve/api.h", "<boost/asio/write.hpp>", "is only for src/serve/connection")
        self.forbids("src/serve/api.cpp", "<torch/torch.h>", "layer serve is free of LibTorch")
        self.forbids("src/task/span_qa.cpp", '"serve/server.h"', "task may not include layer serve")
        self.forbids("examples/ask.cpp", '"serve/server.h"', "only <deformer/*.h>")

    def test_layers_include_only_what_the_table_names(self):
        self.allows("src/data/squad.cpp", '"text/unicode.h"')
        self.allows("src/task/span_qa.cpp", '"store/record.h"')
        self.allows("src/bench/workload.cpp", '"deformer/dataset.h"')
        self.forbids("src/task/span_qa.cpp", '"bench/roof.h"', "task may not include layer bench")
        self.forbids("src/base/file.cpp", '"text/unicode.h"', "base may not include layer text")
        self.forbids("src/model/bert_encoder.cpp", '"store/record.h"', "model may not include layer store")
        self.forbids("src/store/memory.cpp", '"model/bert_encoder.h"', "store may not include layer model")
        self.allows("src/convert/convert.cpp", '"format/safetensors.h"')
        self.forbids("src/convert/convert.cpp", '"model/weights.h"', "convert may not include layer model")
        self.forbids("src/architecture/bert.cpp", '"model/bert_encoder.h"', "architecture may not include layer model")
        self.forbids("src/convert/convert.cpp", '"store/record.h"', "convert may not include layer store")

    def test_public_headers_count_as_their_layer(self):
        self.allows("src/task/span_qa.cpp", '"deformer/span_qa.h"')
        self.allows("src/model/model.cpp", '"deformer/types.h"')
        self.forbids("src/model/model.cpp", '"deformer/passage_store.h"', "belongs to layer store")
        self.forbids("src/text/wordpiece.cpp", '"deformer/metrics.h"', "belongs to layer data")
        self.forbids("src/store/memory.cpp", '"deformer/encoder.h"', "belongs to layer model")
        self.forbids("src/base/file.cpp", '"deformer/nonsense.h"', "unknown public header")

    def test_lower_layers_are_free_of_torch(self):
        self.allows("src/nn/linear.cpp", "<ATen/ATen.h>")
        self.forbids("src/text/wordpiece.cpp", "<ATen/ATen.h>", "free of LibTorch")
        self.forbids("src/store/memory.cpp", "<torch/torch.h>", "free of LibTorch")
        self.forbids("src/convert/pickle.cpp", "<torch/torch.h>", "free of LibTorch")
        self.forbids("src/data/squad.cpp", "<c10/util/Half.h>", "free of LibTorch")

    def test_only_marked_public_headers_show_torch(self):
        self.allows("include/deformer/encoder.h", "<ATen/core/Tensor.h>")
        self.forbids("include/deformer/model.h", "<ATen/core/Tensor.h>", "free of LibTorch")
        self.forbids("include/deformer/span_qa.h", '"deformer/encoder.h"', "shows LibTorch")

    def test_public_headers_include_nothing_internal(self):
        self.forbids("include/deformer/model.h", '"base/file.h"', "only <deformer/*.h>")

    def test_json_stays_in_sources(self):
        self.allows("src/base/json.h", "<nlohmann/json.hpp>")
        self.allows("src/architecture/config.cpp", '"base/json.h"')
        self.allows("tools/json_lines.cpp", "<nlohmann/json.hpp>")
        self.forbids("src/architecture/config.h", "<nlohmann/json.hpp>", "only for")
        self.allows("src/text/tokenizer_json_parts.h", "<nlohmann/json_fwd.hpp>")
        self.forbids("src/architecture/config.h", "<nlohmann/json_fwd.hpp>", "only for")
        self.forbids("src/architecture/config.h", '"base/json.h"', ".cpp files")
        self.forbids("src/nn/linear.cpp", '"base/json.h"', ".cpp files")
        self.forbids("include/deformer/model.h", "<nlohmann/json.hpp>", "only for")

    def test_other_dependencies_stay_where_they_are_wrapped(self):
        self.allows("src/base/hash.cpp", "<xxhash.h>")
        self.forbids("src/store/record.cpp", "<xxhash.h>", "only for")
        self.allows("src/store/lmdb_passage_store.cpp", "<lmdb.h>")
        self.forbids("src/store/record.cpp", "<lmdb.h>", "only for")
        self.allows("src/store/redis_passage_store.cpp", "<hiredis/hiredis.h>")
        self.forbids("src/task/span_qa.cpp", "<hiredis/hiredis.h>", "only for")
        self.allows("src/text/unicode.cpp", "<utf8proc.h>")
        self.forbids("src/model/bert_encoder.cpp", "<utf8proc.h>", "only for")
        self.forbids("src/base/file.cpp", "<gtest/gtest.h>", "only for")
        self.forbids("src/base/file.cpp", "<absl/types/any.h>", "unknown dependency")

    def test_tools_and_examples_use_public_headers(self):
        self.allows("tools/cmd_answer.cpp", "<deformer/span_qa.h>")
        self.allows("tools/cmd_answer.cpp", "<CLI/CLI.hpp>")
        self.allows("tools/cmd_answer.cpp", '"base/file.h"')
        self.forbids("tools/cmd_answer.cpp", '"text/windows.h"', "only <deformer/*.h>")
        self.forbids("examples/ask.cpp", '"base/file.h"', "only <deformer/*.h>")
        self.forbids("examples/ask.cpp", "<torch/torch.h>", "only <deformer/*.h>")
        self.forbids("examples/ask.cpp", "<CLI/CLI.hpp>", "only for")

    def test_system_headers_are_free_for_all(self):
        self.allows("src/base/file.cpp", "<sys/stat.h>")
        self.allows("src/base/file.cpp", "<unistd.h>")
        self.allows("src/text/wordpiece.cpp", "<string_view>")

    def test_sources_name_the_layer(self):
        self.forbids("src/base/file.cpp", '"file.h"', "layer/file.h")

    def test_new_layers_must_be_entered(self):
        self.forbids("src/extra/thing.cpp", "<string>", "unknown layer extra")

    def test_cycles_are_found(self):
        found = violations(
            {
                "src/nn/a.h": '#include "nn/b.h"\n',
                "src/nn/b.h": '#include "nn/c.h"\n',
                "src/nn/c.h": '#include "nn/a.h"\n',
            }
        )
        self.assertEqual(found, ["include cycle: src/nn/a.h -> src/nn/b.h -> src/nn/c.h -> src/nn/a.h"])

    def test_an_empty_tree_is_not_a_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("no sources found", next(check_includes.violations(Path(folder))))

    def test_the_table_has_no_cycle(self):
        order = list(check_includes.LAYERS)
        for layer, allowed in check_includes.LAYERS.items():
            for other in allowed:
                self.assertLess(order.index(other), order.index(layer), f"{layer} -> {other}")


if __name__ == "__main__":
    unittest.main()
