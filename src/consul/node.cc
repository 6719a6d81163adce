#include "consul/node.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <functional>

#include "consul/search.h"
#include "muster/service.h"
#include "net/http.h"

namespace muster::consul {
namespace {

// Any server may answer: what it does not know yet it will tell when it does.
constexpr char kStale[] = "?stale";

struct CheckIds : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, CheckIds> {
  explicit CheckIds(const Owner& owner) : ours(":" + owner.prefix + ":") {}

  bool StartObject() {
    if (++depth == 1) id.clear(), name.clear(), kind.clear(), status.clear();
    return Default();
  }
  bool EndObject(rapidjson::SizeType) {
    if (--depth > 0) return Default();
    found.append(id).append("\n").append(name).append("\n").append(kind).append("\n");
    if (kind == "ttl" && id.find(ours) != std::string::npos) found += status;
    return Default();
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view key(text, size);
    value = depth == 1 ? field(key) : nullptr;
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (value != nullptr) value->assign(text, size);
    return Default();
  }
  bool Default() {
    value = nullptr;
    return true;
  }

  std::string* field(std::string_view key) {
    if (key == "CheckID") return &id;
    if (key == "Name") return &name;
    if (key == "Type") return &kind;
    return key == "Status" ? &status : nullptr;
  }

  const std::string ours;
  int depth = 0;
  std::string* value = nullptr;
  std::string id, name, kind, status;  // of the check that is being read
  std::string found;
};

struct FindSerf : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, FindSerf> {
  bool StartObject() {
    ++depth;
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    --depth;
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    is_id = depth == 1 && std::string_view(text, size) == "CheckID";
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    found = is_id && std::string_view(text, size) == "serfHealth";
    return !found;  // no need to read on
  }

  int depth = 0;
  bool is_id = false;
  bool found = false;
};

}  // namespace

std::string find_node_path(const AgentKey& agent) {
  const std::string filter = std::string("ServiceMeta.") + kMetaAgent + " == " + filter_literal(agent.url);
  return std::string("/v1/catalog/service/") + kCanaryName + kStale + "&near=_agent&filter=" + net::escape(filter);
}

std::string decode_node(std::string_view body, const AgentKey& agent, const Owner& owner) {
  const auto found = decode_canaries(body, owner.id);
  if (!found) return {};
  for (const Found& each : *found) {
    if (each.agent == agent) return each.node;
  }
  return {};
}

std::string node_services_path(const std::string& node) {
  return "/v1/catalog/node-services/" + net::escape(node) + kStale;
}

std::string node_checks_path(const std::string& node) { return "/v1/health/node/" + net::escape(node) + kStale; }

bool has_agent(std::string_view checks) {
  FindSerf handler;
  rapidjson::MemoryStream stream(checks.data(), checks.size());
  rapidjson::Reader reader;
  reader.Parse<rapidjson::kParseIterativeFlag>(stream, handler);
  return handler.found;
}

std::uint64_t digest_services(std::string_view body) { return std::hash<std::string_view>{}(body); }

std::uint64_t digest_checks(std::string_view body, const Owner& owner) {
  CheckIds ids(owner);
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  if (reader.Parse(stream, ids).IsError()) return std::hash<std::string_view>{}(body);
  return std::hash<std::string_view>{}(ids.found);
}

}  // namespace muster::consul
