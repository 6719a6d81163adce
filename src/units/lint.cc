#include "units/lint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "core/text.h"
#include "units/config.h"
#include "units/file.h"
#include "units/instances.h"
#include "units/items.h"
#include "units/name.h"
#include "units/specifier.h"

namespace muster::units {
namespace {

namespace fs = std::filesystem;

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

bool is_quadlet(const fs::path& path) { return parse_quadlet_name(path.filename().string()).has_value(); }

// "x.container" is x.service, and "x.pod" is x-pod.service.
std::string generated_name(const fs::path& path) {
  return path.stem().string() + (path.extension() == ".pod" ? "-pod.service" : ".service");
}

NamedFile subject_of(const fs::path& path) {
  NamedFile out{path.filename(), path};
  if (is_quadlet(path)) out.unit = generated_name(path);
  const std::optional<UnitName> name = parse_name(out.unit);
  if (!name) return out;
  if (name->is_template) {
    out.unit = name->prefix + "@1." + name->suffix;
  } else if (!name->instance.empty() && !is_there(path)) {
    const std::string extension = is_quadlet(path) ? path.extension().string() : "." + name->suffix;
    out.file = (path.parent_path() / (name->prefix + "@" + extension)).string();
  }
  return out;
}

// ServiceName= of a Quadlet file.
std::optional<std::string> named_by_itself(const UnitText& text) {
  std::optional<std::string> out;
  for (const Entry& entry : text.entries) {
    const bool quadlet = entry.section == "Container" || entry.section == "Pod" || entry.section == "Kube";
    if (quadlet && entry.key == "ServiceName") out = entry.value + ".service";
  }
  return out;
}

// A unit whose files have been read.
struct Whole {
  UnitName name;
  UnitText text;
};

// ListenStream= of a .socket. An empty assignment resets those of all kinds.
std::vector<std::string> listens_of(const Whole& socket, const Machine& machine) {
  std::vector<std::string> out;
  for (const Entry& entry : socket.text.entries) {
    if (entry.section != "Socket" || !entry.key.starts_with("Listen")) continue;
    if (entry.value.empty()) out.clear();
    Expanded address = expand(entry.value, socket.name, machine);
    if (entry.key != "ListenStream" || entry.value.empty() || !address.faults.empty()) continue;
    out.push_back(std::move(address.text));
  }
  return out;
}

// Service= of a .socket, or the service of its own name; with Accept= an instance for each connection.
bool starts(const Whole& socket, const UnitName& unit, const std::vector<std::string>& folders,
            const Machine& machine) {
  std::string service = fs::path(socket.name.full).replace_extension(".service");
  bool accept = false;
  for (const Entry& entry : socket.text.entries) {
    if (entry.section != "Socket") continue;
    if (entry.key == "Accept") accept = boolean(entry.value).value_or(accept);
    if (entry.key != "Service") continue;
    const Expanded named = expand(entry.value, socket.name, machine);
    if (named.faults.empty() && named.text.ends_with(".service")) service = named.text;
  }
  if (accept) return unit.suffix == "service" && !unit.instance.empty() && unit.prefix == socket.name.prefix;
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return behind_alias({service, (fs::path(folder) / service).string()}).unit == unit.full;
  });
}

// Sockets= of a service.
bool names(const Whole& unit, const std::string& socket, const Machine& machine) {
  for (const Entry& entry : unit.text.entries) {
    if (entry.section != "Service" || entry.key != "Sockets") continue;
    for (const std::string& word : split_words(entry.value).words) {
      if (expand(word, unit.name, machine).text == socket) return true;
    }
  }
  return false;
}

// The .socket files there, by unit, in the order of their names. A template stands for the unit's own instance.
std::map<std::string, std::string> sockets_in(const std::vector<std::string>& folders, const UnitName& unit) {
  std::map<std::string, std::string> out, made;
  const auto take = [&](const fs::path& path) {
    const std::optional<UnitName> name = parse_name(path.filename().string());
    if (!name || name->suffix != "socket" || (name->is_template && unit.instance.empty())) return;
    const std::string own = name->is_template ? name->prefix + "@" + unit.instance + ".socket" : name->full;
    NamedFile socket = behind_alias({own, path.string()});
    (name->is_template ? made : out).emplace(std::move(socket.unit), std::move(socket.file));
  };
  for (const std::string& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      take(entry->path());
    }
  }
  out.merge(made);  // an instance's own file wins over its template
  return out;
}

// What Port=socket is taken from: a .socket's own, and otherwise those of the sockets that start the unit.
std::vector<std::string> listens_for(const Whole& unit, const std::string& file, const Machine& machine) {
  if (unit.name.suffix == "socket") return listens_of(unit, machine);
  const std::vector<std::string> folders = search_folders(file);
  std::vector<std::string> out;
  for (const auto& [name, path] : sockets_in(folders, unit.name)) {
    Result<UnitText> text = read_unit(path, find_drop_ins(path, name));
    if (!text) continue;
    const Whole socket{*parse_name(name), *std::move(text)};
    if (!starts(socket, unit.name, folders, machine) && !names(unit, name, machine)) continue;
    const std::vector<std::string> listens = listens_of(socket, machine);
    out.insert(out.end(), listens.begin(), listens.end());
  }
  return out;
}

std::string seconds(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + "s" : std::to_string(time.count()) + "ms";
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

std::string text_of(const UnitConfig& config, const Machine& machine) {
  static constexpr const char* kReady[] = {"active", "notify", "check"};
  std::string out;
  for (const ServiceConfig& service : config.services) {
    out += "  service " + service.name + "  (" + instance_id(machine.id, config.unit, service.section) + ")\n";
    std::size_t width = 0;
    for (const Told& told : service.told) width = std::max(width, told.key.size() + told.value.size() + 1);
    for (const Told& told : service.told) {
      out += "    " + padded(told.key + "=" + told.value, std::min<std::size_t>(width, 60)) + to_string(told.place) +
             (told.from.empty() ? "" : " (" + told.from + ")") + "\n";
    }
  }
  const auto& hold = config.on_restart.hold;
  out += "  ready: " + std::string(kReady[static_cast<std::size_t>(config.ready)]) +
         ", drain: " + seconds(config.drain) + ", on restart: " +
         (!hold                ? "keep"
          : hold->count() == 0 ? "remove"
                               : "hold " + seconds(*hold)) +
         "\n";
  return out;
}

}  // namespace

Lint lint(const std::string& path, const Machine& machine) {
  const NamedFile asked = subject_of(path), subject = behind_alias(asked);
  const bool alias = subject.unit != asked.unit;
  UnitInput input;
  input.name = subject.unit;
  auto text =
      read_unit(subject.file, find_drop_ins(subject.file, alias ? subject.unit : fs::path(path).filename().string()));
  if (!text) return {"mistake: " + text.error().message + "\n", false};
  input.text = *std::move(text);
  input.name = named_by_itself(input.text).value_or(input.name);
  if (const auto name = parse_name(input.name)) {
    input.listen = listens_for({*name, input.text}, subject.file, machine);
    input.files = read_environment_files(environment_files_of(input.text, *name, machine));
  }
  const UnitConfig config = make_config(input, machine);
  std::vector<Mistake> mistakes = config.mistakes;
  if (!config.wanted) mistakes.insert(mistakes.end(), input.text.mistakes.begin(), input.text.mistakes.end());

  Lint out;
  out.text = printable(input.name) ? input.name : "(a name that is not printable)";
  if (alias && printable(asked.unit)) out.text += " (" + asked.unit + " is another name of it)";
  if (!config.wanted && mistakes.empty()) {
    out.text += ": asks for no service; a section [X-Consul] would\n";
    return out;
  }
  out.text += "\n" + (config.wanted ? text_of(config, machine) : "");
  for (const std::string& section : config.broken) {
    out.text += "  no service of [X-Consul" + (section.empty() ? "" : ":" + section) + "]: see its mistakes\n";
  }
  for (const Mistake& mistake : mistakes)
    out.text += "mistake: " + to_string(mistake.place) + ": " + mistake.text + "\n";
  out.sound = mistakes.empty();
  return out;
}

}  // namespace muster::units
