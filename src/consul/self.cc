#include "consul/self.h"

#include <initializer_list>
#include <nlohmann/json.hpp>

#include "consul/peer.h"

namespace muster::consul {
namespace {

using nlohmann::json;

std::string text(const json& object, std::initializer_list<const char*> path) {
  const json* at = &object;
  for (const char* key : path) {
    if (!at->is_object() || !at->contains(key)) return "";
    at = &at->at(key);
  }
  return at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

bool is_leaving(const Self& self) { return self.status == 2 || self.status == 3; }

Result<Self> decode_self(std::string_view body) {
  const json self = json::parse(body, nullptr, false);
  Self out{text(self, {"Config", "NodeName"}), text(self, {"Config", "NodeID"}), text(self, {"Member", "Addr"})};
  if (const auto member = self.find("Member"); member != self.end() && member->is_object()) {
    const auto status = member->find("Status");
    if (status != member->end() && status->is_number_integer()) out.status = status->get<int>();
  }
  if (out.node.empty()) return fail(Fault::Retry, "GET /v1/agent/self: no Config.NodeName");
  return out;
}

Result<Self> Selves::ask(const AgentKey& agent, const std::stop_token& stop) {
  last_.reset();
  const auto asked = Clock::now();
  const auto body = Peer(client_, credentials_, agent.url).get("/v1/agent/self", stop);
  if (!body) return tl::unexpected(body.error());
  auto self = decode_self(*body);
  if (self) last_ = Said{agent, *self, asked};
  return self;
}

Result<Self> Selves::recent(const AgentKey& agent, const std::stop_token& stop) {
  if (last_ && last_->agent == agent && Clock::now() - last_->asked <= kFresh) return last_->self;
  return ask(agent, stop);
}

}  // namespace muster::consul
