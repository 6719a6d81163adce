#include "units/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/folder.h"

namespace muster::units {
namespace {

using support::Folder;
using Strings = std::vector<std::string>;

TEST(UnitFile, DropInsAreReadInTheGivenOrder) {
  const Folder folder;
  const std::string fragment = folder.write("a.service", "[X-Consul]\nName=a\n");
  const std::string first = folder.write("z.conf", "[X-Consul]\nName=b\n");
  const std::string second = folder.write("a.conf", "[X-Consul]\nName=c\n");
  const auto text = read_unit(fragment, {first, second});
  ASSERT_TRUE(text);
  ASSERT_EQ(text->entries.size(), 3U);
  EXPECT_EQ(text->entries[2].value, "c");
  EXPECT_EQ(to_string(text->entries[1].place), first + ":2");
}

TEST(UnitFile, ADropInThatCannotBeReadIsAMistakeAndTheRestGoesOn) {
  const Folder folder;
  const std::string fragment = folder.write("a.service", "[X-Consul]\nName=a\n");
  const auto text = read_unit(fragment, {folder / "missing.conf", folder.write("b.conf", "[X-Consul]\nName=b\n")});
  ASSERT_TRUE(text);
  EXPECT_EQ(text->entries.size(), 2U);
  ASSERT_EQ(text->mistakes.size(), 1U);
  EXPECT_EQ(text->mistakes[0].place.file, folder / "missing.conf");
}

TEST(UnitFile, AFragmentThatCannotBeReadIsAnErrorThatNamesIt) {
  const Folder folder;
  std::filesystem::create_symlink(folder / "b", folder / "a");
  std::filesystem::create_symlink(folder / "a", folder / "b");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  folder.write("huge", std::string(kMostBytes + 1, '#'));
  for (const auto& [name, why] :
       {std::pair("a", "loop of symbolic links"), std::pair("pipe", "not a regular file"),
        std::pair("huge", "over 1 MiB"), std::pair("missing", "No such file"), std::pair(".", "not a regular file")}) {
    const auto text = read_unit(folder / name, {});
    ASSERT_FALSE(text) << name;
    EXPECT_EQ(text.error().fault, Fault::Item);
    EXPECT_NE(text.error().message.find(folder / name), std::string::npos);
    EXPECT_NE(text.error().message.find(why), std::string::npos) << text.error().message;
  }
}

TEST(UnitFile, AMaskedUnitIsAnEmptyText) {
  const Folder folder;
  std::filesystem::create_symlink("/dev/null", folder / "masked.service");
  const auto text = read_unit(folder / "masked.service", {});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, UnitText{});
}

TEST(UnitFile, FindsDropInsFromTheParticularToTheGeneralSortedByFileName) {
  const Folder folder;
  const auto put = [&](const std::string& sub, const std::string& name) {
    std::filesystem::create_directories(folder / sub);
    return folder.write(sub + "/" + name, "");
  };
  const std::string type = put("service.d", "05.conf");
  put("service.d", "20.conf");
  put("a-@.service.d", "10.conf");
  const std::string dashed = put("a-@.service.d", "30.conf");
  const std::string of_template = put("a-b@.service.d", "20.conf");
  const std::string own = put("a-b@1.service.d", "10.conf");
  put("a-b@1.service.d", "readme");
  put("a-b.service.d", "99.conf");
  EXPECT_EQ(find_drop_ins(folder / "a-b@.service", "a-b@1.service"), (Strings{type, own, of_template, dashed}));
}

TEST(UnitFile, TheNeighboursOfAnInstalledUnitAreInAnyOfSystemdsFolders) {
  const Strings folders = search_folders("/etc/systemd/system/a.service");
  const auto at = [&](const char* folder) { return std::find(folders.begin(), folders.end(), folder); };
  EXPECT_LT(at("/run/systemd/system") - folders.begin(), std::ssize(folders));
  EXPECT_LT(at("/etc/systemd/system"), at("/lib/systemd/system"));
  EXPECT_NE(at("/lib/systemd/system"), folders.end());
  EXPECT_EQ(search_folders("/srv/units/a.service"), Strings{"/srv/units"});
  EXPECT_EQ(search_folders("a.service"), Strings{"."});
}

// As systemd 252 takes the links of one folder, seen with systemctl --root list-unit-files.
TEST(UnitFile, AnAliasIsTheUnitThatItsLinksLeadToAndAnInstanceStaysOne) {
  const Folder folder;
  const auto link = [&](const std::string& target, const std::string& name) {
    std::filesystem::create_symlink(target, folder / name);
  };
  const auto behind = [&](const std::string& unit, const std::string& file) {
    const NamedFile out = behind_alias({unit, folder / file});
    return out.unit + " in " + std::filesystem::path(out.file).filename().string();
  };
  folder.write("real.service", "");
  folder.write("bar@.service", "");
  link("real.service", "a.service");
  link(folder / "a.service", "b.service");
  link("bar@.service", "bar@1.service");
  link("bar@.service", "foo@1.service");
  link("bar@.service", "plain.service");
  link("real.service", "x.socket");
  link("/dev/null", "masked.service");
  link("gone.service", "c.service");
  EXPECT_EQ(behind("real.service", "real.service"), "real.service in real.service");
  EXPECT_EQ(behind("b.service", "b.service"), "real.service in real.service");
  EXPECT_EQ(behind("bar@1.service", "bar@1.service"), "bar@1.service in bar@1.service");
  EXPECT_EQ(behind("foo@1.service", "foo@1.service"), "bar@1.service in bar@.service");
  EXPECT_EQ(behind("plain.service", "plain.service"), "plain.service in plain.service") << "no alias of a template";
  EXPECT_EQ(behind("x.socket", "x.socket"), "x.socket in x.socket") << "nor of another type";
  EXPECT_EQ(behind("masked.service", "masked.service"), "masked.service in masked.service");
  EXPECT_EQ(behind("c.service", "c.service"), "gone.service in gone.service");
}

}  // namespace
}  // namespace muster::units
