#include "units/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "support/folder.h"
#include "units/file.h"

namespace muster::units {
namespace {

using support::Folder;
using Strings = std::vector<std::string>;

Strings decoded(const std::string& text) {
  Strings out;
  for (const Variable& each : decode_environment(text, "f").value_or(std::vector<Variable>{{"(none)", "", {}}})) {
    out.push_back(std::to_string(each.place.line) + " " + each.name + "=" + each.value);
  }
  return out;
}

// That a real systemd reads them so is shown in real_systemd_test.cc.
TEST(EnvironmentFile, IsReadAsSystemdReadsItAndEachVariableKnowsItsLine) {
  EXPECT_EQ(decoded("A=1\n\n# B=2 \\\nC=3\n; D=4\n E = x y  \nF='a'\"b\\\"\"\nG=a\\\nb\nA=9"),
            (Strings{"6 E=x y", "7 F=ab\"", "8 G=ab", "10 A=9"}));
  EXPECT_EQ(decoded("0A=1\nB-C=2\nexport D=3\nE\nF=\x01\n"), Strings{});
  EXPECT_EQ(decoded("A=\xff\nB=1\n"), Strings{"0 (none)="});
  EXPECT_EQ(decoded("# \xff\nB=1\n"), Strings{"2 B=1"});
}

TEST(EnvironmentFile, PathsAreExpandedAndOnlyAbsoluteOnesCount) {
  const UnitText text = decode_text(
      "[Service]\nEnvironmentFile=/gone\nEnvironmentFile=\nEnvironmentFile=/etc/%p-%i\nEnvironmentFile=-/x y\n"
      "EnvironmentFile=x\nEnvironmentFile=/%Q\n[Container]\nEnvironmentFile=/c\n",
      "f");
  Strings out;
  for (const EnvironmentFile& each : environment_files_of(text, *parse_name("web@1.service"), {})) {
    out.push_back((each.optional ? "-" : "") + each.path);
  }
  EXPECT_EQ(out, (Strings{"/etc/web-1", "-/x y"}));
}

TEST(EnvironmentFile, AGlobIsAllThatMatchesAndWhatIsMissingIsOnlyMissedWhereItMustBeThere) {
  const Folder folder;
  for (const char* name : {"b.env", "a.env", "c.txt"}) folder.write(name, name);
  folder.write("huge", std::string(kMostBytes + 1, '#'));
  Strings out;
  for (const FileText& each : read_environment_files({{folder / "*.env", false},
                                                      {folder / "none", true},
                                                      {folder / "none*", true},
                                                      {folder / "none", false},
                                                      {folder / "none*", false},
                                                      {folder / "huge", true}})) {
    out.push_back(each.error.empty() ? each.text : each.error.substr(folder.path().size() + 1));
  }
  EXPECT_EQ(out,
            (Strings{"a.env", "b.env", "none: No such file or directory; a file of EnvironmentFile= must be readable",
                     "none*: No such file or directory; a file of EnvironmentFile= must be readable",
                     "huge: over 1 MiB; a file of EnvironmentFile= must be smaller"}));
}

}  // namespace
}  // namespace muster::units
