#include "nomad/json.h"

#include <rapidjson/document.h>

#include <utility>

namespace muster::nomad {
namespace {

using Value = rapidjson::Value;

const Value* of(const void* value) { return static_cast<const Value*>(value); }

}  // namespace

Json::Kind Json::kind() const {
  if (value_ == nullptr) return Kind::Absent;
  switch (of(value_)->GetType()) {
    case rapidjson::kNullType:
      return Kind::Null;
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return Kind::Boolean;
    case rapidjson::kNumberType:
      return Kind::Number;
    case rapidjson::kStringType:
      return Kind::Text;
    case rapidjson::kArrayType:
      return Kind::Array;
    case rapidjson::kObjectType:
      return Kind::Object;
  }
  return Kind::Absent;
}

Json Json::operator[](std::string_view name) const {
  if (kind() != Kind::Object) return {};
  const Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto found = of(value_)->FindMember(key);
  return found == of(value_)->MemberEnd() ? Json{} : Json{&found->value};
}

std::size_t Json::size() const {
  switch (kind()) {
    case Kind::Array:
      return of(value_)->Size();
    case Kind::Object:
      return of(value_)->MemberCount();
    default:
      return 0;
  }
}

Json Json::at(std::size_t index) const {
  if (kind() == Kind::Array) return Json{&(*of(value_))[static_cast<rapidjson::SizeType>(index)]};
  return Json{&(of(value_)->MemberBegin() + static_cast<std::ptrdiff_t>(index))->value};
}

std::string_view Json::name(std::size_t index) const {
  const Value& name = (of(value_)->MemberBegin() + static_cast<std::ptrdiff_t>(index))->name;
  return {name.GetString(), name.GetStringLength()};
}

std::optional<std::string_view> Json::text() const {
  if (kind() != Kind::Text) return std::nullopt;
  return std::string_view{of(value_)->GetString(), of(value_)->GetStringLength()};
}

std::optional<std::int64_t> Json::integer() const {
  if (kind() != Kind::Number || !of(value_)->IsInt64()) return std::nullopt;
  return of(value_)->GetInt64();
}

std::optional<bool> Json::boolean() const {
  if (kind() != Kind::Boolean) return std::nullopt;
  return of(value_)->GetBool();
}

struct JsonDocument::Held {
  std::string bytes;
  rapidjson::Document document;
};

std::optional<JsonDocument> JsonDocument::parse(std::string bytes) {
  auto held = std::make_unique<Held>();
  held->bytes = std::move(bytes);
  if (held->bytes.find('\0') != std::string::npos) return std::nullopt;  // the reader would take it for the end
  constexpr unsigned kFlags =
      rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  held->document.ParseInsitu<kFlags>(held->bytes.data());
  if (held->document.HasParseError()) return std::nullopt;
  return JsonDocument(std::move(held));
}

JsonDocument::JsonDocument(std::unique_ptr<Held> held) : held_(std::move(held)) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

Json JsonDocument::root() const { return Json{&held_->document}; }

}  // namespace muster::nomad
