// What lies in place of a file whose download went another way.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace deformer {

/// For every reader of model and data files, before it looks for its own format. Throws kCorrupt,
/// saying what to do, when the file is a Git LFS pointer, or a page of HTML or XML that a server
/// sent instead. `where` names the file; its first bytes are enough.
void refuse_stand_in(std::string_view bytes, const std::string& where);
void refuse_stand_in(std::span<const std::byte> bytes, const std::string& where);

/// The same for texts, which may well be pages: a pointer alone is refused.
void refuse_lfs_pointer(std::string_view bytes, const std::string& where);

}  // namespace deformer
