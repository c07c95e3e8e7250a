#include "base/stand_in.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/byte_order_mark.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: this line is the first, and a pointer
// has less than 1024 bytes.
constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";
constexpr std::size_t kMaxPointerBytes = 1024;
constexpr std::array<std::string_view, 3> kPages{"<!doctype html", "<html", "<?xml"};

bool begins_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

bool is_page(std::string_view text) {
  text = without_byte_order_mark(text);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return std::any_of(kPages.begin(), kPages.end(), [&](std::string_view page) {
    // A longer word is none of these marks.
    return begins_with(text, page) && text.size() > page.size() &&
           std::isalnum(static_cast<unsigned char>(text[page.size()])) == 0;
  });
}

// " of 524288 bytes", where the pointer says so.
std::string size_of_target(std::string_view pointer) {
  constexpr std::string_view kSize = "\nsize ";
  const std::size_t at = pointer.find(kSize);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = pointer.substr(at + kSize.size());
  const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789"));
  return digits.empty() ? "" : " of " + std::string(digits) + " bytes";
}

}  // namespace

void refuse_lfs_pointer(std::string_view bytes, const std::string& where) {
  if (!bytes.starts_with(kLfsPointer)) return;
  const std::string size = size_of_target(bytes.substr(0, kMaxPointerBytes));
  throw Error(ErrorCode::kCorrupt,
              where + ": expected the file itself, found a Git LFS pointer to one" + size +
                  ": fetch it with git lfs pull");
}

void refuse_stand_in(std::string_view bytes, const std::string& where) {
  refuse_lfs_pointer(bytes, where);
  if (is_page(bytes)) {
    throw Error(
        ErrorCode::kCorrupt,
        where +
            ": expected the file itself, found a page of HTML or XML, as a server sends for an "
            "error or for a view of the file: download the raw file");
  }
}

void refuse_stand_in(std::span<const std::byte> bytes, const std::string& where) {
  refuse_stand_in(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                  where);
}

}  // namespace deformer
