// What the pages for people name must exist: files, headings, flags, variables, metrics.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "cli/options.h"
#include "muster/service.h"
#include "web/metrics.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

struct Page {
  std::string name;  // "docs/mesos.md"
  std::string text;
};

fs::path root() { return MUSTER_SOURCE_DIR; }

Page read_page(const fs::path& path) {
  std::ifstream file(path);
  return {fs::relative(path, root()).string(), {std::istreambuf_iterator<char>(file), {}}};
}

std::vector<Page> read_pages() {
  std::vector<fs::path> paths{root() / "README.md", root() / "CONTRIBUTING.md", root() / "CHANGELOG.md",
                              root() / "deploy/marathon/README.md"};
  for (const auto& entry : fs::directory_iterator(root() / "docs")) {
    if (entry.path().extension() == ".md") paths.push_back(entry.path());
  }
  std::vector<Page> pages;
  for (const fs::path& path : paths) pages.push_back(read_page(path));
  return pages;
}

const std::vector<Page>& pages() {
  static const std::vector<Page> all = read_pages();
  return all;
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) found.push_back((*at)[1]);
  return found;
}

// As GitHub makes it of a heading: lower case, blanks to dashes, what is no word dropped.
std::string anchor_of(const std::string& heading) {
  std::string out;
  for (const char c : heading) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) out += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') out += c;
    if (c == ' ') out += '-';
  }
  return out;
}

Names anchors_in(const std::string& text) {
  Names found;
  for (const std::string& heading : matches(text, R"((?:^|\n)#+ ([^\n]*))")) found.insert(anchor_of(heading));
  return found;
}

Names flag_names() {
  const Modules modules = make_modules();
  Options options;
  Names names{"help", "version"};
  for (const FlagGroup& group : flag_groups(options, modules)) {
    for (const Flag& flag : group.flags) names.insert(flag.name);
  }
  return names;
}

// Flags of our scripts, of systemd and of the Mesos master that the pages speak of.
const Names kOthersFlags{"preset",
                         "long",
                         "fix-format",
                         "user",
                         "cluster",
                         "port",
                         "authenticate_http_readonly",
                         "max_operator_event_stream_subscribers"};

TEST(Docs, PagesAreFoundAtAll) {
  EXPECT_GE(pages().size(), 12U);
  for (const Page& page : pages()) EXPECT_GT(page.text.size(), 100U) << page.name;
}

TEST(Docs, EveryLinkLeadsToAFileAndAHeadingThatExist) {
  std::size_t links = 0;
  for (const Page& page : pages()) {
    for (const std::string& link : matches(page.text, R"(\]\(([^)\s]+)\))")) {
      if (link.find("://") != link.npos) continue;
      ++links;
      const std::size_t hash = std::min(link.find('#'), link.size());
      const fs::path target =
          hash == 0 ? root() / page.name : (root() / page.name).parent_path() / link.substr(0, hash);
      EXPECT_TRUE(fs::exists(target)) << page.name << ": " << link;
      if (hash == link.size() || !fs::exists(target)) continue;
      EXPECT_TRUE(anchors_in(read_page(target).text).contains(link.substr(hash + 1))) << page.name << ": " << link;
    }
  }
  EXPECT_GT(links, 20U);
}

TEST(Docs, EveryFlagThatIsNamedIsOneOfTheBinary) {
  const Names known = flag_names();
  for (const std::string& other : kOthersFlags) EXPECT_FALSE(known.contains(other)) << "--" << other << " is ours";
  std::size_t named = 0;
  for (const Page& page : pages()) {
    for (const std::string& flag : matches(page.text, R"((?:^|[^-\w])--([a-z][a-z0-9_-]*[a-z0-9]))")) {
      ++named;
      EXPECT_TRUE(known.contains(flag) || kOthersFlags.contains(flag)) << page.name << ": --" << flag;
    }
  }
  EXPECT_GT(named, 100U);
}

TEST(Docs, EveryVariableThatIsNamedIsThatOfAFlag) {
  Names known;
  for (const std::string& name : flag_names()) known.insert(variable_name(name));
  for (const Page& page : pages()) {
    for (const std::string& variable : matches(page.text, R"(\b(MUSTER_[A-Z_]+)\b)")) {
      EXPECT_TRUE(known.contains(variable)) << page.name << ": " << variable;
    }
  }
}

TEST(Docs, EveryVerbThatIsNamedIsOneOfTheBinary) {
  Names verbs;
  for (const Verb& verb : make_program().verbs) verbs.insert(verb.name);
  for (const Page& page : pages()) {
    for (const std::string& verb : matches(page.text, R"((?:`|\n {4,})muster ([a-z]+)[ `\n])")) {
      EXPECT_TRUE(verbs.contains(verb)) << page.name << ": muster " << verb;
    }
  }
}

// With the values of its labels, where the page gives any.
TEST(Docs, EveryMetricThatIsNamedIsOneOfTheTable) {
  const Names marks{kMetaOwner, kMetaSource, kMetaHost, kMetaInstance, kMetaAgent, kMetaEpoch, kMetaHash};
  std::map<std::string, web::MetricInfo> known;
  for (const web::MetricInfo& info : web::metric_table()) known[info.name] = info;
  std::size_t named = 0;
  for (const Page& page : pages()) {
    for (const std::string& use : matches(page.text, R"re(\b(muster_[a-z][a-z_]*(?:\{[a-z]+="[^"]*"\})?))re")) {
      const std::string name = use.substr(0, use.find('{'));
      if (marks.contains(name) || name == "muster_library") continue;  // the latter is CMake's
      ++named;
      ASSERT_TRUE(known.contains(name)) << page.name << ": " << use;
      if (name.size() == use.size()) continue;
      const std::string label = use.substr(name.size() + 1, use.find('=') - name.size() - 1);
      const std::string value = use.substr(use.find('"') + 1, use.size() - use.find('"') - 3);
      const auto& labels = known[name].labels;
      const auto found =
          std::find_if(labels.begin(), labels.end(), [&](const auto& each) { return each.name == label; });
      ASSERT_NE(found, labels.end()) << page.name << ": " << use;
      EXPECT_TRUE(found->values.empty() || std::count(found->values.begin(), found->values.end(), value) == 1)
          << page.name << ": " << use;
    }
  }
  EXPECT_GT(named, 20U);
}

// "src/consul/agent" stands for a pair of files.
TEST(Docs, EveryPathOfThisRepositoryThatIsNamedExists) {
  std::size_t named = 0;
  for (const Page& page : pages()) {
    for (const std::string& path :
         matches(page.text, R"re(`((?:src|include|tests|deploy|docs|scripts|\.ci)/[\w./-]*[\w-])/?[` ])re")) {
      ++named;
      const fs::path target = root() / path;
      EXPECT_TRUE(fs::exists(target) || fs::exists(target.string() + ".h")) << page.name << ": " << path;
    }
  }
  EXPECT_GT(named, 20U);
}

}  // namespace
}  // namespace muster::cli
