// A program of somebody else: no LibTorch header, no compile flag of the library's own build.
#include <deformer/error.h>
#include <deformer/model.h>
#include <deformer/runtime.h>
#include <deformer/span_qa.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <span>

std::int64_t packed_rows(std::span<const std::int64_t> lengths);

int main() {
  const std::array<std::int64_t, 2> lengths = {3, 4};
  std::cout << "deformer " << deformer::version() << ", " << packed_rows(lengths) << " rows\n";
  try {
    const auto model = deformer::Model::load("no/such/model");
    const auto store = deformer::open_passage_store("memory:", model->fingerprint());
    std::cout << deformer::SpanQa(model, store).answer({}).size() << "\n";
  } catch (const deformer::Error& error) {
    // Caught by type: across the library's border, too.
    std::cout << to_string(error.code()) << "\n";
    return error.code() == deformer::ErrorCode::kNotFound ? 0 : 1;
  }
  return 1;
}
