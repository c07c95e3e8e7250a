#include "bench/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/number_text.h"
#include "text/utf8.h"

namespace deformer {
namespace {

// Colours that differ in lightness too, so that they are told apart without their hue. The second
// set is for a dark page.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c1e21; --faint: #5d636b; --rule: #d9dce1;
  --series0: #3a5fcd; --series1: #c77700; --series2: #178a68; --series3: #a8417e; --series4: #6b7078;
  --stage0: #a8417e; --stage1: #c77700; --stage2: #178a68; --stage3: #3a5fcd; --stage4: #7b5cc0;
  --stage5: #9a9fa7; }
@media (prefers-color-scheme: dark) { :root { --page: #16181c; --ink: #e8eaed; --faint: #a2a8b1;
  --rule: #3a3f47; --series0: #86a5ff; --series1: #f0ab45; --series2: #4fcfa6; --series3: #ea8cc4;
  --series4: #aab0b9; --stage0: #ea8cc4; --stage1: #f0ab45; --stage2: #4fcfa6; --stage3: #86a5ff;
  --stage4: #b9a2f5; --stage5: #7d838c; } }
body { margin: 0 auto; max-width: 52rem; padding: 1.5rem 1rem 3rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
p { margin: .25rem 0 .75rem; color: var(--faint); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg text.tick { fill: var(--faint); font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.mark { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 4 4; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
)";

struct ColorKind {
  std::string_view name;
  std::size_t colors;
};
constexpr std::array<ColorKind, 2> kColorKinds{{{"series", 5}, {"stage", 6}}};

std::string number(double value) {
  return fixed(value, 1);
}

// Control characters and two others have no place in XML.
char32_t drawable(char32_t code_point) {
  if (code_point < U' ') return U' ';
  const bool none = code_point == 0xFFFE || code_point == 0xFFFF;
  return none ? kReplacementCharacter : code_point;
}

std::string title_element(std::string_view title) {
  return title.empty() ? "" : "<title>" + escape_xml(title) + "</title>";
}

// Fill of areas and stroke of lines in one colour.
std::string color_rule(const std::string& name) {
  return "rect." + name + ", circle." + name + " { fill: var(--" + name + "); } polyline." + name +
         " { stroke: var(--" + name + "); }\n";
}

std::string color_rules() {
  std::string rules;
  for (const ColorKind& kind : kColorKinds) {
    for (std::size_t i = 0; i < kind.colors; ++i) rules += color_rule(color_class(kind.name, i));
  }
  return rules;
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    at += c.size_bytes;
    switch (c.code_point) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        append_utf8(escaped, drawable(c.code_point));
    }
  }
  return escaped;
}

std::string color_class(std::string_view kind, std::size_t index) {
  // More columns than colours begin again: their labels tell them apart.
  const auto* const known = std::find_if(kColorKinds.begin(), kColorKinds.end(),
                                         [&](const ColorKind& each) { return each.name == kind; });
  const std::size_t colors = known == kColorKinds.end() ? 1 : known->colors;
  return std::string(kind) + std::to_string(index % colors);
}

std::string html_page(const std::string& title, const std::string& body) {
  const std::string escaped = escape_xml(title);
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         escaped + "</title>\n<style>" + kStyle + color_rules() +
         "</style>\n</head>\n<body>\n<h1>" + escaped + "</h1>\n" + body + "</body>\n</html>\n";
}

Svg::Svg(double width, double height, const std::string& label)
    : body_(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 )" + number(width) + " " +
            number(height) + R"(" role="img" aria-label=")" + escape_xml(label) + "\">\n") {}

void Svg::line(Point from, Point to, std::string_view css) {
  body_ += "<line x1=\"" + number(from.x) + "\" y1=\"" + number(from.y) + "\" x2=\"" +
           number(to.x) + "\" y2=\"" + number(to.y) + "\" class=\"" + std::string(css) + "\"/>\n";
}

void Svg::polyline(const std::vector<Point>& points, std::string_view css) {
  body_ += "<polyline class=\"" + std::string(css) + "\" points=\"";
  for (const Point& point : points) body_ += number(point.x) + "," + number(point.y) + " ";
  body_ += "\"/>\n";
}

void Svg::circle(Point center, double radius, std::string_view css, std::string_view title) {
  body_ += "<circle cx=\"" + number(center.x) + "\" cy=\"" + number(center.y) + "\" r=\"" +
           number(radius) + "\" class=\"" + std::string(css) + "\">" + title_element(title) +
           "</circle>\n";
}

void Svg::rect(const Box& box, std::string_view css, std::string_view title) {
  body_ += "<rect x=\"" + number(box.x) + "\" y=\"" + number(box.y) + "\" width=\"" +
           number(std::max(box.width, 0.0)) + "\" height=\"" + number(box.height) + "\" class=\"" +
           std::string(css) + "\">" + title_element(title) + "</rect>\n";
}

void Svg::text(Point at, Anchor anchor, std::string_view text, std::string_view css) {
  const char* const where = anchor == Anchor::kStart    ? "start"
                            : anchor == Anchor::kMiddle ? "middle"
                                                        : "end";
  body_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) + "\" text-anchor=\"" + where +
           "\" class=\"" + std::string(css) + "\">" + escape_xml(text) + "</text>\n";
}

std::vector<double> axis_ticks(double most) {
  if (!(most > 0)) most = 1;
  constexpr double kWantedSteps = 5;
  const double rough = most / kWantedSteps;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks{0};
  for (int i = 1; ticks.back() < most * (1 - 1e-9); ++i) ticks.push_back(i * step);
  return ticks;
}

}  // namespace deformer
