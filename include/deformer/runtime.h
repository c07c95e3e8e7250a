// How a model runs: on a CPU or a GPU, in which arithmetic, with how many threads. And which
// library it is that runs.
#pragma once

#include <string>
#include <string_view>

#include "deformer/export.h"

namespace deformer {

enum class Device { kCpu, kCuda };

/// How the encoder computes, chosen once when a model is loaded. Heads are fp32 in all of them, and
/// so is what a store receives: models of different precision share one.
enum class Precision {
  kFp32,
  kFp16,  ///< weights and states in fp16; a GPU, or a CPU with AVX-512 FP16
  kBf16,  ///< weights and states in bf16; a GPU, or a CPU with AMX or AVX-512 BF16
  kInt8,  ///< linear layers with weights per output channel and activations per row in 8 bits,
          ///< everything else in fp32; a CPU with a LibTorch that has oneDNN
  kAuto,  ///< on a GPU fp16, on a CPU the fastest of fp32, bf16 and int8, measured when the model
          ///< is loaded (less than a second for BERT-base); a loaded model's Model::runtime()
          ///< says which it is
};

/// The type in which the weights of linear layers are kept where the arithmetic is fp32.
enum class WeightType {
  kAuto,  ///< fp16 on a CPU where the checkpoint stores its weights in fp16 (nothing is rounded) or
          ///< in 8 bits (next to nothing) and LibTorch has the product, else fp32
  kFp32,
  kFp16,  ///< half the memory, and less time for few rows; other weights are rounded. A CPU (x86-64
          ///< with AVX2), precision fp32
};

[[nodiscard]] DEFORMER_EXPORT std::string to_string(Device device);
[[nodiscard]] DEFORMER_EXPORT std::string to_string(Precision precision);
[[nodiscard]] DEFORMER_EXPORT std::string to_string(WeightType type);

/// Parses "cpu", "cuda". Throws kInvalidArgument naming the accepted values.
[[nodiscard]] DEFORMER_EXPORT Device parse_device(std::string_view name);
/// Parses "fp32", "fp16", "bf16", "int8", "auto". Throws kInvalidArgument naming the accepted
/// values.
[[nodiscard]] DEFORMER_EXPORT Precision parse_precision(std::string_view name);
/// Parses "auto", "fp32", "fp16". Throws kInvalidArgument naming the accepted values.
[[nodiscard]] DEFORMER_EXPORT WeightType parse_weight_type(std::string_view name);

inline constexpr int kMaxThreads = 1024;

/// How a model runs. All fields have working defaults.
struct Runtime {
  Device device = Device::kCpu;
  Precision precision = Precision::kFp32;
  /// Threads on the CPU: all of one operator, or with many rows each its own part of a batch. 0
  /// leaves LibTorch's setting as it is, which is a thread for each core. LibTorch has one setting
  /// for the process: another value is set when the model is loaded, and holds for every model and
  /// for threads that have not computed yet. Each thread that calls the library has as many helpers
  /// of its own, so a program that answers on several threads divides the cores among them, or uses
  /// one AnswerQueue, which computes on one thread. At most kMaxThreads: OpenMP ends a process that
  /// gets no more threads.
  int threads = 0;
  /// In a loaded model's Model::runtime() never kAuto; kFp32 where the precision is another.
  WeightType weights = WeightType::kAuto;
};

/// "major.minor.patch" of the library that runs, which may differ from the headers compiled
/// against.
DEFORMER_EXPORT const char* version() noexcept;

}  // namespace deformer
