#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace deformer {
namespace {

// Expected values: xxhsum 0.8.1, -H3 for hash64() and -H2 for Hasher, whose fields are the bytes
// themselves after their count as 8 bytes, little-endian.

std::vector<std::byte> make_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  return bytes;
}

struct Known {
  std::size_t count;
  std::uint64_t hash;
};

// One on each side of every length at which XXH3 changes its method.
constexpr Known kKnown[] = {
    {0, 0x2d06800538d394c2},    {1, 0x13e608bc156defed},   {3, 0xa9088dda485b481c},
    {8, 0x60539db630471163},    {16, 0xb8c859b0f030b585},  {17, 0x714a04408e79b80f},
    {64, 0x287eb1fa9e4be2c1},   {128, 0x67425a03650261bf}, {129, 0xc664bf3311c6abc4},
    {240, 0x64556dc6b462a6cf},  {241, 0x8beadd3a8874fe17}, {1024, 0x9b81661c641c72b1},
    {4096, 0xd7428746842be37e}, {5000, 0x799aaddd7339581d}};

TEST(Hash64, EqualsXxhsum) {
  for (const Known& known : kKnown) {
    EXPECT_EQ(hash64(make_bytes(known.count)), known.hash) << known.count;
  }
}

TEST(Hash64, OfTextIsOfItsBytes) {
  EXPECT_EQ(hash64("abc"), 0x78af5f94892f3950U);
  EXPECT_EQ(hash64(std::string_view()), 0x2d06800538d394c2U);
}

TEST(Hasher, OfNoFieldEqualsXxhsumOfNothing) {
  EXPECT_EQ(Hasher().digest128(), (Hash128{0x99aa06d3014798d8, 0x6001c324468d497f}));
}

TEST(Hasher, EqualsXxhsumOfTheFramedFields) {
  EXPECT_EQ(Hasher().add("ab").add("c").digest128(),
            (Hash128{0xf2eda2708bcfd51c, 0xc05c0ee4c9f60440}));
  EXPECT_EQ(Hasher().add("a").add("bc").digest128(),
            (Hash128{0xf310f4d71be93bc4, 0x6456c91685adede6}));
  EXPECT_EQ(Hasher().add("").digest128(), (Hash128{0x2c0a8a99dc147d54, 0x45c3b49d035665b2}));
  EXPECT_EQ(Hasher().add(std::int64_t{-2}).digest128(),
            (Hash128{0x2c024bc05e7ef5af, 0x1b95094e600900c7}));
}

TEST(Hasher, TakesLongFieldsOfAllKinds) {
  const std::vector<std::byte> bytes = make_bytes(5000);
  Hasher hasher;
  hasher.add("passage").add(std::int64_t{5000}).add(bytes);
  EXPECT_EQ(hasher.digest128(), (Hash128{0x87251f59fd85bac0, 0x494202332e5c399e}));
  EXPECT_EQ(hasher.digest64(), 0x494202332e5c399eU);
}

TEST(Hasher, GoesOnAfterADigest) {
  Hasher hasher;
  hasher.add("ab");
  (void)hasher.digest128();
  EXPECT_EQ(hasher.add("c").digest128(), Hasher().add("ab").add("c").digest128());
}

}  // namespace
}  // namespace deformer
