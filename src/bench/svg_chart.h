// Drawing for bench's HTML page: well-formed XML, no script, colours by class.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

/// With &, <, > and " as entities, and U+FFFD in place of bytes that are not UTF-8.
[[nodiscard]] std::string escape_xml(std::string_view text);

/// Attribute `class` of what the page's style sheet colours: "series" 0, 1, 2 ... are the columns,
/// "stage" 0, 1, ... the stages.
[[nodiscard]] std::string color_class(std::string_view kind, std::size_t index);

/// A complete page around `body`, which is well-formed itself. Light and dark as the reader's
/// system has it.
[[nodiscard]] std::string html_page(const std::string& title, const std::string& body);

/// A picture of fixed coordinates that scales with the page.
class Svg {
 public:
  enum class Anchor { kStart, kMiddle, kEnd };

  /// `label` is read out in place of the picture.
  Svg(double width, double height, const std::string& label);

  struct Point {
    double x = 0;
    double y = 0;
  };
  struct Box {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
  };

  void line(Point from, Point to, std::string_view css);
  void polyline(const std::vector<Point>& points, std::string_view css);
  /// The title shows when the pointer rests on it.
  void circle(Point center, double radius, std::string_view css, std::string_view title);
  void rect(const Box& box, std::string_view css, std::string_view title);
  void text(Point at, Anchor anchor, std::string_view text, std::string_view css = "label");

  [[nodiscard]] std::string finish() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

/// Round steps from 0 that reach at least `most`: four to ten of them.
[[nodiscard]] std::vector<double> axis_ticks(double most);

}  // namespace deformer
