#include "bench/svg_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/well_formed.h"

namespace deformer {
namespace {

using test::xml_problem;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(AxisTicks, AreRoundAndReachTheLargestValue) {
  EXPECT_THAT(axis_ticks(43), ElementsAre(0, 10, 20, 30, 40, 50));
  EXPECT_THAT(axis_ticks(100), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_EQ(axis_ticks(0.0123).size(), 4u);  // every 0.005
  EXPECT_NEAR(axis_ticks(0.0123).back(), 0.015, 1e-12);
  EXPECT_GE(axis_ticks(0).back(), 1);
}

TEST(EscapeXml, LeavesNothingThatXmlReads) {
  EXPECT_EQ(escape_xml("a<b & \"c\">\n"), "a&lt;b &amp; &quot;c&quot;&gt; ");
}

TEST(EscapeXml, LetsNoByteThroughThatIsNotUtf8) {
  EXPECT_EQ(escape_xml("m\xFF"), "m\uFFFD");
  EXPECT_EQ(escape_xml("\xC3<\xED\xA0\x80"), "\uFFFD&lt;\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(escape_xml("\xEF\xBF\xBF"), "\uFFFD");  // U+FFFF, which XML has no place for
  EXPECT_EQ(escape_xml("\u00e9\U0001F600"), "\u00e9\U0001F600");
}

TEST(HtmlPage, IsWellFormedWhateverItsTexts) {
  Svg svg(100, 50, "a & b");
  svg.rect({0, 0, -1, 5}, color_class("stage", 0), "<wide>");
  svg.circle({1, 2}, 3, color_class("series", 7), "");
  svg.polyline({{0, 0}, {10, 20}}, "grid");
  svg.text({0, 0}, Svg::Anchor::kEnd, "</svg>");
  const std::string page = html_page("<script>", svg.finish());
  EXPECT_EQ(xml_problem(page), "");
  EXPECT_THAT(page, HasSubstr("width=\"0.0\""));
  EXPECT_THAT(page, testing::Not(HasSubstr("<script>")));
  EXPECT_NE(xml_problem("<p><b></p>"), "");
  EXPECT_NE(xml_problem("a & b"), "");
}

// Every class that the drawings use has its colour, in the light and in the dark set.
TEST(HtmlPage, DefinesItsColours) {
  const std::string page = html_page("", "");
  for (std::size_t i = 0; i < 8; ++i) {
    for (const char* kind : {"series", "stage"}) {
      const std::string variable = "--" + color_class(kind, i) + ":";
      const std::size_t light = page.find(variable);
      ASSERT_NE(light, std::string::npos) << variable;
      EXPECT_NE(page.find(variable, light + 1), std::string::npos) << variable;
    }
  }
}

}  // namespace
}  // namespace deformer
