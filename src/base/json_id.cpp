#include "base/json_id.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace deformer {
namespace {

using Json = nlohmann::json;

class IdEvents : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return take(""); }
  bool boolean(bool) override { return take(""); }
  bool number_integer(number_integer_t value) override { return take(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return take(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return take(text); }
  bool string(string_t& value) override { return take(in_id_ ? Json(value).dump() : ""); }
  bool binary(binary_t&) override { return take(""); }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    in_id_ = depth_ == 1 && in_object_ && name == "id";
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

  std::string id_json;  // empty: none

 private:
  bool take(std::string text) {
    if (std::exchange(in_id_, false)) id_json = std::move(text);
    return true;
  }
  bool open(bool object) {
    if (depth_++ == 0) in_object_ = object;
    return take("");
  }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool in_object_ = false;  // the outermost value is one
  bool in_id_ = false;      // the next value is the id
};

}  // namespace

std::string find_json_id(std::string_view object) {
  IdEvents events;
  (void)Json::sax_parse(object.begin(), object.end(), &events);
  return std::move(events.id_json);
}

}  // namespace deformer
