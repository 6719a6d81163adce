#include "consul/search.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "consul/peer.h"
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

Result<std::vector<Found>> find_canaries(net::HttpClient& client, const Credentials& credentials,
                                         const AgentKey& through, const std::string& owner, std::stop_token stop) {
  Peer peer(client, credentials, through.url);
  const std::string filter = std::string("ServiceMeta.") + kMetaOwner + " == " + filter_literal(owner);
  const auto body =
      peer.get(std::string("/v1/catalog/service/") + kCanaryName + "?filter=" + net::escape(filter), stop);
  if (!body) return tl::unexpected(body.error());
  auto found = decode_canaries(*body, owner);
  if (!found || !found->empty()) return found;
  // Nothing, or nothing that we may see? Every catalog has nodes, if only its servers.
  const auto nodes = peer.get("/v1/catalog/nodes", stop);
  if (!nodes) return tl::unexpected(nodes.error());
  if (json::parse(*nodes, nullptr, false).empty()) {
    return fail(Fault::Retry, through.url + ": the catalog shows no node; give the token node:read and service:read");
  }
  return found;
}

Result<std::vector<std::string>> find_holders(net::HttpClient& client, const Credentials& credentials,
                                              const AgentKey& through, const std::string& owner, std::stop_token stop) {
  Peer peer(client, credentials, through.url);
  const auto body = peer.get("/v1/catalog/nodes", stop);
  if (!body) return tl::unexpected(body.error());
  const json nodes = json::parse(*body, nullptr, false);
  if (!nodes.is_array()) return fail(Fault::Retry, through.url + ": the list of nodes is not a list");
  const std::string filter = std::string("Meta.") + kMetaOwner + " == " + filter_literal(owner);
  std::vector<std::string> out;
  for (const json& node : nodes) {
    const std::string path =
        "/v1/catalog/node-services/" + net::escape(text(node, "Node")) + "?filter=" + net::escape(filter);
    const auto held = peer.get(path, stop);
    if (!held) return tl::unexpected(held.error());
    const json services = json::parse(*held, nullptr, false);
    const bool any = services.is_object() && services.contains("Services") && !services["Services"].empty();
    if (any) out.push_back(text(node, "Address"));
  }
  return out;
}

Result<std::vector<Found>> decode_canaries(std::string_view body, std::string_view owner) {
  const json list = json::parse(body, nullptr, false);
  if (!list.is_array()) return fail(Fault::Retry, "search for canaries: not a list");
  std::vector<Found> out;
  for (const json& entry : list) {
    const auto meta = entry.is_object() ? entry.find("ServiceMeta") : entry.end();
    if (!entry.is_object() || meta == entry.end() || !meta->is_object()) continue;
    Found found{{text(*meta, kMetaAgent)}, text(entry, "Node"), text(entry, "Address"), text(entry, "ID")};
    if (text(*meta, kMetaOwner) == owner && !found.agent.url.empty()) out.push_back(std::move(found));
  }
  return out;
}

}  // namespace muster::consul
