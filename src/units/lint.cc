#include "units/lint.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/text.h"
#include "units/config.h"
#include "units/file.h"
#include "units/instances.h"
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

// What the operand stands for: the unit's name and the file that its text is in.
struct Subject {
  std::string unit;
  std::string file;
};

// "x.container" is x.service, and "x.pod" is x-pod.service.
std::string generated_name(const fs::path& path) {
  return path.stem().string() + (path.extension() == ".pod" ? "-pod.service" : ".service");
}

Subject subject_of(const fs::path& path) {
  Subject out{path.filename(), path};
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

// ListenStream= of the .socket beside the unit's file.
std::vector<std::string> listens_of(const std::string& file, const std::string& unit, const Machine& machine) {
  const Result<UnitText> socket = read_unit(fs::path(file).replace_extension(".socket"), {});
  std::vector<std::string> out;
  if (!socket) return out;
  for (const Entry& entry : socket->entries) {
    if (entry.section != "Socket" || entry.key != "ListenStream") continue;
    if (entry.value.empty()) out.clear();
    const std::optional<UnitName> name = parse_name(unit);
    out.push_back(name ? expand(entry.value, *name, machine).text : entry.value);
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
  const Subject subject = subject_of(path);
  UnitInput input;
  input.name = subject.unit;
  auto text = read_unit(subject.file, find_drop_ins(subject.file, fs::path(path).filename()));
  if (!text) return {"mistake: " + text.error().message + "\n", false};
  input.text = *std::move(text);
  input.name = named_by_itself(input.text).value_or(input.name);
  input.listen = listens_of(subject.file, fs::path(input.name).replace_extension(".socket"), machine);
  if (const auto name = parse_name(input.name)) {
    input.files = read_environment_files(environment_files_of(input.text, *name, machine));
  }
  const UnitConfig config = make_config(input, machine);
  std::vector<Mistake> mistakes = config.mistakes;
  if (!config.wanted) mistakes.insert(mistakes.end(), input.text.mistakes.begin(), input.text.mistakes.end());

  Lint out;
  out.text = printable(input.name) ? input.name : "(a name that is not printable)";
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
