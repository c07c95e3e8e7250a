#include "convert/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/files.h"
#include "convert/zip_archive.h"
#include "support/expect_error.h"

namespace deformer {
namespace {

using namespace std::string_literals;
using test::as_bytes;
using test::expect_error;
using test::golden_convert;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<PickledTensor> read(const std::string& pickle) {
  return read_state_dict(as_bytes(pickle), "x.bin");
}

void expect_refused(ErrorCode code, const std::string& text, const std::string& pickle) {
  expect_error(code, text, [&] { (void)read(pickle); });
}

// A string of at most 255 bytes.
std::string text(const std::string& value) {
  return "\x8c" + std::string(1, static_cast<char>(value.size())) + value;
}

const std::string kProto = "\x80\x02";
const std::string kStorage =
    "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x06tQ";
const std::string kHooks = "ccollections\nOrderedDict\n)R";

// A tensor [2, 3] of the storage.
std::string tensor(const std::string& shape = "K\x02K\x03\x86",
                   const std::string& strides = "K\x03K\x01\x86") {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + kStorage + "K\0"s + shape + strides + "\x89" +
         kHooks + "tR";
}

std::string dictionary(const std::string& items) {
  return kProto + "}(" + items + "u.";
}

TEST(Pickle, ReadsADictionaryOfTensors) {
  const auto tensors = read(dictionary(text("a.weight") + tensor()));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "a.weight");
  EXPECT_EQ(tensors[0].dtype, Dtype::kF32);
  EXPECT_EQ(tensors[0].storage, "0");
  EXPECT_EQ(tensors[0].storage_bytes, 24);
  EXPECT_THAT(tensors[0].shape, ElementsAre(2, 3));
  EXPECT_THAT(tensors[0].strides, ElementsAre(3, 1));
  EXPECT_THAT(read(kProto + "}."), IsEmpty());
}

TEST(Pickle, ReadsParametersSizesAndUntypedStorages) {
  const std::string size = "ctorch\nSize\nK\x02K\x03\x86\x85R";
  EXPECT_EQ(read(dictionary(text("a") + tensor(size))).size(), 1u);
  const std::string parameter =
      "ctorch._utils\n_rebuild_parameter\n(" + tensor() + "\x88" + kHooks + "tR";
  EXPECT_EQ(read(dictionary(text("a") + parameter)).size(), 1u);
  const std::string untyped = "(" + text("storage") + "ctorch.storage\nUntypedStorage\n" +
                              text("0") + text("cpu") + "K\x18tQ";
  const std::string v3 = "ctorch._utils\n_rebuild_tensor_v3\n(" + untyped +
                         "K\0K\x02\x85K\x01\x85\x89"s + kHooks + "ctorch\nbfloat16\ntR";
  EXPECT_EQ(read(dictionary(text("a") + v3)).at(0).dtype, Dtype::kBf16);
}

TEST(Pickle, NamesAFunctionThatItDoesNotKnow) {
  const std::string call = "cposix\nsystem\n" + text("true") + "\x85R";
  expect_refused(ErrorCode::kUnsupported, "found \"posix.system\" (nothing of the file was run)",
                 dictionary(text("a") + call));
  const std::string stack = text("builtins") + text("eval") + "\x93" + text("1") + "\x85R";
  expect_refused(ErrorCode::kUnsupported, "\"builtins.eval\"", kProto + stack + ".");
  expect_refused(ErrorCode::kUnsupported, "\"torch.ComplexFloatStorage\"",
                 kProto + "ctorch\nComplexFloatStorage\n.");
}

TEST(Pickle, NamesAnInstructionThatItDoesNotKnow) {
  for (const auto& [code, hex] : {std::pair("I", "0x49"), std::pair("o", "0x6f"),
                                  std::pair("\x81", "0x81"), std::pair("\x98", "0x98")}) {
    expect_refused(ErrorCode::kUnsupported,
                   "byte 2: expected an instruction of a dictionary of tensors, found "s + hex,
                   kProto + code + ".");
  }
}

TEST(Pickle, RefusesOtherContents) {
  expect_refused(ErrorCode::kUnsupported, "from names to tensors, found a list", kProto + "].");
  expect_refused(ErrorCode::kUnsupported, "found an integer under \"epoch\"",
                 dictionary(text("epoch") + "K\x03"));
  expect_refused(ErrorCode::kUnsupported, "found a dictionary under \"model\"",
                 dictionary(text("model") + "}"));
  expect_refused(ErrorCode::kUnsupported, "a key that is an integer",
                 dictionary("K\x01" + tensor()));
  expect_refused(ErrorCode::kUnsupported, "expected protocol 2 to 4, found 5", "\x80\x05}.");
}

TEST(Pickle, RefusesBrokenOnes) {
  expect_refused(ErrorCode::kCorrupt, "x.bin: pickle: byte 0: expected 1 more bytes, found 0", "");
  expect_refused(ErrorCode::kCorrupt, "more bytes, found", kProto + "}(" + text("a") + tensor());
  expect_refused(ErrorCode::kCorrupt, "a value on the stack, found none", kProto + ".");
  expect_refused(ErrorCode::kCorrupt, "a mark on the stack", kProto + "}u.");
  expect_refused(ErrorCode::kCorrupt, "a value in the memo", kProto + "h\x07.");
  expect_refused(ErrorCode::kCorrupt, "pairs of keys and values", dictionary(text("a")));
  expect_refused(ErrorCode::kCorrupt, "names that occur once, found \"a\" twice",
                 dictionary(text("a") + tensor() + text("a") + tensor()));
  expect_refused(ErrorCode::kCorrupt, "expected the end, found 1 bytes more", kProto + "}.}");
  expect_refused(ErrorCode::kCorrupt, "at most 64 bits", kProto + "\x8a\x09" + std::string(9, 'x'));
  expect_refused(ErrorCode::kCorrupt, "a target that is a dictionary, found a list",
                 kProto + "](K\x01K\x02u.");
  expect_refused(ErrorCode::kCorrupt, "an argument that is a tensor, found None",
                 kProto + "ctorch._utils\n_rebuild_parameter\nN\x85R.");
  expect_refused(ErrorCode::kCorrupt, "a size that is an integer, found a string",
                 dictionary(text("a") + tensor(text("2") + "\x85")));
}

TEST(Pickle, UnderstandsNegativeNumbersForItsCallerToRefuse) {
  const auto tensors =
      read(dictionary(text("a") + tensor("J\xff\xff\xff\xff\x85", "\x8a\x02\x00\x80\x85"s)));
  EXPECT_THAT(tensors.at(0).shape, ElementsAre(-1));
  EXPECT_THAT(tensors.at(0).strides, ElementsAre(-32768));
}

TEST(Pickle, SurvivesNestingAndCycles) {
  const std::string deep = kProto + ")" + std::string(1'000'000, '\x85') + ".";
  expect_refused(ErrorCode::kUnsupported, "found a tuple", deep);
  expect_refused(ErrorCode::kUnsupported, "found a list", kProto + "]q\x01h\x01" + "a.");
  expect_refused(ErrorCode::kUnsupported, "found a dictionary under \"a\"",
                 kProto + "}q\x01" + text("a") + "h\x01s.");
  expect_refused(ErrorCode::kUnsupported, "expected at most 4000000 values",
                 kProto + std::string(5'000'000, ')'));
}

TEST(Pickle, AnyFlippedByteIsAnErrorOrATensor) {
  const ZipArchive archive = ZipArchive::open(golden_convert("torch/bert/pytorch_model.bin"));
  const auto pickle = archive.records().at("pytorch_model/data.pkl").bytes;
  const std::string whole(reinterpret_cast<const char*>(pickle.data()), pickle.size());
  ASSERT_GT(read(whole).size(), 30u);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    try {
      (void)read(damaged);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

}  // namespace
}  // namespace deformer
