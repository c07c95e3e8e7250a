// Which model a verb takes that is not told one.
#include "tools/model_options.h"

#include <cstdlib>

#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using tools::find_bundled_model;

class DefaultModel : public CliTest {
 protected:
  ~DefaultModel() override { ::unsetenv("DEFORMER_MODEL"); }

  [[nodiscard]] std::string make_model(const std::string& directory) const {
    fs::create_directories(path(directory));
    write(directory + "/config.json", "{}");
    return write(directory + "/model.safetensors", "");
  }
  [[nodiscard]] std::string found(const std::string& program) const {
    return find_bundled_model(path(program)).string();
  }
};

TEST_F(DefaultModel, IsTheInstalledOneOrThatOfTheSourceTree) {
  EXPECT_EQ(found("usr/bin/deformer"), "");
  (void)make_model("usr/share/deformer/models/squad-mini");
  EXPECT_EQ(found("usr/bin/deformer"), path("usr/share/deformer/models/squad-mini"));
  (void)make_model("models/squad-mini");
  EXPECT_EQ(found("build/release/deformer"), path("models/squad-mini"));
}

TEST_F(DefaultModel, IsTheLargerOneOfTwoAndAWholeOne) {
  (void)make_model("models/squad-mini");
  fs::create_directories(path("models/squad-base"));
  write("models/squad-base/config.json", "{}");
  EXPECT_EQ(found("build/release/deformer"), path("models/squad-mini"));
  write("models/squad-base/model.safetensors.index.json", "{}");
  EXPECT_EQ(found("build/release/deformer"), path("models/squad-base"));
}

TEST_F(DefaultModel, IsWhatTheEnvironmentNamesAndTheToolSaysSo) {
  const std::string model = write_model();
  const std::string text = write("text", "mia sat here");
  const std::vector<std::string> ask{"answer", "--passage", text, "--question", "who"};
  ::setenv("DEFORMER_MODEL", model.c_str(), 1);
  const ProcessResult asked = run(ask);
  EXPECT_EQ(asked.status, 0);
  EXPECT_EQ(asked.err, "deformer: model: " + model + " (DEFORMER_MODEL)\n");
  std::vector<std::string> told = ask;
  told.insert(told.end(), {"--model", model});
  EXPECT_EQ(run_ok(told), asked.out);
  ::setenv("DEFORMER_MODEL", "absent", 1);
  const ProcessResult absent = run(ask);
  EXPECT_EQ(absent.status, 3) << absent.err;
  EXPECT_THAT(absent.err, HasSubstr("absent"));
}

TEST_F(DefaultModel, IsTheBundledOneOfTheBuildTree) {
  const ProcessResult asked =
      run({"answer", "--passage", std::string(DEFORMER_SOURCE_DIR) + "/examples/lighthouse.txt",
           "--question", "Who built the lighthouse?"});
  EXPECT_EQ(asked.status, 0) << asked.err;
  EXPECT_THAT(asked.err, HasSubstr("models/squad-base (bundled)"));
  EXPECT_THAT(asked.out, HasSubstr("Anna Halvorsen"));
}

}  // namespace
}  // namespace deformer::test
