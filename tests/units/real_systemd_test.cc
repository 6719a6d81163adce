// What we make of unit files, held against what a real systemd makes of the same ones.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "support/process.h"
#include "support/systemd.h"
#include "units/environment.h"
#include "units/file.h"
#include "units/specifier.h"

namespace muster::units {
namespace {

using support::SystemdHost;
using Files = std::map<std::string, std::string>;

constexpr char kMachine[] = "00000000000000000000000000000d1f";
constexpr char kFolder[] = "etc/systemd/system/";

const char* const kNames[] = {"plain.service",          "foo-bar.service",     "a.b.service",
                              "web@8081.service",       "foo-bar@x-y.service", "sp@a\\x20b-c.service",
                              "es\\x2dcaped-x@.service"};
// Without %H and %l, whose value inside is not ours, and without what depends on accounts.
const char* const kTexts[] = {"%n|%N|%p|%i|%j|%P|%I|%J",
                              "%m %b %v %o %w %a",
                              "100%% %%i",
                              "end%",
                              "%t %S %C %L %E %T %V",
                              "%f",
                              "%U %u %h",
                              "a%zb",
                              "5%, %-%_%"};

std::string object_path(const std::string& unit) {
  std::string out = "/org/freedesktop/systemd1/unit/";
  for (const char c : unit) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    char escaped[4];
    std::snprintf(escaped, sizeof escaped, "_%02x", static_cast<unsigned char>(c));
    out += plain ? std::string(1, c) : std::string(escaped);
  }
  return out;
}

nlohmann::json property(const SystemdHost& host, const std::string& unit, const std::string& interface,
                        const std::string& name) {
  const auto got =
      support::run({{"busctl", "--address=" + host.bus(), "--json=short", "get-property", "org.freedesktop.systemd1",
                     object_path(unit), "org.freedesktop.systemd1." + interface, name}});
  const auto parsed = nlohmann::json::parse(got.out, nullptr, false);
  EXPECT_TRUE(parsed.is_object()) << unit << " " << name << ": " << got.out << got.err;
  return parsed.is_object() ? parsed.at("data") : nlohmann::json();
}

std::string instance_of(const std::string& name, std::size_t number) {
  return name.ends_with("@.service") ? name.substr(0, name.size() - 8) + std::to_string(number) + ".service" : name;
}

// Fragments and drop-ins of random Environment= lines: quotes, escapes, continuations, comments, resets, damage.
std::string random_environment(std::minstd_rand& random) {
  static const char* const kWords[] = {"A=1",        "\"B=x y\"", "'C=%i %%'", "D=a\\x20b", "E=q\"u o\"te", "F=%n",
                                       "G=tail\\\\", "A=2",       "H=\\u00e4", "B=",        "\"I=a\\\"b\"", "J='\"'",
                                       "K=\\101\\s", "L=100%%",   "M=a;b",     "N=#x",      "O=a=b",        "P=%p-%i",
                                       "T=%z",       "0=digit",   "U-V=dash",  "W=a\\rb"};
  static const char* const kDamage[] = {"\"Q=open", "R=\\q", "S=\\"};
  std::string out = "[Service]\n";
  for (std::size_t line = 0, lines = 1 + random() % 4; line < lines; ++line) {
    if (random() % 5 == 0) out += "Environment=\n";
    if (random() % 5 == 0) out += "# Environment=Z=1 \\\n";
    out += random() % 2 == 0 ? "Environment=" : " Environment = ";
    for (std::size_t word = 0, words = random() % 5; word < words; ++word) {
      out += std::string(random() % 12 == 0 ? kDamage[random() % 3] : kWords[random() % std::size(kWords)]);
      out += random() % 4 == 0 ? " \\\n" : random() % 6 == 0 ? "\\\n  " : random() % 7 == 0 ? " \\\n; comment\n" : " ";
    }
    out += random() % 6 == 0 ? "\r\n" : "\n";
  }
  return out;
}

// Files of EnvironmentFile=: what people write, and soup of all characters that mean something in them.
std::string random_variables(std::minstd_rand& random) {
  static const char* const kLines[] = {"VA=1",
                                       " VB = two words  ",
                                       "VC=\"q \\\" \\$x \\z\" tail ",
                                       "VD='s \\ q'x",
                                       "# VE=comment \\",
                                       "; VF=x",
                                       "export VG=1",
                                       "VH=a\\",
                                       "VI=\\tx\\\\y",
                                       "VJ=",
                                       "VK",
                                       "VA=2",
                                       "VL=\"open",
                                       "VM=%i $VA ${VA}",
                                       "VN=#no;comment",
                                       "0V=digit",
                                       "V-O=dash",
                                       "VP=\xc3\xa4",
                                       "VQ=a=b",
                                       "VR=x \\",
                                       "VS=\"two\\\nlines\"",
                                       "VT='two\nlines'"};
  static const std::string kSoup = "VA=B \t\"'\\#;$`x\n\r=\n";
  std::string out;
  for (std::size_t line = 0, lines = random() % 8; line < lines; ++line) {
    if (random() % 3 == 0) {
      for (std::size_t i = 0, size = random() % 30; i < size; ++i) out += kSoup[random() % kSoup.size()];
      if (random() % 30 == 0) out += '\xff';
    } else {
      out += kLines[random() % std::size(kLines)];
    }
    if (random() % 8 != 0) out += random() % 6 == 0 ? "\r\n" : "\n";
  }
  return out;
}

// What `/usr/bin/env -0` wrote, as far as it begins with V.
std::set<std::string> printed(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::set<std::string> out;
  for (std::string each; std::getline(in, each, '\0');) {
    if (each.starts_with("V")) out.insert(each);
  }
  return out;
}

class RealSystemd : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = support::no_systemd();
    if (why.empty()) return;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
};

TEST_F(RealSystemd, ExpandsSpecifiersAsWeDo) {
  Files files;
  std::vector<std::pair<std::string, std::string>> cases;  // unit, text
  for (const char* name : kNames) {
    for (const char* text : kTexts) {
      const std::size_t number = cases.size();
      std::string unit = name;
      unit.insert(0, "c" + std::to_string(number) + "-");
      unit = instance_of(unit, number);
      files[kFolder + unit] = "[Unit]\nDescription=" + std::string(text) + "\n[Service]\nExecStart=/bin/true\n";
      cases.emplace_back(unit, text);
    }
  }
  const SystemdHost host(kMachine, files);
  auto machine = read_machine("", false);
  ASSERT_TRUE(machine) << machine.error().message;
  machine->id = kMachine;
  for (const auto& [unit, text] : cases) {
    const Expanded ours = expand(text, *parse_name(unit), *machine);
    // What cannot be expanded is an assignment dropped, and a unit without a description is described by its name.
    EXPECT_EQ(property(host, unit, "Unit", "Description"), ours.faults.empty() ? ours.text : unit)
        << unit << ": " << text;
  }
}

TEST_F(RealSystemd, ReadsEnvironmentLinesAndDropInsAsWeDo) {
  std::minstd_rand random(20);
  constexpr std::size_t kCases = 40;
  Files files;
  for (std::size_t i = 0; i < kCases; ++i) {
    const std::string unit = std::string(kFolder) + "e" + std::to_string(i) + "@x-" + std::to_string(i) + ".service";
    files[unit] = "[Service]\nExecStart=/bin/true\n" + random_environment(random);
    for (const char* name : {"20.conf", "10.conf"}) {
      if (random() % 2 == 0) files[unit + ".d/" + name] = random_environment(random);
    }
  }
  const SystemdHost host(kMachine, files);
  const Machine machine{kMachine};
  for (std::size_t i = 0; i < kCases; ++i) {
    const std::string unit = "e" + std::to_string(i) + "@x-" + std::to_string(i) + ".service";
    UnitText text = decode_text(files.at(kFolder + unit), unit);
    std::string shown = files.at(kFolder + unit);
    for (const char* name : {"10.conf", "20.conf"}) {
      const auto drop_in = files.find(kFolder + unit + ".d/" + name);
      if (drop_in == files.end()) continue;
      append(text, decode_text(drop_in->second, name));
      shown += "--- " + std::string(name) + "\n" + drop_in->second;
    }
    std::set<std::string> ours;
    for (const Variable& each : environment_of(text, *parse_name(unit), machine))
      ours.insert(each.name + "=" + each.value);
    const std::set<std::string> theirs = property(host, unit, "Service", "Environment");
    EXPECT_EQ(theirs, ours) << unit << "\n" << shown;
  }
}

// Each of 80 units prints the environment that it was started with.
TEST_F(RealSystemd, ReadsEnvironmentFilesAsWeDo) {
  std::minstd_rand random(7);
  constexpr std::size_t kCases = 80;
  Files files;
  std::vector<std::string> start{"start"};
  for (std::size_t i = 0; i < kCases; ++i) {
    const std::string unit = "f" + std::to_string(i) + "@x.service";
    std::string text =
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/env -0\nStandardOutput=file:/run/out-%N\n"
        "Environment=VA=unit VZ=unit\n";
    for (const char* line : {"/etc/env/%p/a", "-/etc/env/%p/b", "-/etc/env/%p/none", "/etc/env/%p/[c-z]*", "relative",
                             "-/etc/env/%Q", "-/etc/env/%p/none*"}) {
      if (random() % 2 == 0) text += "EnvironmentFile=" + std::string(line) + "\n";
      if (random() % 12 == 0) text += "EnvironmentFile=\n";
    }
    files[kFolder + unit] = text;
    for (const char* name : {"a", "b", "y", "d"}) {
      files["etc/env/f" + std::to_string(i) + "/" + name] = random_variables(random);
    }
    start.push_back(unit);
  }
  const SystemdHost host(kMachine, files);
  host.ctl(start, true);
  const std::string root = "/proc/" + std::to_string(host.pid()) + "/root";
  std::size_t refused = 0;
  for (std::size_t i = 0; i < kCases; ++i) {
    const std::string unit = "f" + std::to_string(i) + "@x.service";
    const UnitText text = decode_text(files.at(kFolder + unit), unit);
    std::vector<EnvironmentFile> named = environment_files_of(text, *parse_name(unit), {kMachine});
    for (EnvironmentFile& file : named) file.path.insert(0, root);
    std::vector<Variable> known = environment_of(text, *parse_name(unit), {kMachine});
    std::string shown = files.at(kFolder + unit);
    bool starts = true;
    for (const FileText& file : read_environment_files(named)) {
      shown += "--- " + file.path + "\n" + file.text + "\n";
      const auto said = decode_environment(file.text, file.path);
      for (const Variable& each : said.value_or(std::vector<Variable>{})) put(known, each);
      starts = starts && ((said && file.error.empty()) || file.optional);
    }
    refused += !starts;
    EXPECT_EQ(host.state(unit) == "active", starts) << unit << "\n" << shown;
    if (!starts) continue;
    std::set<std::string> ours;
    for (const Variable& each : known) {
      if (each.name.starts_with("V")) ours.insert(each.name + "=" + each.value);
    }
    EXPECT_EQ(printed(root + "/run/out-f" + std::to_string(i) + "@x"), ours) << unit << "\n" << shown;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, kCases / 4);
}

TEST_F(RealSystemd, FindsTheDropInsThatWeFindInTheSameOrder) {
  Files files;
  const std::string unit = "a-b@1-2.service";
  files[std::string(kFolder) + "a-b@.service"] = "[Service]\nExecStart=/bin/true\n";
  int number = 0;
  for (const char* folder : {"service.d", "a-@.service.d", "a-@1-2.service.d", "a-b@.service.d", "a-b@1-2.service.d",
                             "a-b.service.d", "a-.service.d", "a@.service.d"}) {
    for (const std::string& name :
         {std::string("50-same.conf"), std::to_string(90 - 10 * number) + ".conf", std::string("ignored.txt")}) {
      files[std::string(kFolder) + folder + "/" + name] = "[Service]\n";
    }
    ++number;
  }
  const SystemdHost host(kMachine, files);
  const support::Folder mirror;
  for (const auto& [path, text] : files) {
    const std::string name = path.substr(std::string(kFolder).size());
    if (name.find('/') != name.npos) std::filesystem::create_directories(mirror / name.substr(0, name.find('/')));
    mirror.write(name, text);
  }
  std::vector<std::string> ours, theirs;
  for (const std::string& path : find_drop_ins(mirror / "a-b@.service", unit)) {
    ours.push_back(path.substr(mirror.path().size() + 1));
  }
  for (const std::string path : property(host, unit, "Unit", "DropInPaths")) {
    theirs.push_back(path.substr(std::string("/").size() + std::string(kFolder).size()));
  }
  EXPECT_EQ(theirs, ours);
}

// The reason for [X-Consul:NAME]: quotes in a section header keep the whole unit from being loaded.
TEST_F(RealSystemd, LoadsAUnitWithAColonInItsSectionAndNoneWithQuotes) {
  const std::string service = "[Service]\nExecStart=/bin/true\n";
  const SystemdHost host(kMachine,
                         {{std::string(kFolder) + "colon.service", service + "[X-Consul:admin]\nName=a\n"},
                          {std::string(kFolder) + "quote.service", service + "[X-Consul \"admin\"]\nName=a\n"}});
  EXPECT_EQ(property(host, "colon.service", "Unit", "LoadState"), "loaded");
  EXPECT_NE(property(host, "quote.service", "Unit", "LoadState"), "loaded");
}

}  // namespace
}  // namespace muster::units
