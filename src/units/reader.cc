#include "units/reader.h"

#include <algorithm>
#include <utility>

#include "units/items.h"
#include "units/specifier.h"

namespace muster::units {

void Reader::read_layers(std::vector<Mistake>& mistakes) {
  environment_ =
      input_.environment ? environment_of(*input_.environment) : environment_of(input_.text, name_, machine_);
  layers_ = {layer_of_text(input_.text, mistakes), layer_of_variables(environment_, {}, mistakes),
             layer_of_quadlet(input_.quadlet, name_, machine_, mistakes)};
}

void Reader::mistake(const Place& place, std::string text) { out_.mistakes.push_back({place, std::move(text)}); }

const std::vector<Raw>* Reader::find(const std::string& section, const std::string& key) const {
  for (const Layer& layer : layers_) {
    const auto wishes = layer.find(section);
    if (wishes == layer.end()) continue;
    const auto found = wishes->second.find(key);
    if (found != wishes->second.end()) return &found->second;
  }
  return nullptr;
}

std::optional<std::string> Reader::expanded(const std::string& key, const std::string& text, const Raw& raw) {
  if (raw.finished) return text;
  Expanded result = expand(text, name_, machine_);
  for (const std::string& fault : result.faults) {
    mistake(raw.place, key + "=" + (raw.variable.empty() ? text : shown(raw)) + ": " + fault);
  }
  if (!result.faults.empty()) return std::nullopt;
  return std::move(result.text);
}

std::optional<std::string> Reader::filled(const std::string& key, std::string text, const Raw& raw) {
  const std::string seen = key + "=" + public_part(raw.variable.empty() ? text : shown(raw));
  for (std::size_t at = text.find("${"); at != text.npos; at = text.find("${", at)) {
    const std::size_t end = text.find('}', at);
    const std::string variable = end == text.npos ? "" : text.substr(at + 2, end - at - 2);
    const auto found = std::find_if(environment_.begin(), environment_.end(),
                                    [&](const Variable& each) { return each.name == variable; });
    if (found == environment_.end()) {
      const std::string name = raw.variable.empty() ? "${" + variable + "}" : "a variable that it names";
      mistake(raw.place,
              seen + ": " + name + " is not in the unit's Environment=; files of EnvironmentFile= are not read");
      return std::nullopt;
    }
    text.replace(at, end - at + 1, found->value);
    at += found->value.size();
  }
  return text;
}

Reader::Scalar Reader::scalar(const std::string& section, const std::string& key) {
  Scalar out;
  const std::vector<Raw>* raws = find(section, key);
  if (raws == nullptr || raws->empty()) return out;
  const Raw& last = raws->back();
  out.given = true;
  out.place = last.place;
  auto value = expanded(key, last.value, last);
  out.shown = last.variable.empty() && value ? *value : shown(last);
  if (value) value = filled(key, *std::move(value), last);
  out.sound = value.has_value();
  if (value) out.value = *std::move(value);
  return out;
}

}  // namespace muster::units
