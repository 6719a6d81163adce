#include "units/file.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "units/name.h"

namespace muster::units {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  const int number_;
};

tl::unexpected<Error> refused(const std::string& path, const std::string& why) {
  return fail(Fault::Item, path + ": " + why);
}

std::string why_not(int number, const std::string& what) {
  if (number == ELOOP) return "a loop of symbolic links; " + what + " must lead to a file";
  return std::string(std::strerror(number)) + "; " + what + " must be readable";
}

// Where systemd lets drop-ins of one file name hide each other; the first wins.
constexpr const char* kFolders[] = {
    "/etc/systemd/system.control",   "/run/systemd/system.control", "/run/systemd/transient",
    "/etc/systemd/system",           "/run/systemd/system",         "/run/systemd/generator",
    "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",     "/lib/systemd/system"};

bool searched(const fs::path& file) {
  const std::string folder = file.parent_path().string();
  return std::find(std::begin(kFolders), std::end(kFolders), folder) != std::end(kFolders);
}

// The unit that `unit` is another name of when its file leads to `target`; as unit_validate_alias_symlink of systemd
// 252 judges it. Itself where the names are the same, or one is the other's template.
std::optional<std::string> unit_behind(const std::string& unit, const std::string& target) {
  const std::optional<UnitName> from = parse_name(unit), to = parse_name(target);
  if (!from || !to || from->suffix != to->suffix) return std::nullopt;
  if (to->is_template && !from->instance.empty()) return to->prefix + "@" + from->instance + "." + to->suffix;
  if (to->is_template != from->is_template || to->instance != from->instance) return std::nullopt;
  return to->full;
}

// From the particular to the general: a-b@1.service.d, then what its template a-b@.service has (a-.service.d too,
// without the @: so does systemd 252), then a-@1.service.d and what its template has.
void add_folders(std::vector<std::string>& folders, const UnitName& name) {
  const std::string folder = name.full + ".d";
  if (std::find(folders.begin(), folders.end(), folder) != folders.end()) return;
  folders.push_back(folder);
  const auto named = [&](const std::string& prefix, const std::string& middle) {
    return UnitName{prefix + middle + "." + name.suffix, prefix, middle.size() > 1 ? name.instance : "", name.suffix,
                    middle == "@"};
  };
  if (!name.instance.empty()) add_folders(folders, named(name.prefix, "@"));
  std::size_t dash = name.prefix.rfind('-');
  if (dash != std::string::npos && dash + 1 == name.prefix.size())
    dash = dash == 0 ? dash : name.prefix.rfind('-', dash - 1);
  if (dash == std::string::npos || dash == 0) return;
  add_folders(folders, named(name.prefix.substr(0, dash + 1), name.instance.empty() ? "" : "@" + name.instance));
}

// False: surely not, as far as the folders above it say.
bool there(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// The paths that it stands for: itself where it is no glob, or one that matches nothing.
Result<std::vector<std::string>> glob_of(const std::string& path) {
  constexpr std::size_t kMostFiles = 256;
  if (path.find_first_of("*?[") == path.npos) return std::vector{path};
  glob_t found{};
  const auto stops = [](const char*, int number) { return static_cast<int>(number != ENOENT && number != ENOTDIR); };
  const int error = glob(path.c_str(), 0, stops, &found);
  std::vector<std::string> out(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (error != 0 && error != GLOB_NOMATCH) return refused(path, "a folder of it cannot be read");
  if (out.size() > kMostFiles) return refused(path, "matches more than 256 files");
  if (out.empty()) out.push_back(path);
  return out;
}

}  // namespace

Result<std::string> read_file(const std::string& path, const char* what) {
  // O_NONBLOCK: a pipe in a unit's place must not hold us up.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return refused(path, why_not(errno, what));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return refused(path, why_not(errno, what));
  struct stat null{};
  if (S_ISCHR(status.st_mode) && stat("/dev/null", &null) == 0 && null.st_rdev == status.st_rdev) return std::string();
  if (!S_ISREG(status.st_mode)) return refused(path, "not a regular file; " + std::string(what) + " must be one");
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(path, why_not(errno, what));
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kMostBytes) return refused(path, "over 1 MiB; " + std::string(what) + " must be smaller");
  }
}

Result<UnitText> read_unit(const std::string& fragment, const std::vector<std::string>& drop_ins) {
  UnitText out;
  if (!fragment.empty()) {
    const Result<std::string> text = read_file(fragment);
    if (!text) return tl::unexpected(text.error());
    out = decode_text(*text, fragment);
  }
  for (const std::string& path : drop_ins) {
    const Result<std::string> text = read_file(path);
    if (text) {
      append(out, decode_text(*text, path));
    } else {
      out.mistakes.push_back({{path, 0}, text.error().message.substr(path.size() + 2)});
      out.partial = true;
    }
  }
  return out;
}

NamedFile behind_alias(NamedFile named) {
  constexpr int kMostLinks = 40;  // as the kernel follows; what reads the file names such a loop
  fs::path at = named.file;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const fs::path target = fs::read_symlink(at, error);
    if (error) break;
    fs::path file = (at.parent_path() / target).lexically_normal();
    if (searched(at) && !searched(file)) break;
    const std::optional<std::string> unit = unit_behind(named.unit, file.filename());
    if (!unit) break;
    if (*unit != named.unit) named = {*unit, file};
    at = std::move(file);
  }
  return named;
}

std::vector<std::string> search_folders(const std::string& fragment) {
  if (searched(fragment)) return {std::begin(kFolders), std::end(kFolders)};
  const std::string own = fs::path(fragment).parent_path().string();
  return {own.empty() ? "." : own};
}

std::vector<FileText> read_environment_files(const std::vector<EnvironmentFile>& files) {
  constexpr char kWhat[] = "a file of EnvironmentFile=";
  std::vector<FileText> out;
  for (const EnvironmentFile& file : files) {
    const Result<std::vector<std::string>> paths = glob_of(file.path);
    if (!paths) out.push_back({file.path, "", paths.error().message, file.optional});
    if (!paths) continue;
    for (const std::string& path : *paths) {
      if (file.optional && !there(path)) continue;
      const Result<std::string> text = read_file(path, kWhat);
      out.push_back({path, text.value_or(""), text ? "" : text.error().message, file.optional});
    }
  }
  return out;
}

std::vector<std::string> find_drop_ins(const std::string& fragment, const std::string& unit) {
  std::optional<UnitName> name = parse_name(unit);
  if (!name) name = parse_quadlet_name(unit);
  if (!name) return {};
  const std::vector<std::string> places = search_folders(fragment);
  std::vector<std::string> folders;
  add_folders(folders, *name);
  std::map<std::string, std::string> found;  // by file name: systemd sorts by it alone, whatever the folder
  const auto search = [&](const std::string& folder) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      if (entry->path().extension() == ".conf") found.emplace(entry->path().filename(), entry->path());
    }
  };
  for (const std::string& place : places) {
    for (const std::string& folder : folders) search(place + "/" + folder);
  }
  for (const std::string& place : places) search(place + "/" + name->suffix + ".d");
  std::vector<std::string> out;
  for (const auto& [file, path] : found) out.push_back(path);
  return out;
}

}  // namespace muster::units
