#include "units/reader.h"

#include <algorithm>
#include <utility>

#include "units/check.h"
#include "units/specifier.h"

namespace muster::units {

void Reader::read_layers(std::vector<Mistake>& mistakes) {
  read_environment();
  Layer own = layer_of_text(input_.text, mistakes);
  const bool section = own.contains("");
  Layer variables = layer_of_variables(environment_, {}, section ? Asked::OfOurs : Asked::Nobody, mistakes);
  Quadlet quadlet =
      layer_of_quadlet(input_.text, name_, machine_, section ? Asked::OfAnyKind : Asked::Nobody, mistakes);
  layers_ = {std::move(own), std::move(variables), std::move(quadlet.labels)};
  const bool asked = std::any_of(layers_.begin(), layers_.end(), [](const Layer& layer) { return layer.contains(""); });
  if (asked && quadlet.port) layers_.back()[""].try_emplace("Port", std::vector{*quadlet.port});
}

// Files win over Environment=, and later files over earlier ones: what stands behind one that cannot be read is known.
void Reader::read_environment() {
  environment_ =
      input_.environment ? environment_of(*input_.environment) : environment_of(input_.text, name_, machine_);
  known_ = environment_;
  if (!input_.files) return;
  for (const FileText& file : *input_.files) {
    Result<std::vector<Variable>> said = decode_environment(file.text, file.path);
    if (!said && file.optional) continue;
    if (said && file.error.empty()) {
      for (Variable& variable : *said) put(known_, std::move(variable));
    } else {
      known_.clear();
      unread_ = file.error.empty() ? said.error().message : file.error;
    }
  }
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
    mistake(raw.place, key + "=" + shown_check(raw.variable.empty() ? text : shown(raw)) + ": " + fault);
  }
  if (!result.faults.empty()) return std::nullopt;
  return std::move(result.text);
}

std::optional<std::string> Reader::filled(const std::string& key, std::string text, const Raw& raw, std::string& from) {
  const std::string seen = key + "=" + shown_check(raw.variable.empty() ? text : shown(raw));
  for (std::size_t at = text.find("${"); at != text.npos; at = text.find("${", at)) {
    out_.fills = true;
    const std::size_t end = text.find('}', at);
    if (end == text.npos) {
      mistake(raw.place, seen + ": ${ without its }");
      return std::nullopt;
    }
    const std::string variable = text.substr(at + 2, end - at - 2);
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const Variable& each) { return each.name == variable; });
    if (found == known_.end()) {
      out_.partial = out_.partial || !unread_.empty();
      mistake(raw.place,
              seen + ": " + (raw.variable.empty() ? "${" + variable + "}" : "a variable that it names") + why_unset());
      return std::nullopt;
    }
    const std::string told = variable + " at " + to_string(found->place);
    if (raw.variable.empty() && from.find(told) == from.npos) from += (from.empty() ? "" : ", ") + told;
    text.replace(at, end - at + 1, found->value);
    at += found->value.size();
  }
  return text;
}

std::string Reader::why_unset() const {
  if (!unread_.empty()) return " is not known, since a file of EnvironmentFile= cannot be read: " + unread_;
  if (input_.files) return " is neither in the unit's Environment= nor in a file of its EnvironmentFile=";
  return " is not in the unit's Environment=; files of EnvironmentFile= are those of the machine that it runs on";
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
  if (value) value = filled(key, *std::move(value), last, out.from);
  out.sound = value.has_value();
  if (value) out.value = *std::move(value);
  return out;
}

}  // namespace muster::units
