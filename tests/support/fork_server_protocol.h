// What tests and their fork servers tell each other over a socket that keeps messages whole.
#pragma once

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace deformer::test {

/// The environment variable that makes a program a server; its value is the socket's descriptor.
inline constexpr const char* kForkServerVariable = "DEFORMER_TEST_FORK_SERVER";

/// Bytes of a request's arguments, each with a NUL behind it.
inline constexpr std::size_t kMaxArgumentBytes = 65536;

/// Sent with the descriptors of the standard streams that are not closed, in their order. The
/// answer is the pid.
struct ForkRequest {
  rlim_t file_size;
  std::array<bool, 3> has_stream;
  std::array<char, kMaxArgumentBytes> arguments;
};

/// Room for the descriptors, as sendmsg() and recvmsg() want it.
struct DescriptorRoom {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> bytes{};
};

}  // namespace deformer::test
