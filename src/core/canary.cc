#include "core/canary.h"

#include "core/canonical.h"

namespace muster {

std::string canary_id(const Owner& owner) { return owner.prefix + ":canary:" + owner.id; }

Service make_canary(const AgentKey& agent, const Owner& owner) {
  Service out;
  out.id = canary_id(owner);
  out.name = kCanaryName;
  out.meta[kMetaOwner] = owner.id;
  out.meta[kMetaSource] = kCanarySource;
  out.meta[kMetaAgent] = agent.url;
  out.meta[kMetaHash] = definition_hash(out);
  return out;
}

}  // namespace muster
