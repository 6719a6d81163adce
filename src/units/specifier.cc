#include "units/specifier.h"

#include <optional>

namespace muster::units {
namespace {

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Behind the last dash, or all of it.
std::string_view last_part(std::string_view prefix) { return prefix.substr(prefix.rfind('-') + 1); }

// unit_name_path_unescape for an instance, the prefix as a path without one (systemd: specifier_filename).
std::optional<std::string> path_of(const UnitName& unit) {
  const std::string& from = unit.instance.empty() && !unit.is_template ? unit.prefix : unit.instance;
  if (from.empty()) return std::nullopt;
  if (from == "-") return "/";
  if (from.front() == '-' || from.back() == '-' || from.find("--") != from.npos) return std::nullopt;
  const auto plain = unescape(from);
  if (!plain) return std::nullopt;
  return "/" + *plain;
}

// What the unit's own name gives. Nothing: not a specifier of the name, or one that the name cannot answer (`broken`).
std::optional<std::string> from_name(char letter, const UnitName& unit, bool& broken) {
  std::optional<std::string> out;
  switch (letter) {
    case 'n':
      return unit.full;
    case 'N':
      return unit.full.substr(0, unit.full.size() - unit.suffix.size() - 1);
    case 'p':
      return unit.prefix;
    case 'i':
      return unit.instance;
    case 'j':
      return std::string(last_part(unit.prefix));
    case 'P':
      out = unescape(unit.prefix);
      break;
    case 'I':
      out = unescape(unit.instance);
      break;
    case 'J':
      out = unescape(last_part(unit.prefix));
      break;
    case 'f':
      out = path_of(unit);
      break;
    default:
      return std::nullopt;
  }
  broken = !out;
  return out;
}

}  // namespace

Expanded expand(std::string_view text, const UnitName& unit, const Machine& machine) {
  constexpr std::string_view kOfTheMachine = "aAbBCdDEgGhHlLMoqsStTuUvVwWyY";
  Expanded out;
  while (!text.empty()) {
    const std::size_t percent = text.find('%');
    out.text += text.substr(0, percent);
    if (percent == text.npos) break;
    text.remove_prefix(percent + 1);
    if (text.empty()) {
      out.text += '%';  // a lone one at the end is itself, as in systemd
      break;
    }
    const char letter = text.front();
    text.remove_prefix(1);
    if (letter == '%' || !alphanumeric(letter)) {  // nothing that could ever be one: "5%, 6%"
      out.text += letter == '%' ? "%" : std::string{'%', letter};
      continue;
    }
    bool broken = false;
    const auto fact = machine.facts.find(letter);
    if (fact != machine.facts.end()) {
      out.text += fact->second;
    } else if (letter == 'm' && !machine.id.empty()) {
      out.text += machine.id;
    } else if (const auto value = from_name(letter, unit, broken)) {
      out.text += *value;
    } else {
      const std::string specifier = {'%', letter};
      if (broken) {
        out.faults.push_back(specifier + ": the name " + unit.full + " has no such part that can be unescaped");
      } else if (letter == 'm' || kOfTheMachine.find(letter) != kOfTheMachine.npos) {
        out.faults.push_back(specifier + ": not known to muster here; write the value itself");
      } else {
        out.faults.push_back(specifier + ": not a specifier; a percent sign is written %%");
      }
      out.text += specifier;
    }
  }
  return out;
}

}  // namespace muster::units
