// The page as the server sends it; what it does in a browser is in page_test.py.
#include <openssl/evp.h>

#include <array>

#include "serve/server_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class PageOfService : public ServerTest {
 protected:
  static std::string between(const std::string& text, const std::string& begin,
                             const std::string& end) {
    const std::size_t first = text.find(begin) + begin.size();
    return text.substr(first, text.find(end, first) - first);
  }
  static std::string hash_of(const std::string& text) {
    std::array<unsigned char, 32> digest{};
    EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    std::array<unsigned char, 64> encoded{};
    EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
    return "'sha256-" + std::string(reinterpret_cast<const char*>(encoded.data())) + "'";
  }
};

// Also while the model is being loaded, and without a key: the page asks for it.
TEST_F(PageOfService, IsThereForEveryone) {
  server_.api_keys = write_file("keys", "read 0123456789abcdef\n");
  start(false);
  const HttpResponse page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.body, testing::StartsWith("<!doctype html>"));
}

TEST_F(PageOfService, RunsItsOwnScriptAndNoOther) {
  start();
  const HttpResponse page = get("/");
  const std::string policy = page.headers.at("content-security-policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  const std::string script = between(page.body, "<script type=\"module\">", "</script>");
  EXPECT_THAT(policy, HasSubstr("script-src " + hash_of(script)));
  EXPECT_THAT(policy, HasSubstr("style-src " + hash_of(between(page.body, "<style>", "</style>"))));
  EXPECT_GT(script.size(), 5000U);
  EXPECT_THAT(page.body, Not(HasSubstr("src=\"http")));
}

}  // namespace
}  // namespace deformer::test
