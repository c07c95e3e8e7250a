#include "store/memory_store.h"

#include <gtest/gtest.h>

#include "contract/passage_store_contract.h"
#include "store/passages.h"

namespace deformer::test {
namespace {

class MemoryPlace final : public StorePlace {
 public:
  [[nodiscard]] std::string uri() const override { return "memory:"; }
};

INSTANTIATE_TEST_SUITE_P(Memory, PassageStoreContract,
                         testing::Values(StoreEngine{
                             .name = "memory",
                             .is_persistent = false,
                             .make_place = [] { return std::make_unique<MemoryPlace>(); }}),
                         engine_name);

TEST(MemoryPassageStore, LetsGoOfTheCallersMemory) {
  MemoryPassageStore store(kModel);
  const EncodedPassage passage = make_passage("p");
  const auto references = passage.hidden.owner.use_count();
  store.put(std::span(&passage, 1));
  EXPECT_EQ(passage.hidden.owner.use_count(), references);
}

}  // namespace
}  // namespace deformer::test
