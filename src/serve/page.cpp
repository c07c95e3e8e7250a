#include "serve/page.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "serve/page_text.h"

namespace deformer::serve {
namespace {

// "'sha256-...'": what a policy calls a text that may run.
std::string source_hash(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return "'sha256-" + std::string(encoded.begin(), encoded.begin() + length) + "'";
}

void put_in(std::string& page, std::string_view mark, std::string_view text) {
  page.replace(page.find(mark), mark.size(), text);
}

Response make_page() {
  Response response{.content_type = "text/html; charset=utf-8", .body = std::string(kPageHtml)};
  put_in(response.body, "/*style*/", kPageStyle);
  put_in(response.body, "/*script*/", kPageScript);
  response.headers = {
      {"Content-Security-Policy", "default-src 'none'; style-src " + source_hash(kPageStyle) +
                                      "; script-src " + source_hash(kPageScript) +
                                      "; connect-src 'self'; img-src data:; base-uri 'none'; "
                                      "form-action 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace

const Response& page() {
  static const Response made = make_page();
  return made;
}

}  // namespace deformer::serve
