#include "units/config.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "units/check.h"
#include "units/items.h"
#include "units/layers.h"
#include "units/reader.h"

namespace muster::units {
namespace {

constexpr std::size_t kMostChecks = 20, kMetaValue = 512, kTagBytes = 255;

class Maker : private Reader {
 public:
  using Reader::Reader;

  void run() {
    const std::optional<UnitName> name = parse_name(input_.name);
    if (!name) {
      out_.mistakes.push_back({{input_.name, 0}, "not the name of a unit, as in web.service or web@8081.service"});
      return;
    }
    name_ = *name;
    std::vector<Mistake> mistakes = input_.text.mistakes;
    read_layers(mistakes);
    std::set<std::string> sections;
    for (const Layer& layer : layers_) {
      for (const auto& [section, wishes] : layer) sections.insert(section);
    }
    out_.wanted = !sections.empty();
    if (!out_.wanted) return;
    out_.mistakes = std::move(mistakes);
    drop_twins(sections);
    take_life(sections);
    for (const std::string& section : sections) take_service(section);
  }

 private:
  void tell(ServiceConfig& service, std::string key, std::string value, Place place, std::string from = {}) {
    service.told.push_back({std::move(key), std::move(value), std::move(place), std::move(from)});
  }
  static Place fallback() { return {"default", 0}; }

  // Consul's catalog compares ids without case, so that one of two such services would overwrite the other for ever.
  // The one whose header stands first is taken. (A section without a header has a number for its name.)
  void drop_twins(std::set<std::string>& sections) {
    std::map<std::string, const Entry*> first;  // by its name in lower case
    for (const Entry& header : input_.text.sections) {
      const auto name = service_section(header.section);
      if (!name || !sections.contains(*name)) continue;
      const Entry& other = *first.try_emplace(lower(*name), &header).first->second;
      if (service_section(other.section) == name) continue;
      sections.erase(*name);
      mistake(header.place, "[" + header.section + "]: differs from [" + other.section + "] at " +
                                to_string(other.place) +
                                " in case alone, and Consul takes both for one; not used: give it another name");
    }
  }

  // --- of the whole unit ---
  void take_life(const std::set<std::string>& sections) {
    for (const char* key : {"Drain", "Ready", "OnRestart"}) {
      for (const std::string& section : sections) {
        const Scalar said = scalar(section, key);
        if (!said.given) continue;
        if (said.sound) set_life(key, said);
        break;
      }
    }
  }

  void set_life(const std::string& key, const Scalar& said) {
    const std::string value = lower(said.value);
    if (key == "Drain") {
      const auto text = value == "0" ? Result<std::string>("0s") : make_duration(value);
      if (text) out_.drain = *parse_duration(*text);
      if (!text) mistake(said.place, "Drain=" + said.shown + ": not a duration such as 5s");
    } else if (key == "Ready") {
      if (value == "notify" && !notifies()) {
        mistake(said.place, "Ready=notify: needs Type=notify in [Service]; taken as Ready=active");
      } else if (value == "notify") {
        out_.ready = Ready::Notify;
      } else if (value == "check") {
        out_.ready = Ready::Check;
      } else if (value != "active") {
        mistake(said.place, "Ready=" + said.shown + ": give active, notify or check");
      }
    } else {
      set_restart(said);
    }
  }

  void set_restart(const Scalar& said) {
    const Words words = split_words(lower(said.value));
    const std::string word = words.words.empty() ? "" : words.words.front();
    if (word == "keep" && words.words.size() == 1) {
      out_.on_restart.hold.reset();
    } else if (word == "remove" && words.words.size() == 1) {
      out_.on_restart.hold = std::chrono::milliseconds(0);
    } else if (word == "hold" && words.words.size() <= 2) {
      if (words.words.size() == 1) return;
      if (const auto text = make_duration(words.words.back())) {
        out_.on_restart.hold = *parse_duration(*text);
        return;
      }
      mistake(said.place, "OnRestart=" + said.shown + ": not a duration such as hold 10s");
    } else {
      mistake(said.place, "OnRestart=" + said.shown + ": give hold, hold DURATION, keep or remove");
    }
  }

  // A unit whose text is not known to us (a transient one) is believed.
  bool notifies() const {
    std::string type;
    bool any = false;
    for (const Entry& entry : input_.text.entries) {
      if (entry.section != "Service") continue;
      any = true;
      if (entry.key == "Type") type = entry.value;
    }
    return !any || type.starts_with("notify");
  }

  // --- of one service ---
  void take_service(const std::string& section) {
    ServiceConfig service;
    service.section = section;
    const bool named = take_name(service);
    const bool reached = take_port(service);
    const bool placed = take_address(service);
    if (!named || !reached || !placed) {
      out_.broken.push_back(section);
      return;
    }
    take_tags(service);
    take_meta(service);
    take_checks(service);
    take_weight(service);
    take_override(service);
    out_.services.push_back(std::move(service));
  }

  bool take_name(ServiceConfig& service) {
    const Scalar said = scalar(service.section, "Name");
    if (!said.sound) return false;
    const std::string raw = said.given ? said.value : default_name(service.section);
    service.name = dns_label(lower(raw)) ? raw : dns_name(raw);
    const Place place = said.given ? said.place : Place{input_.name, 0};
    const std::string shown = said.given ? said.shown : raw;
    if (service.name.empty()) {
      mistake(place, "Name=" + shown + ": nothing of it can stand in a DNS label; letters, digits and dashes can");
      return false;
    }
    if (said.given && service.name != raw) {
      mistake(place, "Name=" + shown + ": not a DNS label (letters, digits and dashes, at most 63)" +
                         (shown == raw ? "; registered as " + service.name : "; registered as what is left of it"));
    }
    tell(service, "Name", service.name, said.given ? said.place : fallback(), said.from);
    return true;
  }

  // An escape such as \x2d would leave "x2d" in it.
  std::string default_name(const std::string& section) const {
    const bool escaped = name_.prefix.find('\\') != std::string::npos;
    const std::string prefix = escaped ? unescape(name_.prefix).value_or(name_.prefix) : name_.prefix;
    return prefix + (section.empty() ? "" : "-" + section);
  }

  bool take_port(ServiceConfig& service) {
    const Scalar said = scalar(service.section, "Port");
    if (!said.sound) return false;
    if (!said.given) return true;
    if (lower(said.value) == "socket") {
      out_.listens = true;
      for (const std::string& listen : input_.listen) {
        if (service.port == 0) service.port = port_of(listen);
      }
      if (service.port == 0) mistake(said.place, "Port=socket: the unit has no .socket that listens on a TCP port");
    } else {
      service.port = static_cast<std::uint16_t>(number(said.value, 1, 65535).value_or(0));
      if (service.port == 0) {
        mistake(said.place, "Port=" + said.shown + ": not a port; give 1 to 65535, %i, ${VARIABLE} or socket");
      }
    }
    if (service.port == 0) return false;
    tell(service, "Port", std::to_string(service.port), said.place, said.from);
    return true;
  }

  bool take_address(ServiceConfig& service) {
    const Scalar said = scalar(service.section, "Address");
    if (!said.sound) return false;
    if (!said.given) return true;
    if (!usable_ip(said.value) && !host_name(said.value)) {
      mistake(said.place, "Address=" + said.shown +
                              ": neither an IP address (without brackets) nor a host name; leave it empty for that of "
                              "the Consul agent");
      return false;
    }
    service.address = said.value;
    tell(service, "Address", service.address, said.place, said.from);
    return true;
  }

  // Calls `take` for each item of a list, expanded.
  template <typename Split, typename Take>
  void each_item(const std::string& section, const std::string& key, Split split_items, Take take) {
    const std::vector<Raw>* raws = find(section, key);
    if (raws == nullptr) return;
    for (const Raw& raw : *raws) {
      const std::vector<std::string> items = raw.finished ? std::vector{raw.value} : split_items(raw);
      for (const std::string& item : items) {
        if (auto value = expanded(key, item, raw)) take(*std::move(value), raw);
      }
    }
  }

  void take_tags(ServiceConfig& service) {
    each_item(
        service.section, "Tags", [](const Raw& raw) { return split_list(raw.value); },
        [&](std::string tag, const Raw& raw) {
          if (tag.empty()) return;  // %i of a unit without an instance
          if (tag.size() > kTagBytes || !printable(tag))
            return mistake(raw.place, "Tags=: over 255 bytes, or not printable");
          if (std::find(service.tags.begin(), service.tags.end(), tag) != service.tags.end()) return;
          tell(service, "Tags", tag, raw.place);
          service.tags.push_back(std::move(tag));
        });
  }

  void take_meta(ServiceConfig& service) {
    const auto words = [&](const Raw& raw) {
      Words split = split_words(raw.value);
      if (!split.sound) mistake(raw.place, "Meta=" + shown(raw) + ": a quote without its end, or an unknown escape");
      return split.words;
    };
    each_item(service.section, "Meta", words, [&](const std::string& pair, const Raw& raw) {
      const Place& place = raw.place;
      const std::size_t equals = pair.find('=');
      const std::string key = pair.substr(0, equals);
      const std::string value = equals == pair.npos ? "" : pair.substr(equals + 1);
      if (equals == pair.npos || !meta_key(key)) {
        return mistake(place, "Meta=" + (raw.variable.empty() ? pair : shown(raw)) +
                                  ": give key=value, the key of letters, digits, - and _; a value with blanks stands "
                                  "in quotes, as in \"key=two words\"");
      }
      if (key == "external-source" || key == "unit" || key == "machine-id") {
        return mistake(place, "Meta=" + key + ": muster fills it in; choose another key");
      }
      if (value.size() > kMetaValue || !printable(value)) {
        return mistake(place, "Meta=" + key + ": the value is over 512 bytes, or not printable");
      }
      service.meta[key] = value;
      tell(service, "Meta", pair, place);
    });
  }

  void take_checks(ServiceConfig& service) {
    const std::vector<Raw>* raws = find(service.section, "Check");
    const std::size_t before = service.told.size();
    for (const Raw& raw : raws == nullptr ? std::vector<Raw>{} : *raws) {
      std::string from;
      const auto plain = expanded("Check", raw.value, raw);
      const auto text = plain ? filled("Check", *plain, raw, from) : std::nullopt;
      if (!text) continue;
      const std::string seen = shown_check(raw.variable.empty() ? *plain : shown(raw));
      const auto line = check_line(*text, service);
      if (!line) {
        mistake(raw.place, "Check=" + seen + ": " + why_not(raw, *plain, service));
      } else if (service.checks.size() == kMostChecks) {
        mistake(raw.place, "Check=: more than 20 of one service; the rest is left out");
      } else {
        take_check(service, *line);
        tell(service, "Check", seen, raw.place, from);
      }
    }
    if (service.told.size() == before) tell(service, "Check", "unit", fallback());
  }

  static Result<CheckLine> check_line(const std::string& text, const ServiceConfig& service) {
    const Words words = split_words(text);
    if (!words.sound) return fail(Fault::Item, "a quote without its end");
    return make_check(words.words, service.address, service.port);
  }

  // The reason quotes the line, and a variable or a login may be a secret: then it is that of the line without it.
  static std::string why_not(const Raw& raw, const std::string& plain, const ServiceConfig& service) {
    if (raw.variable.empty()) {
      const auto line = check_line(without_login(plain), service);
      if (!line) return line.error().message;
    }
    return "what stands there once variables are filled in makes no check: " + std::string(kCheckKinds);
  }

  void take_check(ServiceConfig& service, const CheckLine& line) {
    switch (line.what) {
      case CheckLine::What::None:
        service.unit_check = false;
        return;
      case CheckLine::What::Unit:
        service.unit_check_ttl = line.check.ttl;
        return;
      case CheckLine::What::Consul:
        service.checks.push_back(line.check);
        // The process itself said that it is ready, so nobody need wait for the first look at it.
        if (service.checks.back().status.empty() && out_.ready == Ready::Notify) {
          service.checks.back().status = "passing";
        }
    }
  }

  void take_weight(ServiceConfig& service) {
    const Scalar said = scalar(service.section, "Weight");
    if (!said.given || !said.sound) return;
    const std::vector<std::string> parts = split_words(said.value).words;
    const auto passing = parts.empty() ? std::nullopt : number(parts.front(), 1, 65535);
    const auto warning = parts.size() < 2 ? std::optional(1U) : number(parts[1], 0, 65535);
    if (!passing || !warning || parts.size() > 2) {
      return mistake(said.place, "Weight=" + said.shown + ": give 1 to 65535, and perhaps that of a warning behind it");
    }
    service.weight = static_cast<std::uint16_t>(*passing);
    service.weight_warning = static_cast<std::uint16_t>(*warning);
    tell(service, "Weight", said.value, said.place, said.from);
  }

  void take_override(ServiceConfig& service) {
    const Scalar said = scalar(service.section, "EnableTagOverride");
    if (!said.given || !said.sound) return;
    const auto value = boolean(said.value);
    if (!value) return mistake(said.place, "EnableTagOverride=" + said.shown + ": give yes or no");
    service.enable_tag_override = *value;
    tell(service, "EnableTagOverride", *value ? "yes" : "no", said.place, said.from);
  }
};

}  // namespace

UnitConfig make_config(const UnitInput& input, const Machine& machine) {
  UnitConfig out;
  out.unit = input.name;
  out.partial = input.text.partial;
  Maker(input, machine, out).run();
  return out;
}

}  // namespace muster::units
