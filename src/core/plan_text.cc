#include "core/plan_text.h"

#include <algorithm>

#include "core/text.h"

namespace muster {
namespace {

// Character by character: what is no text, or what a terminal would obey.
std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
    out += printable(character) ? character : "?";
    text.remove_prefix(character.size());
  }
  return out;
}

char sign(Verb verb) {
  switch (verb) {
    case Verb::Register:
      return '+';
    case Verb::Deregister:
    case Verb::DeregisterCheck:
      return '-';
    default:
      return '~';
  }
}

std::string line(const Action& action, const std::string& held) {
  std::string out = std::string("  ") + sign(action.verb) + " " + std::string(to_string(action.verb)) + " " +
                    action.service.name + " " + action.service.id;
  if (!action.check_id.empty()) out += " " + action.check_id;
  out += "  (" + action.why + ")";
  if (!held.empty()) out += "  held: " + held;
  return clean(out) + "\n";
}

}  // namespace

std::string plan_text(const AgentKey& agent, const Plan& plan) {
  std::string out;
  for (const Action& action : plan.actions) out += line(action, "");
  for (const Held& held : plan.held) out += line(held.action, held.reason);
  for (const Conflict& conflict : plan.conflicts) {
    out += clean("  ! conflict " + conflict.service_id + "  (" + conflict.detail + ")") + "\n";
  }
  for (const std::string& id : plan.stale)
    out += clean("  ? stale " + id + "  (unmarked, matches nothing; kept)") + "\n";
  for (const std::string& id : plan.strays)
    out += clean("  ? stray " + id + "  (ours, under another prefix; kept)") + "\n";
  return out.empty() ? out : agent.url + "\n" + out;
}

}  // namespace muster
