#include "convert/pickle.h"

#include <array>
#include <cstdio>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/quote.h"
#include "convert/byte_reader.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// Instructions, under the names of Python's pickletools.
enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

enum class Kind : std::uint8_t {
  kNone,
  kBool,
  kInteger,
  kText,
  kTuple,
  kList,
  kDict,
  kFunction,  // text: its name
  kStorageType,
  kDtype,
  kStorage,
  kTensor,
};

constexpr std::array<std::string_view, 12> kKindNames{
    "None",         "a boolean",  "an integer",        "a string",         "a tuple",   "a list",
    "a dictionary", "a function", "a type of storage", "a type of number", "a storage", "a tensor"};

// Values refer to one another by index into one list, so that neither deep nesting nor a dictionary
// that holds itself costs more than its instructions.
using Index = std::uint32_t;

struct Value {
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;      // kBool, kInteger; kStorage: its bytes; kTensor: its number
  std::string text{};            // kText; kFunction: name; kStorage: key
  std::vector<Index> items{};    // kTuple, kList; kDict: key, value, key, value, ...
  std::optional<Dtype> dtype{};  // kStorageType, kDtype, kStorage; absent: untyped
};

struct NamedDtype {
  std::string_view storage;  // in module torch
  std::string_view dtype;    // in module torch
  Dtype value;
};
constexpr std::array<NamedDtype, 10> kDtypes{{{"FloatStorage", "float32", Dtype::kF32},
                                              {"DoubleStorage", "float64", Dtype::kF64},
                                              {"HalfStorage", "float16", Dtype::kF16},
                                              {"BFloat16Storage", "bfloat16", Dtype::kBf16},
                                              {"LongStorage", "int64", Dtype::kI64},
                                              {"IntStorage", "int32", Dtype::kI32},
                                              {"ShortStorage", "int16", Dtype::kI16},
                                              {"CharStorage", "int8", Dtype::kI8},
                                              {"ByteStorage", "uint8", Dtype::kU8},
                                              {"BoolStorage", "bool", Dtype::kBool}}};

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kRebuildV2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildV3 = "torch._utils._rebuild_tensor_v3";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kTorchSize = "torch.Size";
constexpr std::array<std::string_view, 5> kFunctions{kOrderedDict, kRebuildV2, kRebuildV3,
                                                     kRebuildParameter, kTorchSize};

// Bounds on what a hostile file can make of memory: values may be used any number of times.
constexpr std::size_t kMaxValues = 4'000'000;  // about 500 MB; a large model needs 100,000
constexpr std::size_t kMaxKeptKeyBytes = 256;
constexpr std::size_t kMaxSizeValues = 64;

std::optional<Value> known_global(const std::string& name) {
  for (const std::string_view function : kFunctions) {
    if (name == function) return Value{.kind = Kind::kFunction, .text = name};
  }
  if (name == "torch.UntypedStorage" || name == "torch.storage.UntypedStorage") {
    return Value{.kind = Kind::kStorageType};
  }
  for (const NamedDtype& known : kDtypes) {
    if (name == "torch." + std::string(known.storage)) {
      return Value{.kind = Kind::kStorageType, .dtype = known.value};
    }
    if (name == "torch." + std::string(known.dtype)) {
      return Value{.kind = Kind::kDtype, .dtype = known.value};
    }
  }
  return std::nullopt;
}

class Interpreter {
 public:
  Interpreter(std::span<const std::byte> pickle, const std::string& where)
      : reader_(pickle, where + ": pickle") {}

  std::vector<PickledTensor> run() {
    while (true) {
      const auto opcode = reader_.fixed<std::uint8_t>();
      if (opcode == kStop) return state_dict(pop());
      const bool known = push_constant(opcode) || build_container(opcode) || use_memo(opcode) ||
                         describe_object(opcode);
      if (!known) refuse_instruction(opcode);
    }
  }

 private:
  // ---- The stack

  // True, as every function that carries out an instruction.
  bool push(Value value) {
    if (values_.size() >= kMaxValues) {
      throw Error(ErrorCode::kUnsupported, reader_.where() + ": expected at most " +
                                               std::to_string(kMaxValues) + " values, found more");
    }
    values_.push_back(std::move(value));
    stack_.push_back(static_cast<Index>(values_.size() - 1));
    return true;
  }

  // Values below the topmost mark are out of reach, as in Python.
  Index pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) reader_.fail("a value on the stack", "none");
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }

  std::vector<Index> pop(std::size_t count) {
    std::vector<Index> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  std::vector<Index> pop_to_mark() {
    if (marks_.empty()) reader_.fail("a mark on the stack", "none");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  const Value& expect(Index index, Kind kind, const char* what) {
    const Value& value = values_[index];
    if (value.kind == kind) return value;
    reader_.fail(std::string(what) + " that is " + name_of(kind), name_of(value.kind));
  }

  static std::string name_of(Kind kind) {
    return std::string(kKindNames[static_cast<std::size_t>(kind)]);
  }

  // ---- Instructions, by kind; each function says whether the instruction was one of its own

  bool push_constant(std::uint8_t opcode) {
    switch (opcode) {
      case kNone:
        return push({});
      case kNewTrue:
      case kNewFalse:
        return push({.kind = Kind::kBool, .integer = opcode == kNewTrue ? 1 : 0});
      case kBinInt:
        return push_integer(static_cast<std::int32_t>(reader_.fixed<std::uint32_t>()));
      case kBinInt1:
        return push_integer(reader_.fixed<std::uint8_t>());
      case kBinInt2:
        return push_integer(reader_.fixed<std::uint16_t>());
      case kLong1:
        return push_integer(read_long());
      case kBinUnicode:
        return push_text(reader_.fixed<std::uint32_t>());
      case kShortBinUnicode:
        return push_text(reader_.fixed<std::uint8_t>());
      case kBinUnicode8:
        return push_text(reader_.fixed<std::uint64_t>());
      case kProto:
        return require_protocol(reader_.fixed<std::uint8_t>());
      case kFrame:  // a hint for buffering
        (void)reader_.take(8);
        return true;
      default:
        return false;
    }
  }

  bool push_integer(std::int64_t value) { return push({.kind = Kind::kInteger, .integer = value}); }
  bool push_text(std::uint64_t size) {
    return push({.kind = Kind::kText, .text = std::string(reader_.text(size))});
  }

  // Two's complement, the lowest byte first.
  std::int64_t read_long() {
    const auto size = reader_.fixed<std::uint8_t>();
    if (size > 8) reader_.fail("an integer of at most 64 bits", std::to_string(8 * size) + " bits");
    const auto bytes = reader_.take(size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    const bool negative = size > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0};
    if (negative && size < 8) value |= ~std::uint64_t{0} << (8 * size);
    return static_cast<std::int64_t>(value);
  }

  bool require_protocol(std::uint8_t protocol) {
    if (protocol >= 2 && protocol <= 4) return true;
    throw Error(ErrorCode::kUnsupported,
                reader_.where() + ": expected protocol 2 to 4, found " + std::to_string(protocol));
  }

  bool build_container(std::uint8_t opcode) {
    switch (opcode) {
      case kMark:
        marks_.push_back(stack_.size());
        return true;
      case kEmptyDict:
        return push({.kind = Kind::kDict});
      case kEmptyList:
        return push({.kind = Kind::kList});
      case kEmptyTuple:
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push_tuple(pop(opcode == kEmptyTuple ? 0U : opcode - kTuple1 + 1U));
      case kTuple:
        return push_tuple(pop_to_mark());
      case kAppend:
        return append(pop(1));
      case kAppends:
        return append(pop_to_mark());
      case kSetItem:
        return set_items(pop(2));
      case kSetItems:
        return set_items(pop_to_mark());
      default:
        return false;
    }
  }

  bool push_tuple(std::vector<Index> items) {
    return push({.kind = Kind::kTuple, .items = std::move(items)});
  }

  bool append(const std::vector<Index>& items) { return extend(Kind::kList, items); }

  bool set_items(const std::vector<Index>& items) {
    if (items.size() % 2 != 0) reader_.fail("pairs of keys and values", "an odd number");
    return extend(Kind::kDict, items);
  }

  bool extend(Kind kind, const std::vector<Index>& items) {
    const Index target = pop();
    (void)expect(target, kind, "a target");
    std::vector<Index>& all = values_[target].items;
    all.insert(all.end(), items.begin(), items.end());
    stack_.push_back(target);
    return true;
  }

  bool use_memo(std::uint8_t opcode) {
    switch (opcode) {
      case kBinPut:
        return memorize(reader_.fixed<std::uint8_t>());
      case kLongBinPut:
        return memorize(reader_.fixed<std::uint32_t>());
      case kMemoize:
        return memorize(static_cast<std::uint32_t>(memo_.size()));
      case kBinGet:
        return recall(reader_.fixed<std::uint8_t>());
      case kLongBinGet:
        return recall(reader_.fixed<std::uint32_t>());
      default:
        return false;
    }
  }

  bool memorize(std::uint32_t slot) {
    const Index top = pop();
    stack_.push_back(top);
    memo_[slot] = top;
    return true;
  }

  bool recall(std::uint32_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) reader_.fail("a value in the memo", "none");
    stack_.push_back(found->second);
    return true;
  }

  bool describe_object(std::uint8_t opcode) {
    switch (opcode) {
      case kGlobal: {
        const std::string module = read_line();
        return name_global(module, read_line());
      }
      case kStackGlobal: {
        const auto names = pop(2);
        const std::string module = expect(names[0], Kind::kText, "a module").text;
        return name_global(module, expect(names[1], Kind::kText, "a name").text);
      }
      case kBinPersId:
        return push_storage(pop());
      case kReduce: {
        const auto call = pop(2);
        return reduce(call[0], call[1]);
      }
      case kBuild: {  // an OrderedDict's attributes: state_dict()'s _metadata
        const auto pair = pop(2);
        (void)expect(pair[0], Kind::kDict, "an object");
        (void)expect(pair[1], Kind::kDict, "a state");
        stack_.push_back(pair[0]);
        return true;
      }
      default:
        return false;
    }
  }

  std::string read_line() {
    std::string line;
    for (char c = 0; (c = static_cast<char>(reader_.fixed<std::uint8_t>())) != '\n';) line += c;
    return line;
  }

  bool name_global(const std::string& module, const std::string& name) {
    auto known = known_global(module + "." + name);
    if (known) return push(std::move(*known));
    throw Error(ErrorCode::kUnsupported,
                reader_.where() + ": byte " + std::to_string(reader_.position()) +
                    ": expected only what a dictionary of tensors needs, found " +
                    in_quotes(module + "." + name) + " (nothing of the file was run)");
  }

  // ('storage', type, key, device, elements); of an untyped storage the elements are bytes
  bool push_storage(Index id) {
    const std::vector<Index>& parts = expect(id, Kind::kTuple, "a persistent id").items;
    if (parts.size() != 5 || expect(parts[0], Kind::kText, "its kind").text != "storage") {
      reader_.fail("a storage of 5 parts", "another persistent id");
    }
    Value storage{.kind = Kind::kStorage};
    storage.dtype = expect(parts[1], Kind::kStorageType, "a type").dtype;
    storage.text = expect(parts[2], Kind::kText, "a key").text;
    if (storage.text.size() > kMaxKeptKeyBytes) reader_.fail("a short key", "a long one");
    const std::int64_t elements = expect(parts[4], Kind::kInteger, "a number of elements").integer;
    const auto size = static_cast<std::int64_t>(storage.dtype ? value_bytes(*storage.dtype) : 1);
    if (elements < 0 || __builtin_mul_overflow(elements, size, &storage.integer)) {
      reader_.fail("a size of a storage", std::to_string(elements));
    }
    return push(std::move(storage));
  }

  bool reduce(Index function, Index arguments) {
    const std::string name = expect(function, Kind::kFunction, "a callee").text;
    const std::vector<Index>& items = expect(arguments, Kind::kTuple, "arguments").items;
    if (name == kOrderedDict) {
      if (!items.empty()) reader_.fail("an OrderedDict made empty", "arguments");
      return push({.kind = Kind::kDict});
    }
    if (name == kRebuildV2 || name == kRebuildV3) return push_tensor(items, name == kRebuildV3);
    if (items.empty()) reader_.fail("arguments", "none");
    (void)expect(items[0], name == kTorchSize ? Kind::kTuple : Kind::kTensor, "an argument");
    stack_.push_back(items[0]);  // a parameter is its tensor, torch.Size its tuple
    return true;
  }

  // (storage, offset, shape, strides, requires_grad, hooks[, dtype of v3[, metadata]])
  bool push_tensor(const std::vector<Index>& items, bool states_dtype) {
    const std::size_t least = states_dtype ? 7 : 6;
    if (items.size() < least || items.size() > least + 1) {
      reader_.fail(std::to_string(least) + " parts of a tensor", std::to_string(items.size()));
    }
    const Value& storage = expect(items[0], Kind::kStorage, "its data");
    std::optional<Dtype> dtype = storage.dtype;
    if (states_dtype) dtype = expect(items[6], Kind::kDtype, "its type").dtype;
    if (!dtype) reader_.fail("a tensor of a known type", "an untyped one");
    PickledTensor tensor;
    tensor.dtype = *dtype;
    tensor.storage = storage.text;
    tensor.storage_bytes = storage.integer;
    tensor.offset = expect(items[1], Kind::kInteger, "an offset").integer;
    tensor.shape = integers(items[2]);
    tensor.strides = integers(items[3]);
    tensors_.push_back(std::move(tensor));
    return push({.kind = Kind::kTensor, .integer = static_cast<std::int64_t>(tensors_.size() - 1)});
  }

  Shape integers(Index tuple) {
    const std::vector<Index>& items = expect(tuple, Kind::kTuple, "a shape").items;
    if (items.size() > kMaxSizeValues) {
      reader_.fail("at most 64 dimensions", std::to_string(items.size()));
    }
    Shape numbers;
    for (const Index item : items) {
      numbers.push_back(expect(item, Kind::kInteger, "a size").integer);
    }
    return numbers;
  }

  [[noreturn]] void refuse_instruction(std::uint8_t opcode) const {
    std::array<char, 8> hex{};
    std::snprintf(hex.data(), hex.size(), "0x%02x", static_cast<unsigned>(opcode));
    throw Error(ErrorCode::kUnsupported,
                reader_.where() + ": byte " + std::to_string(reader_.position() - 1) +
                    ": expected an instruction of a dictionary of tensors, found " + hex.data());
  }

  // ---- The result

  std::vector<PickledTensor> state_dict(Index top) {
    const Value& root = values_[top];
    if (root.kind != Kind::kDict) refuse_content(name_of(root.kind));
    if (reader_.remaining() > 0) {
      reader_.fail("the end", std::to_string(reader_.remaining()) + " bytes more");
    }
    std::vector<PickledTensor> named;
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < root.items.size(); i += 2) {
      const Value& key = values_[root.items[i]];
      const Value& value = values_[root.items[i + 1]];
      if (key.kind != Kind::kText) refuse_content("a key that is " + name_of(key.kind));
      if (value.kind != Kind::kTensor) {
        refuse_content(name_of(value.kind) + " under " + in_quotes(key.text));
      }
      if (!names.insert(key.text).second) {
        reader_.fail("names that occur once", in_quotes(key.text) + " twice");
      }
      named.push_back(tensors_[static_cast<std::size_t>(value.integer)]);
      named.back().name = key.text;
    }
    return named;
  }

  [[noreturn]] void refuse_content(const std::string& found) const {
    throw Error(ErrorCode::kUnsupported,
                reader_.where() + ": expected a dictionary from names to tensors, found " + found);
  }

  ByteReader reader_;
  std::vector<Value> values_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint32_t, Index> memo_;
  std::vector<PickledTensor> tensors_;
};

}  // namespace

std::vector<PickledTensor> read_state_dict(std::span<const std::byte> pickle,
                                           const std::string& where) {
  return Interpreter(pickle, where).run();
}

}  // namespace deformer
