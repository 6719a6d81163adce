#include "units/layers.h"

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "units/specifier.h"

namespace muster::units {
namespace {

constexpr std::string_view kOurs = "X-Consul";
constexpr std::size_t kMostSectionBytes = 63;

bool known(std::string_view key) { return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys); }

// "Tags" for "tag" and "tags".
std::string meant(std::string_view key) {
  for (const std::string_view each : kKeys) {
    const std::string wanted = lower(each), given = lower(key);
    if (given == wanted || given + "s" == wanted || given == wanted + "s") return std::string(each);
  }
  return "";
}

std::string unknown_key(const std::string& key) {
  const std::string likely = meant(key);
  if (!likely.empty()) return key + ": not a key of [X-Consul]; did you mean " + likely + "?";
  std::string all;
  for (const char* each : kKeys) all += (all.empty() ? "" : ", ") + std::string(each);
  return key + ": not a key of [X-Consul]; they are " + all;
}

void assign(Wishes& wishes, const std::string& key, Raw raw) {
  std::vector<Raw>& values = wishes[key];
  if (raw.value.empty()) {
    values.clear();
  } else {
    values.push_back(std::move(raw));
  }
}

bool section_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !name.empty() && name.size() <= kMostSectionBytes && std::all_of(name.begin(), name.end(), fits);
}

// As systemd takes them: it drops an assignment whose name no shell would take, or whose value holds control
// characters.
bool sound(const Variable& variable) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
  };
  return !variable.name.empty() && !(variable.name.front() >= '0' && variable.name.front() <= '9') &&
         std::all_of(variable.name.begin(), variable.name.end(), fits) && valid_utf8(variable.value) &&
         std::none_of(variable.value.begin(), variable.value.end(), control);
}

// The last of a name wins, in the place of the first.
void put(std::vector<Variable>& variables, Variable variable) {
  const auto same = [&](const Variable& each) { return each.name == variable.name; };
  std::erase_if(variables, same);
  variables.push_back(std::move(variable));
}

}  // namespace

std::string shown(const Raw& raw) { return raw.variable.empty() ? raw.value : "${" + raw.variable + "}"; }

std::optional<std::string> service_section(const std::string& section) {
  if (!section.starts_with(kOurs)) return std::nullopt;
  std::string_view rest = std::string_view(section).substr(kOurs.size());
  if (rest.empty()) return "";
  if (rest.front() != ':' && rest.front() != ' ') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') rest = rest.substr(1, rest.size() - 2);
  return std::string(rest);
}

Layer layer_of_text(const UnitText& text, std::vector<Mistake>& mistakes) {
  Layer out;
  for (const Entry& header : text.sections) {
    const auto section = service_section(header.section);
    if (!section) continue;
    if (section->empty() || section_name(*section)) {
      out[*section];
    } else {
      mistakes.push_back(
          {header.place, "[" + header.section + "]: a service's name is 1 to 63 of a-z, A-Z, 0-9, - _ ."});
    }
  }
  for (const Entry& entry : text.entries) {
    const auto section = service_section(entry.section);
    if (!section || !out.contains(*section)) continue;
    if (known(entry.key)) {
      assign(out[*section], entry.key, {entry.value, entry.place, false});
    } else if (!entry.key.starts_with("X-")) {
      mistakes.push_back({entry.place, unknown_key(entry.key)});
    }
  }
  return out;
}

std::vector<Variable> environment_of(const UnitText& text, const UnitName& unit, const Machine& machine) {
  std::vector<Variable> out;
  for (const Entry& entry : text.entries) {
    if (entry.section != "Service" || entry.key != "Environment") continue;
    if (entry.value.empty()) out.clear();
    for (const std::string& word : split_words(entry.value).words) {
      const Expanded plain = expand(word, unit, machine);
      const std::size_t equals = plain.text.find('=');
      if (!plain.faults.empty() || equals == plain.text.npos) continue;
      Variable variable{plain.text.substr(0, equals), plain.text.substr(equals + 1), entry.place};
      if (sound(variable)) put(out, std::move(variable));
    }
  }
  return out;
}

std::vector<Variable> environment_of(const std::vector<std::string>& told) {
  std::vector<Variable> out;
  for (const std::string& each : told) {
    const std::size_t equals = each.find('=');
    if (equals == each.npos || equals == 0) continue;
    put(out, {each.substr(0, equals), each.substr(equals + 1), {"Environment", 0}});
  }
  return out;
}

Layer layer_of_quadlet(const UnitText& text, const UnitName& unit, const Machine& machine,
                       std::vector<Mistake>& mistakes) {
  Layer out = layer_of_text(text, mistakes);
  std::vector<Variable> labels;
  std::map<std::string, std::string> published;
  std::optional<Raw> port;
  for (const Entry& entry : text.entries) {
    if (entry.section != "Container" && entry.section != "X-Container" && entry.section != "Pod") continue;
    if (entry.key == "Label") {
      if (entry.value.empty()) labels.clear();
      for (const std::string& word : split_words(entry.value).words) {
        const std::string plain = expand(word, unit, machine).text;
        if (const std::size_t equals = plain.find('='); equals != plain.npos) {
          put(labels, {plain.substr(0, equals), plain.substr(equals + 1), entry.place});
        }
      }
    } else if (entry.key == "PublishPort") {  // [[ip:]host:]container[/protocol]
      const std::string plain = expand(entry.value, unit, machine).text;
      const std::vector<std::string> parts = split(plain.substr(0, plain.find('/')), ':');
      if (parts.size() < 2 || parts[parts.size() - 2].empty()) continue;  // any free port: nobody tells us which
      published[parts.back()] = parts[parts.size() - 2];
      if (!port) port = Raw{parts[parts.size() - 2], entry.place, true};
    }
  }
  for (auto& [section, wishes] : layer_of_variables(labels, published, mistakes)) out[section].merge(wishes);
  if (const auto first = out.find(""); port && first != out.end() && !first->second.contains("Port")) {
    first->second["Port"] = {*port};
  }
  return out;
}

}  // namespace muster::units
