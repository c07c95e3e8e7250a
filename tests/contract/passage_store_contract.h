// What every PassageStore must do, whatever lies behind it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "deformer/passage_store.h"

namespace deformer::test {

/// A place for one store, empty at first, gone with the object.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  [[nodiscard]] virtual std::string uri() const = 0;
};

/// An implementation under test.
struct StoreEngine {
  std::string name;
  bool is_persistent = true;
  std::function<std::unique_ptr<StorePlace>()> make_place;
  /// Why it cannot run on this machine; empty when it can.
  std::function<std::string()> why_not = [] { return std::string(); };
};

inline std::ostream& operator<<(std::ostream& out, const StoreEngine& engine) {
  return out << engine.name;
}

/// Instantiate with the engines of a test program:
/// INSTANTIATE_TEST_SUITE_P(.., PassageStoreContract, testing::Values(engine), engine_name).
class PassageStoreContract : public testing::TestWithParam<StoreEngine> {
 protected:
  void SetUp() override;

  [[nodiscard]] std::shared_ptr<PassageStore> open() const;
  [[nodiscard]] std::string uri() const { return place_->uri(); }

 private:
  std::unique_ptr<StorePlace> place_;
};

inline std::string engine_name(const testing::TestParamInfo<StoreEngine>& info) {
  return info.param.name;
}

}  // namespace deformer::test
