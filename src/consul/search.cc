#include "consul/search.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "muster/service.h"

namespace muster::consul {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string filter_literal(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Result<std::vector<Found>> find_canaries(net::HttpClient& client, const Credentials& credentials, const AgentKey& through,
                                         const std::string& owner, std::stop_token stop) {
  const std::string filter = std::string("ServiceMeta.") + kMetaOwner + " == " + filter_literal(owner);
  net::Request request{.base = through.url,
                       .path = std::string("/v1/catalog/service/") + kCanaryName + "?filter=" + net::escape(filter)};
  if (const std::string token = credentials.token(); !token.empty()) request.headers.push_back("X-Consul-Token: " + token);
  const auto answer = client.send(request, std::move(stop));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != 200) {
    return fail(Fault::Retry, through.url + ": search for canaries: " + std::to_string(answer->status));
  }
  return decode_canaries(answer->body, owner);
}

Result<std::vector<Found>> decode_canaries(std::string_view body, std::string_view owner) {
  const json list = json::parse(body, nullptr, false);
  if (!list.is_array()) return fail(Fault::Retry, "search for canaries: not a list");
  std::vector<Found> out;
  for (const json& entry : list) {
    const auto meta = entry.is_object() ? entry.find("ServiceMeta") : entry.end();
    if (!entry.is_object() || meta == entry.end() || !meta->is_object()) continue;
    Found found{{text(*meta, kMetaAgent)}, text(entry, "Node"), text(entry, "ID")};
    if (text(*meta, kMetaOwner) == owner && !found.agent.url.empty()) out.push_back(std::move(found));
  }
  return out;
}

}  // namespace muster::consul
