#include "units/layers.h"

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "units/check.h"
#include "units/environment.h"
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
  const std::string seen = shown_check(key);  // of `Check: http://...?a=b` all that stands before the sign
  if (!likely.empty()) return seen + ": not a key of [X-Consul]; did you mean " + likely + "?";
  std::string all;
  for (const char* each : kKeys) all += (all.empty() ? "" : ", ") + std::string(each);
  return seen + ": not a key of [X-Consul]; they are " + all;
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

namespace {

bool of_quadlet(std::string_view section) {
  if (section.starts_with("X-")) section.remove_prefix(2);
  return section == "Container" || section == "Pod" || section == "Kube";
}

// [[ip:]host:]container[/protocol]; of a range of ports the first.
struct Published {
  std::string host;  // empty: any free one, and nobody tells us which
  std::string container;
  bool udp = false;
};

Published decode_published(std::string_view text) {
  Published out;
  const std::size_t slash = text.find('/');
  out.udp = slash != text.npos && lower(text.substr(slash + 1)) != "tcp";
  const std::vector<std::string> parts = split(text.substr(0, slash), ':');
  const auto first = [](const std::string& range) { return range.substr(0, range.find('-')); };
  out.container = first(parts.back());
  if (parts.size() > 1) out.host = first(parts[parts.size() - 2]);
  return out;
}

}  // namespace

Quadlet layer_of_quadlet(const UnitText& text, const UnitName& unit, const Machine& machine, Asked asked,
                         std::vector<Mistake>& mistakes) {
  Quadlet out;
  std::vector<Variable> labels;
  std::map<std::string, std::string> published;
  for (const Entry& entry : text.entries) {
    if (!of_quadlet(entry.section)) continue;
    if (entry.key == "Label") {
      if (entry.value.empty()) labels.clear();
      for (const std::string& word : split_words(entry.value).words) {
        const std::string plain = expand(word, unit, machine).text;
        if (const std::size_t equals = plain.find('='); equals != plain.npos) {
          put(labels, {plain.substr(0, equals), plain.substr(equals + 1), entry.place});
        }
      }
    } else if (entry.key == "PublishPort") {
      if (entry.value.empty()) {
        published.clear();
        out.port.reset();
      }
      const Published one = decode_published(expand(entry.value, unit, machine).text);
      if (one.host.empty()) {
        published.try_emplace(one.container, "");
        continue;
      }
      published.insert_or_assign(one.container, one.host);
      if (!out.port && !one.udp) out.port = Raw{one.host, entry.place, true};
    }
  }
  out.labels = layer_of_variables(labels, published, asked, mistakes);
  return out;
}

}  // namespace muster::units
