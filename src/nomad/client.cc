#include "nomad/client.h"

#include <charconv>
#include <utility>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLargest = 512u << 20;  // a node's list holds a copy of its job in each allocation
constexpr std::size_t kShown = 200;           // of a peer's own words

net::HttpOptions http_options(const NomadSettings& settings) {
  net::HttpOptions out;
  out.timeout = settings.timeout;
  out.max_body = kLargest;
  out.tls = settings.tls;
  return out;
}

std::string header(const net::Response& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : found->second;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), out);
  return status == std::errc{} && end == text.data() + text.size() ? out : 0;
}

// Nomad says why in plain text.
std::string words(std::string_view body) {
  std::string out(body.substr(0, kShown));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

void add_query(std::string& path, std::string_view key, std::string_view value) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path.append(key).append("=").append(net::escape(value));
}

Client::Client(const NomadSettings& settings)
    : settings_(settings),
      options_(http_options(settings)),
      token_file_(settings.token_file, net::Content::Word),
      polls_(options_, [this](net::Polls::Id id, Result<net::Response> r) { done(id, std::move(r)); }) {}

net::Request Client::request(std::string path) {
  net::Request out;
  out.base = settings_.addresses[peer_ % settings_.addresses.size()];
  asked_ = out.base;
  if (!settings_.region.empty()) add_query(path, "region", settings_.region);
  out.path = std::move(path);
  std::string token = settings_.token;
  if (!settings_.token_file.empty()) token = token_file_.read().value_or(token);
  if (!token.empty()) out.headers.push_back("X-Nomad-Token: " + token);
  return out;
}

void Client::next_peer() { peer_ = (peer_ + 1) % settings_.addresses.size(); }

Answer Client::answer_of(net::Response response) {
  Answer out;
  out.status = response.status;
  out.index = number(header(response, "x-nomad-index"));
  out.leader = header(response, "x-nomad-knownleader") != "false";
  out.next = header(response, "x-nomad-nexttoken");
  out.body = std::move(response.body);
  return out;
}

void Client::done(net::Polls::Id id, Result<net::Response> response) {
  if (id == kLong) waiting_ = false;
  if (!response || response->status == 429 || response->status >= 500) next_peer();
  Result<Answer> answer = response ? Result<Answer>(answer_of(*std::move(response)))
                                   : Result<Answer>(tl::unexpected(std::move(response.error())));
  (id == kLong ? arrived_ : plain_) = std::move(answer);
}

Result<Answer> Client::get(const std::string& path, std::stop_token stop) {
  plain_.reset();
  polls_.start(kPlain, request(path), settings_.timeout);
  const std::stop_callback on_stop(stop, [this] { polls_.wake(); });
  while (!plain_ && !stop.stop_requested()) polls_.step(Clock::now() + settings_.timeout);
  if (plain_) return *std::exchange(plain_, std::nullopt);
  polls_.cancel(kPlain);
  return fail(Fault::Retry, "GET " + path + ": stopped");
}

void Client::begin(std::string path, std::uint64_t index, milliseconds wait) {
  arrived_.reset();
  if (index > 0) {
    add_query(path, "index", std::to_string(index));
    add_query(path, "wait", std::to_string(wait.count()) + "ms");
  }
  waiting_ = true;
  // The server adds up to a sixteenth of the wait, so that not all come back at once.
  polls_.start(kLong, request(std::move(path)), (index > 0 ? wait + wait / 16 : milliseconds(0)) + settings_.timeout);
}

std::optional<Result<Answer>> Client::wait(Clock::time_point until, std::stop_token stop) {
  const std::stop_callback on_stop(stop, [this] { polls_.wake(); });
  while (!arrived_ && !stop.stop_requested() && Clock::now() < until) polls_.step(until);
  if (!arrived_) return std::nullopt;
  return std::exchange(arrived_, std::nullopt);
}

void Client::drop() {
  polls_.cancel(kLong);
  arrived_.reset();
  waiting_ = false;
}

tl::unexpected<Error> Client::refusal(const std::string& path, const Answer& answer) const {
  std::string what = "GET " + asked_ + path.substr(0, path.find('?')) + ": " + std::to_string(answer.status);
  if (const std::string said = words(answer.body); !said.empty()) what += " " + said;
  if (answer.status == 401 || answer.status == 403)
    what += "; the token needs read-job in every namespace and node:read";
  if (answer.body.find("No path to region") != std::string::npos)
    what += "; give --nomad-region=NAME, that of the Nomad agent, which " + settings_.region + " is not";
  return fail(answer.status == 429 || answer.status >= 500 ? Fault::Retry : Fault::Keep, std::move(what));
}

}  // namespace muster::nomad
