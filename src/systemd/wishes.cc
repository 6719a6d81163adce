#include "systemd/wishes.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "units/file.h"

namespace muster::systemd {
namespace {

// Whether a unit may ask to be registered. Most do not, and are spared every further question.
bool may_want(const units::UnitText& text) {
  const auto speaks = [](const units::Entry& entry) {
    const bool environment = entry.key == "Environment" || entry.key == "PassEnvironment";
    return (environment || entry.key == "Label") &&
           (entry.value.find("CONSUL_") != std::string::npos || entry.value.find("SERVICE_") != std::string::npos);
  };
  const auto names = [](const units::Entry& entry) { return entry.section.starts_with("X-Consul"); };
  return std::any_of(text.sections.begin(), text.sections.end(), names) ||
         std::any_of(text.entries.begin(), text.entries.end(), speaks);
}

}  // namespace

// What systemd itself must tell of such a unit.
Question question_of(const units::UnitInput& input) {
  Question out{input.name, false, false};
  const auto& entries = input.text.entries;
  out.environment = std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.key.ends_with("Environment") ||
           (entry.section.starts_with("X-") && entry.value.find('$') != std::string::npos);
  });
  out.status_text = std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.section == "Service" && entry.key == "Type" && entry.value.starts_with("notify");
  });
  return out;
}

// One unit on its way to its config.
struct Wishes::Draft {
  units::UnitInput input;
  Known known;
  bool wants = false;
};

std::vector<Wishes::Stamp> Wishes::stamps_of(const Origin& origin) {
  std::vector<std::string> paths{origin.fragment};
  paths.insert(paths.end(), origin.drop_ins.begin(), origin.drop_ins.end());
  std::vector<Stamp> out;
  for (std::string& path : paths) {
    struct stat status{};
    Stamp stamp{std::move(path)};
    if (stat(stamp.path.c_str(), &status) == 0) {
      stamp.changed = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
      stamp.inode = status.st_ino;
      stamp.size = status.st_size;
    }
    out.push_back(std::move(stamp));
  }
  return out;
}

// False: what is known still holds.
bool Wishes::draft(const std::string& unit, const Origin& origin, Draft& out) {
  out.input.name = unit;
  out.known.stamps = stamps_of(origin);
  Known& known = known_[unit];
  // A socket may listen elsewhere since, a file of EnvironmentFile= may be another, and rights that were missing leave
  // no trace on a file.
  const bool settled = known.config && !known.config->listens && !known.config->fills && !known.config->partial;
  if (settled && known.trouble.empty() && known.stamps == out.known.stamps) return false;
  auto text = units::read_unit(origin.fragment, origin.drop_ins);
  if (text && !(text->partial && known.config && !known.config->partial)) {
    out.input.text = *std::move(text);
  } else {
    out.known.trouble =
        text ? to_string(text->mistakes.back().place) + ": " + text->mistakes.back().text : text.error().message;
    out.known.config = known.config;
  }
  out.wants = out.known.trouble.empty() && may_want(out.input.text);
  if (!out.wants && out.known.trouble.empty()) {
    auto nothing = std::make_shared<units::UnitConfig>();
    nothing->unit = unit;
    nothing->partial = out.input.text.partial;
    if (nothing->partial) nothing->mistakes = out.input.text.mistakes;
    out.known.config = std::move(nothing);
  }
  return true;
}

std::vector<units::FileText> Wishes::files_of(const units::UnitInput& input) const {
  const std::optional<units::UnitName> name = units::parse_name(input.name);
  if (!name) return {};
  return units::read_environment_files(units::environment_files_of(input.text, *name, machine_));
}

Result<void> Wishes::finish(Manager& manager, Draft& draft, const std::stop_token& stop) {
  if (draft.wants) {
    units::UnitConfig made = make_config(draft.input, machine_);
    if (made.listens) {
      auto listen = manager.read_listen(draft.input.name, stop);
      if (!listen) return tl::unexpected(listen.error());
      draft.input.listen = *std::move(listen);
    }
    if (made.fills) draft.input.files = files_of(draft.input);
    if (made.listens || made.fills) made = make_config(draft.input, machine_);
    const ConfigPtr& before = known_[draft.input.name].config;
    if (made.partial && before && !before->partial) {  // a file of EnvironmentFile= that could be read before
      for (const units::Mistake& mistake : made.mistakes) {
        const auto& known = before->mistakes;
        if (std::find(known.begin(), known.end(), mistake) != known.end()) continue;
        draft.known.trouble = to_string(mistake.place) + ": " + mistake.text;
      }
      made = *before;
    }
    const bool same = before && *before == made;
    draft.known.config = same ? before : std::make_shared<units::UnitConfig>(std::move(made));
  }
  known_[draft.input.name] = std::move(draft.known);
  return {};
}

Result<std::vector<Wishes::Wish>> Wishes::read(Manager& manager, const std::vector<std::string>& units,
                                               const std::stop_token& stop) {
  auto origins = manager.read_origins(units, stop);
  if (!origins) return tl::unexpected(origins.error());
  std::vector<Draft> drafts;
  std::vector<Question> asked;
  std::vector<std::optional<std::size_t>> draft_of(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!(*origins)[i]) continue;
    Draft made;
    if (draft(units[i], *(*origins)[i], made)) {
      draft_of[i] = drafts.size();
      drafts.push_back(std::move(made));
    }
    const bool wants = draft_of[i] ? drafts.back().wants : known_[units[i]].config->wanted;
    if (!wants) continue;
    asked.push_back(draft_of[i] ? question_of(drafts.back().input) : Question{units[i], false, true});
  }
  auto details = manager.read_details(asked, stop);
  if (!details) return tl::unexpected(details.error());
  std::vector<Wish> out(units.size());
  for (std::size_t i = 0, next = 0; i < units.size(); ++i) {
    const bool has = next < asked.size() && asked[next].unit == units[i];
    Details* detail = has ? &(*details)[next++] : nullptr;
    if (draft_of[i]) {
      Draft& each = drafts[*draft_of[i]];
      if (detail != nullptr && detail->environment) each.input.environment = *std::move(detail->environment);
      if (auto done = finish(manager, each, stop); !done) return tl::unexpected(done.error());
    }
    if (detail != nullptr) out[i].patch = std::move(detail->patch);
    const Known& known = known_[units[i]];
    out[i].config = known.config;
    out[i].trouble = known.trouble;
    if (!(*origins)[i] && !known.config) out[i].trouble = "systemd does not tell where " + units[i] + " comes from";
  }
  return out;
}

}  // namespace muster::systemd
