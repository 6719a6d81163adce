#include "consul/agent.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "consul/decode.h"
#include "consul/encode.h"
#include "consul/peer.h"
#include "core/marks.h"

namespace muster::consul {
namespace {

bool holds(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// The thing to be ended is not there: that is all we wanted.
bool is_gone(Verb verb, int status, std::string_view body) {
  if (verb == Verb::DisableMaintenance) return status == 404;
  if (verb != Verb::Deregister && verb != Verb::DeregisterCheck) return false;
  return status == 404 || (status == 500 && holds(body, {"Unknown service", "Unknown check"}));
}

// Refusals that concern this one item, whatever the state of the agent.
bool is_refusal(Verb verb, int status, std::string_view body) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return true;
    case 403:
      return holds(body, {"Permission denied"}) && !holds(body, {"ACL not found"});
    case 404:
      return verb == Verb::EnableMaintenance || verb == Verb::ReportCheck;  // it went meanwhile
    case 500:
      if (verb == Verb::ReportCheck && holds(body, {"does not have associated TTL"})) return true;
      return holds(body, {"Scripts are disabled", "does not exist", "Invalid check"});
    default:
      return false;
  }
}

std::string path_of(const Action& action) {
  const Service& service = action.service;
  switch (action.verb) {
    case Verb::Register:
    case Verb::Update:
      return register_path();
    case Verb::DeregisterCheck:
      return deregister_check_path(action.check_id);
    case Verb::ReportCheck:
      return update_check_path(action.check_id);
    case Verb::EnableMaintenance:
      return maintenance_path(service.id, true, service.maintenance.value_or(""));
    case Verb::DisableMaintenance:
      return maintenance_path(service.id, false, "");
    case Verb::Deregister:
      break;
  }
  return deregister_path(service.id);
}

bool removes_canary(const Action& action) {
  return action.verb == Verb::Deregister && mark(action.marks, kMetaSource) == kCanarySource;
}

class HttpAgent : public Agent {
 public:
  HttpAgent(Peer peer, const Permit& permit) : peer_(std::move(peer)), permit_(permit) {}

  Result<Actual> read(std::stop_token stop) override;
  Applied apply(const Plan& plan, std::stop_token stop) override;

 private:
  Result<void> perform(const Action& action, const std::stop_token& stop);
  std::string body_of(const Action& action) const;

  Peer peer_;
  const Permit& permit_;
};

Result<Actual> HttpAgent::read(std::stop_token stop) {
  auto services = peer_.get("/v1/agent/services", stop);
  if (!services) return tl::unexpected(services.error());
  auto checks = peer_.get("/v1/agent/checks", stop);
  if (!checks) return tl::unexpected(checks.error());
  auto actual = decode_actual(std::move(*services), std::move(*checks));
  if (!actual) actual.error().message = peer_.url() + ": " + actual.error().message;
  return actual;
}

Applied HttpAgent::apply(const Plan& plan, std::stop_token stop) {
  Applied applied;
  for (const Action& action : plan.actions) {
    if (removes_canary(action) && !applied.failures.empty()) break;  // what was refused must be found again
    auto done = perform(action, stop);
    if (done) {
      applied.done.push_back(action);
      continue;
    }
    const bool stopped = done.error().fault != Fault::Item;
    applied.failures.push_back({action.service.id, std::move(done.error())});
    if (stopped) break;
  }
  return applied;
}

Result<void> HttpAgent::perform(const Action& action, const std::stop_token& stop) {
  const std::string path = path_of(action);
  const auto failed = [&](Fault fault, std::string text) {
    return tl::unexpected(peer_.error(fault, "PUT", path, std::move(text)));
  };
  // Without an id these paths mean something else, or nothing.
  const bool nameless = action.verb == Verb::DeregisterCheck || action.verb == Verb::ReportCheck
                            ? action.check_id.empty()
                            : action.service.id.empty();
  if (nameless) return failed(Fault::Item, "no id");
  std::string body = body_of(action);
  // The last thing before the sending: a process may be stopped for a long time anywhere above.
  if (permit_ && !permit_()) return failed(Fault::Retry, "not sent: standby, lock not held");
  auto answer = peer_.put(path, std::move(body), stop);
  if (!answer) return tl::unexpected(answer.error());
  auto verdict = judge(action.verb, answer->status, answer->body);
  if (!verdict) return failed(verdict.error().fault, std::move(verdict.error().message));
  return {};
}

std::string HttpAgent::body_of(const Action& action) const {
  if (action.verb == Verb::ReportCheck) return encode_report(action.service.checks.front());
  if (action.verb != Verb::Register && action.verb != Verb::Update) return "";
  constexpr std::size_t kMetaPairs = 64;  // Consul's limit; the epoch is worth less than what fills it
  const auto epoch = permit_ ? permit_() : std::nullopt;
  if (!epoch || action.service.meta.size() >= kMetaPairs) return encode_service(action.service);
  Service service = action.service;
  service.meta[kMetaEpoch] = std::to_string(*epoch);
  return encode_service(service);
}

}  // namespace

Result<void> judge(Verb verb, int status, std::string_view body) {
  if (status >= 200 && status < 300) return {};
  if (is_gone(verb, status, body)) return {};
  const Fault fault = is_refusal(verb, status, body) ? Fault::Item : Fault::Retry;
  return fail(fault, std::to_string(status) + " " + clip(body));
}

ConsulAgents::ConsulAgents(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials,
                           Permit permit)
    : client_(http_options(settings)),
      credentials_(std::move(credentials)),
      selves_(client_, *credentials_),
      permit_(std::move(permit)) {}

std::unique_ptr<Agent> ConsulAgents::at(const AgentKey& key) {
  return std::make_unique<HttpAgent>(Peer(client_, *credentials_, key.url), permit_);
}

}  // namespace muster::consul
