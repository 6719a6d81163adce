#include "nomad/fields.h"

#include <limits>
#include <utility>

namespace muster::nomad {
namespace {

constexpr std::size_t kMostProblems = 16;  // of one item: a document of nothing but errors stays small

}  // namespace

Fields::Fields(Json object, std::string where, std::vector<std::string>& problems)
    : object_(object), where_(std::move(where)), problems_(problems) {
  if (object.kind() != Json::Kind::Object) note("is no object");
}

void Fields::note(std::string_view what) {
  sound_ = false;
  if (problems_.size() < kMostProblems) problems_.push_back(where_ + ": " + std::string(what));
}

Json Fields::wanted(std::string_view name, Json::Kind kind, const char* what) {
  const Json value = object_[name];
  if (value.nothing()) return {};
  if (value.kind() == kind) return value;
  note(std::string(name) + " is no " + what);
  return {};
}

std::string Fields::text(std::string_view name) {
  return std::string(wanted(name, Json::Kind::Text, "text").text().value_or(""));
}

std::int64_t Fields::integer(std::string_view name) {
  const Json value = wanted(name, Json::Kind::Number, "number");
  if (value.nothing()) return 0;
  if (const auto number = value.integer()) return *number;
  note(std::string(name) + " is no whole number");
  return 0;
}

std::uint64_t Fields::index(std::string_view name) {
  const std::int64_t value = integer(name);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

int Fields::small(std::string_view name) {
  const std::int64_t value = integer(name);
  if (value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max()) {
    return static_cast<int>(value);
  }
  note(std::string(name) + " is out of range");
  return 0;
}

bool Fields::boolean(std::string_view name) {
  return wanted(name, Json::Kind::Boolean, "boolean").boolean().value_or(false);
}

Json Fields::object(std::string_view name) { return wanted(name, Json::Kind::Object, "object"); }

Json Fields::list(std::string_view name) { return wanted(name, Json::Kind::Array, "list"); }

std::vector<std::string> Fields::texts(std::string_view name) {
  const Json values = list(name);
  std::vector<std::string> out;
  out.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto text = values.at(i).text()) {
      out.emplace_back(*text);
    } else {
      note("an element of " + std::string(name) + " is no text");
    }
  }
  return out;
}

Meta Fields::pairs(std::string_view name) {
  const Json values = object(name);
  Meta out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto text = values.at(i).text()) {
      out.emplace(values.name(i), *text);
    } else {
      note(std::string(name) + " has a value that is no text");
    }
  }
  return out;
}

}  // namespace muster::nomad
