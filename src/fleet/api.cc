#include "fleet/api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/text.h"

namespace muster::fleet {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostNameBytes = 255;

// Empty where there is none, or where it is no text.
std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  const auto* value = found == object.end() ? nullptr : found->get_ptr<const std::string*>();
  return value == nullptr ? "" : *value;
}

bool name(const std::string& value) { return !value.empty() && value.size() <= kMostNameBytes && printable(value); }

// Walks the rows of `list`; `read` answers false for one that cannot be.
template <typename Row, typename Read>
Result<Page<Row>> decode(std::string_view body, const char* list, Read read) {
  const Json document = Json::parse(body, nullptr, false);
  if (!document.is_object()) return fail(Fault::Keep, "not a JSON object; fleet's API v1 is expected");
  if (document.contains("error")) return fail(Fault::Keep, "an error in the place of an answer");
  Page<Row> page;
  page.next = text(document, "nextPageToken");
  const auto rows = document.find(list);
  if (rows == document.end() && document.empty()) return page;
  if (rows == document.end()) {
    return fail(Fault::Keep, std::string("neither ") + list + " nor fleet's empty answer {}: probably not fleet's API");
  }
  if (!rows->is_array()) return fail(Fault::Keep, std::string(list) + ": not a list");
  if (rows->size() > kMostRows) {
    return fail(Fault::Keep, "more than " + std::to_string(kMostRows) + " " + list + "; is this fleet's API?");
  }
  for (const Json& each : *rows) {
    Row row;
    if (each.is_object() && read(each, row)) {
      page.rows.push_back(std::move(row));
    } else {
      page.rejections.push_back({Reason::NoId, "", std::string("fleet: a row of ") + list + " without usable names"});
    }
  }
  return page;
}

}  // namespace

bool is_global(const UnitRow& unit) {
  bool global = false;
  for (const Option& option : unit.options) {
    if (option.section == "X-Fleet" && option.name == "Global") global = lower(option.value) == "true";
  }
  return global;
}

Result<Page<MachineRow>> decode_machines(std::string_view body) {
  return decode<MachineRow>(body, "machines", [](const Json& each, MachineRow& row) {
    row.id = text(each, "id");
    row.ip = text(each, "primaryIP");
    if (!usable_ip(row.ip)) row.ip.clear();
    return name(row.id);
  });
}

Result<Page<UnitRow>> decode_units(std::string_view body) {
  return decode<UnitRow>(body, "units", [](const Json& each, UnitRow& row) {
    row.name = text(each, "name");
    row.desired = text(each, "desiredState");
    row.machine = text(each, "machineID");
    const auto options = each.find("options");
    if (options != each.end() && options->is_array()) {
      for (const Json& option : *options) {
        if (option.is_object()) {
          row.options.push_back({text(option, "section"), text(option, "name"), text(option, "value")});
        }
      }
    }
    return name(row.name);
  });
}

Result<Page<StateRow>> decode_states(std::string_view body) {
  return decode<StateRow>(body, "states", [](const Json& each, StateRow& row) {
    row.unit = text(each, "name");
    row.machine = text(each, "machineID");
    row.load = text(each, "systemdLoadState");
    row.active = text(each, "systemdActiveState");
    row.sub = text(each, "systemdSubState");
    return name(row.unit) && name(row.machine);
  });
}

}  // namespace muster::fleet
