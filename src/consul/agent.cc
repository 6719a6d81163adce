#include "consul/agent.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "consul/decode.h"
#include "consul/encode.h"

namespace muster::consul {
namespace {

constexpr std::size_t kShown = 200;  // bytes of Consul's text in a message

bool holds(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// One line, and never in the middle of a UTF-8 character.
std::string clip(std::string_view text) {
  std::string out(text.substr(0, kShown));
  while (text.size() > kShown && !out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80)
    out.pop_back();
  if (text.size() > kShown && !out.empty() && (out.back() & 0x80)) out.pop_back();
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  while (out.ends_with(' ')) out.pop_back();
  return text.size() > kShown ? out + "..." : out;
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
      return verb == Verb::EnableMaintenance;  // the service went meanwhile
    case 500:
      return holds(body, {"Scripts are disabled", "does not exist", "Invalid check"});
    default:
      return false;
  }
}

class HttpAgent : public Agent {
 public:
  HttpAgent(net::HttpClient& client, const Credentials& credentials, const Permit& permit, std::string url)
      : client_(client), credentials_(credentials), permit_(permit), url_(std::move(url)) {}

  Result<Actual> read(std::stop_token stop) override;
  Applied apply(const Plan& plan, std::stop_token stop) override;

 private:
  Result<std::string> get(const std::string& path, const std::stop_token& stop);
  Result<void> perform(const Action& action, const std::stop_token& stop);
  net::Request make_request(const Action& action) const;
  std::string body_of(Service service) const;
  net::Request make_request(std::string method, std::string path, std::string body) const;
  // What went wrong, with the agent's address and without our token, should the answer repeat it.
  Error error(Fault fault, const net::Request& request, std::string text) const;

  net::HttpClient& client_;
  const Credentials& credentials_;
  const Permit& permit_;
  std::string url_;
};

Result<Actual> HttpAgent::read(std::stop_token stop) {
  auto services = get("/v1/agent/services", stop);
  if (!services) return tl::unexpected(services.error());
  auto checks = get("/v1/agent/checks", stop);
  if (!checks) return tl::unexpected(checks.error());
  auto actual = decode_actual(std::move(*services), std::move(*checks));
  if (!actual) actual.error().message = url_ + ": " + actual.error().message;
  return actual;
}

Result<std::string> HttpAgent::get(const std::string& path, const std::stop_token& stop) {
  const net::Request request = make_request("GET", path, "");
  auto answer = client_.send(request, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  return tl::unexpected(error(Fault::Retry, request, std::to_string(answer->status) + " " + answer->body));
}

Applied HttpAgent::apply(const Plan& plan, std::stop_token stop) {
  Applied applied;
  for (const Action& action : plan.actions) {
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
  const net::Request request = make_request(action);
  // Without an id these paths mean something else, or nothing.
  const bool nameless = action.verb == Verb::DeregisterCheck ? action.check_id.empty() : action.service.id.empty();
  if (nameless) return tl::unexpected(error(Fault::Item, request, "no id"));
  // The last thing before the sending: a process may be stopped for a long time anywhere above.
  if (permit_ && !permit_()) return tl::unexpected(error(Fault::Retry, request, "not sent: standby, lock not held"));
  auto answer = client_.send(request, stop);
  if (!answer) return tl::unexpected(answer.error());
  auto verdict = judge(action.verb, answer->status, answer->body);
  if (!verdict) return tl::unexpected(error(verdict.error().fault, request, std::move(verdict.error().message)));
  return {};
}

net::Request HttpAgent::make_request(const Action& action) const {
  const Service& service = action.service;
  switch (action.verb) {
    case Verb::Register:
    case Verb::Update:
      return make_request("PUT", register_path(), body_of(service));
    case Verb::DeregisterCheck:
      return make_request("PUT", deregister_check_path(action.check_id), "");
    case Verb::EnableMaintenance:
      return make_request("PUT", maintenance_path(service.id, true, service.maintenance.value_or("")), "");
    case Verb::DisableMaintenance:
      return make_request("PUT", maintenance_path(service.id, false, ""), "");
    case Verb::Deregister:
      break;
  }
  return make_request("PUT", deregister_path(service.id), "");
}

std::string HttpAgent::body_of(Service service) const {
  constexpr std::size_t kMetaPairs = 64;  // Consul's limit; the epoch is worth less than what fills it
  const auto epoch = permit_ ? permit_() : std::nullopt;
  if (epoch && service.meta.size() < kMetaPairs) service.meta[kMetaEpoch] = std::to_string(*epoch);
  return encode_service(service);
}

net::Request HttpAgent::make_request(std::string method, std::string path, std::string body) const {
  net::Request request{.method = std::move(method), .base = url_, .path = std::move(path), .body = std::move(body)};
  if (const std::string token = credentials_.token(); !token.empty()) {
    request.headers.push_back("X-Consul-Token: " + token);
  }
  return request;
}

Error HttpAgent::error(Fault fault, const net::Request& request, std::string text) const {
  const std::string token = credentials_.token();
  for (std::size_t at; !token.empty() && (at = text.find(token)) != std::string::npos;) {
    text.replace(at, token.size(), "<token>");
  }
  const std::string path = request.path.substr(0, request.path.find('?'));
  return {fault, request.method + " " + url_ + path + ": " + clip(text)};
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
    : client_(http_options(settings)), credentials_(std::move(credentials)), permit_(std::move(permit)) {}

std::unique_ptr<Agent> ConsulAgents::at(const AgentKey& key) {
  return std::make_unique<HttpAgent>(client_, *credentials_, permit_, key.url);
}

}  // namespace muster::consul
