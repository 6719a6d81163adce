#include "units/machine.h"

#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "core/text.h"
#include "units/file.h"

namespace muster::units {
namespace {

std::string first_line(const Result<std::string>& text) {
  return text ? text->substr(0, text->find_first_of("\r\n")) : "";
}

bool is_id(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// NAME=value or NAME="value", as os-release(5) has it.
std::string from_release(const std::string& text, std::string_view name) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(std::string(name) + "=")) continue;
    const Words words = split_words(line.substr(name.size() + 1));
    if (words.sound && !words.words.empty()) return words.words.front();
  }
  return "";
}

// systemd's names where they differ from the kernel's.
std::string architecture(const std::string& kernel) {
  if (kernel == "x86_64") return "x86-64";
  if (kernel == "aarch64") return "arm64";
  if (kernel.size() == 4 && kernel.front() == 'i' && kernel.ends_with("86")) return "x86";
  if (kernel.starts_with("arm")) return "arm";
  if (kernel == "ppc64le") return "ppc64-le";
  return kernel;
}

void add_account(std::map<char, std::string>& facts, uid_t uid) {
  facts['U'] = std::to_string(uid);
  const passwd* account = getpwuid(uid);
  if (account == nullptr) return;
  facts['u'] = account->pw_name;
  facts['h'] = account->pw_dir;
  facts['s'] = account->pw_shell;
  facts['G'] = std::to_string(account->pw_gid);
}

void add_folders(std::map<char, std::string>& facts, bool user) {
  facts['T'] = "/tmp";
  facts['V'] = "/var/tmp";
  if (!user) {
    facts['t'] = "/run";
    facts['S'] = "/var/lib";
    facts['C'] = "/var/cache";
    facts['L'] = "/var/log";
    facts['E'] = "/etc";
    return;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing of ours sets variables
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  facts['t'] = runtime != nullptr ? runtime : "/run/user/" + facts['U'];
  const std::string home = facts['h'];
  facts['S'] = facts['E'] = home + "/.config";
  facts['C'] = home + "/.cache";
  facts['L'] = home + "/.config/log";
}

}  // namespace

Result<Machine> read_machine(const std::string& root, bool user) {
  const std::string path = root + "/etc/machine-id";
  Machine out;
  out.id = first_line(read_file(path));
  if (!is_id(out.id)) return fail(Fault::Retry, path + ": not a machine id; 32 hexadecimal digits are needed");
  utsname kernel{};
  if (uname(&kernel) == 0) {
    out.facts['H'] = kernel.nodename;
    out.facts['l'] = out.facts['H'].substr(0, out.facts['H'].find('.'));
    out.facts['v'] = kernel.release;
    out.facts['a'] = architecture(kernel.machine);
  }
  std::string boot = first_line(read_file("/proc/sys/kernel/random/boot_id"));
  std::erase(boot, '-');
  if (is_id(boot)) out.facts['b'] = boot;
  Result<std::string> release = read_file(root + "/etc/os-release");
  if (!release) release = read_file(root + "/usr/lib/os-release");
  if (release) {
    for (const auto& [letter, name] :
         {std::pair('o', "ID"), std::pair('w', "VERSION_ID"), std::pair('W', "VARIANT_ID"), std::pair('B', "BUILD_ID"),
          std::pair('M', "IMAGE_ID"), std::pair('A', "IMAGE_VERSION")}) {
      out.facts[letter] = from_release(*release, name);
    }
  }
  add_account(out.facts, user ? getuid() : 0);
  add_folders(out.facts, user);
  return out;
}

}  // namespace muster::units
