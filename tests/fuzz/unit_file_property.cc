#include "fuzz/unit_file_property.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "core/text.h"
#include "units/config.h"
#include "units/environment.h"
#include "units/instances.h"
#include "units/text.h"

namespace muster::fuzz {
namespace {

using units::UnitConfig;
using units::UnitText;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "unit file: %s\n", what);
  std::abort();
}

void check_text(const UnitText& text, std::string_view bytes) {
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n') +
                                              std::count(bytes.begin(), bytes.end(), '\r')) +
                     1;
  require(text.entries.size() <= units::kMostEntries + 1, "more entries than there may be");
  std::size_t before = 0;
  for (const units::Entry& entry : text.entries) {
    require(!entry.key.empty() && !entry.section.empty(), "an entry without a key or a section");
    require(entry.place.line > before && entry.place.line <= lines, "lines out of order");
    before = entry.place.line;
  }
}

// A text means the same with the line ends of another system.
void check_line_ends(const UnitText& text, std::string_view bytes) {
  if (bytes.find('\r') != bytes.npos || bytes.size() > units::kMostBytes / 2) return;
  std::string other;
  for (const char c : bytes) other += c == '\n' ? "\r\n" : std::string(1, c);
  require(units::decode_text(other, "f").entries == text.entries, "the line ends change the entries");
}

void check_config(const UnitConfig& config, const units::Machine& machine) {
  for (const units::ServiceConfig& service : config.services) {
    require(dns_label(lower(service.name)), "a name that is no DNS label");
    require(service.address.empty() || usable_ip(service.address) || host_name(service.address),
            "an address that is none");
    for (const std::string& tag : service.tags) require(!tag.empty() && printable(tag), "a tag that is not printable");
    for (const Check& check : service.checks) {
      const int kinds = !check.http.empty() + !check.tcp.empty() + !check.grpc.empty() + !check.ttl.empty();
      require(kinds == 1, "a check of no kind, or of several");
    }
    require(std::find(config.broken.begin(), config.broken.end(), service.section) == config.broken.end(),
            "a service that is whole and broken");
  }
  require(config.wanted || (config.services.empty() && config.broken.empty()), "services that nobody wants");
  require(units::instance_ids(config, machine).size() == config.services.size() + config.broken.size(), "ids are lost");
  require(units::make_instances(config, {}, machine, {}, false).size() == config.services.size(), "services are lost");
}

// The same bytes as a file of EnvironmentFile=.
void check_environment(std::string_view bytes) {
  const auto said = units::decode_environment(bytes, "e");
  require(said || said.error().message.starts_with("e: "), "an error that does not name its file");
  if (!said) return;
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
  std::set<std::string> names;
  for (const units::Variable& each : *said) {
    require(!each.name.empty() && each.name.find_first_of("= \t\r\n") == each.name.npos, "a name that is none");
    require(names.insert(each.name).second, "a name that stands there twice");
    require(valid_utf8(each.value), "a value that is not UTF-8");
    require(each.place.line > 0 && each.place.line <= lines, "a line that is not there");
  }
}

}  // namespace

void check_unit_file(std::string_view bytes) {
  const units::Machine machine{"0123456789abcdef0123456789abcdef", {{'H', "host"}}};
  check_environment(bytes);
  const UnitText text = units::decode_text(bytes, "f");
  check_text(text, bytes);
  check_line_ends(text, bytes);
  const units::UnitInput fragment{"web@8081.service", text};
  const UnitConfig config = units::make_config(fragment, machine);
  check_config(config, machine);
  require(config == units::make_config(fragment, machine), "the same text means two things");
  units::UnitInput files{"web.service", text};
  files.files = {units::FileText{"/e", std::string(bytes)}};
  check_config(units::make_config(files, machine), machine);
  units::UnitInput variables{"web.service", {}};
  variables.environment = split(bytes.substr(0, 4096), '\n');
  check_config(units::make_config(variables, machine), machine);
}

}  // namespace muster::fuzz
