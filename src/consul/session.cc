#include "consul/session.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace muster::consul {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kShown = 200;  // bytes of Consul's text in a message

std::string in_ms(milliseconds time) { return std::to_string(time.count()) + "ms"; }

// Slashes stay: they are the key's own.
std::string key_path(const std::string& key) {
  std::string out = "/v1/kv/";
  for (std::size_t at = 0; at <= key.size();) {
    const std::size_t end = std::min(key.find('/', at), key.size());
    out += net::escape(std::string_view(key).substr(at, end - at));
    if (end < key.size()) out += '/';
    at = end + 1;
  }
  return out;
}

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  unsigned buffer = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    buffer = (buffer << 6) | static_cast<unsigned>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>((buffer >> bits) & 0xFF);
  }
  return out;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// X-Consul-Index; what is missing or no number is 0, with which the next read answers at once.
std::uint64_t index_of(const net::Response& answer) {
  const auto found = answer.headers.find("x-consul-index");
  std::uint64_t index = 0;
  if (found != answer.headers.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), index);
  }
  return index;
}

bool says(const std::string& body, std::string_view word) {
  return body.find(word) != std::string::npos && body.size() <= word.size() + 2;
}

}  // namespace

std::string encode_holder(const Holder& holder) {
  return json{{"host", holder.host}, {"pid", holder.pid}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

Holder decode_holder(std::string_view value) {
  const json parsed = json::parse(value, nullptr, false);
  if (!parsed.is_object()) return {};
  const auto pid = parsed.find("pid");
  return {text_of(parsed, "host"), pid != parsed.end() && pid->is_number_integer() ? pid->get<std::int64_t>() : 0};
}

Result<LockState> decode_lock(std::string_view body) {
  const json parsed = json::parse(body, nullptr, false);
  if (!parsed.is_array() || parsed.size() != 1 || !parsed[0].is_object()) return fail(Fault::Retry, "not a key's JSON");
  const json& entry = parsed[0];
  const auto index = entry.find("LockIndex");
  if (index == entry.end() || !index->is_number_unsigned()) return fail(Fault::Retry, "no LockIndex");
  LockState out{.session = text_of(entry, "Session"), .lock_index = index->get<std::uint64_t>(), .holder = {}};
  out.holder = decode_holder(decode_base64(text_of(entry, "Value")));
  return out;
}

Session::Session(SessionSettings settings, const ConsulSettings& consul, std::shared_ptr<const Credentials> credentials)
    : settings_(std::move(settings)),
      http_(http_options(consul)),
      credentials_(std::move(credentials)),
      client_(options(settings_.timeout)),
      // Consul adds up to a sixteenth to a wait, so that waiters do not come back all at once.
      waiting_(options(settings_.longest_wait * 17 / 16 + settings_.timeout)) {}

net::HttpOptions Session::options(milliseconds timeout) const {
  net::HttpOptions out = http_;
  out.timeout = timeout;
  out.connect_timeout = std::min(out.connect_timeout, timeout);
  return out;
}

net::Request Session::make_request(std::string method, std::string path, std::string body) const {
  net::Request request{
      .method = std::move(method), .base = settings_.url, .path = std::move(path), .body = std::move(body)};
  if (const std::string token = credentials_->token(); !token.empty()) {
    request.headers.push_back("X-Consul-Token: " + token);
  }
  return request;
}

// Only 200 and 404 are answers here.
Result<net::Response> Session::call(net::HttpClient& client, const net::Request& request, const std::stop_token& stop) {
  auto answer = client.send(request, stop);
  if (!answer || answer->status == 200 || answer->status == 404) return answer;
  std::string text = answer->body.substr(0, kShown);
  while (text.ends_with('\n')) text.pop_back();
  return fail(Fault::Retry, request.method + " " + settings_.url + request.path.substr(0, request.path.find('?')) +
                                ": " + std::to_string(answer->status) + " " + text);
}

Result<void> Session::create(std::stop_token stop) {
  const json body{{"Name", settings_.name},
                  {"TTL", in_ms(settings_.ttl)},
                  {"LockDelay", in_ms(settings_.lock_delay)},
                  {"Behavior", "release"},
                  {"NodeChecks", {"serfHealth"}}};
  const net::Request request =
      make_request("PUT", "/v1/session/create", body.dump(-1, ' ', false, json::error_handler_t::replace));
  auto answer = call(client_, request, stop);
  if (!answer) return tl::unexpected(answer.error());
  const json parsed = json::parse(answer->body, nullptr, false);
  std::string id = parsed.is_object() ? text_of(parsed, "ID") : "";
  if (id.empty()) return fail(Fault::Retry, "PUT " + settings_.url + "/v1/session/create: answered no session");
  id_ = std::move(id);
  return {};
}

Result<bool> Session::renew(std::stop_token stop) {
  auto answer = call(client_, make_request("PUT", "/v1/session/renew/" + id_), stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 404) id_.clear();
  return answer->status == 200;
}

Result<bool> Session::acquire(const std::string& key, const Holder& holder, std::stop_token stop) {
  const net::Request request = make_request("PUT", key_path(key) + "?acquire=" + id_, encode_holder(holder));
  auto answer = call(client_, request, stop);
  if (!answer) return tl::unexpected(answer.error());
  return answer->status == 200 && says(answer->body, "true");
}

Result<LockState> Session::wait(const std::string& key, std::uint64_t index, std::stop_token stop) {
  const std::string query = "?wait=" + in_ms(settings_.longest_wait) + "&index=" + std::to_string(index);
  const net::Request request = make_request("GET", key_path(key) + query);
  auto answer = call(waiting_, request, stop);
  if (!answer) return tl::unexpected(answer.error());
  Result<LockState> state = answer->status == 404 ? LockState{} : decode_lock(answer->body);
  if (!state) {
    return fail(Fault::Retry, "GET " + settings_.url + key_path(key) + ": " + state.error().message);
  }
  state->index = index_of(*answer);
  // An index that went back belongs to a restored or rebuilt server: start again (Consul API, blocking queries).
  if (state->index < index) state->index = 0;
  return state;
}

Result<void> Session::leave(const std::string& key, milliseconds deadline) {
  if (id_.empty()) return {};
  net::HttpClient client(options(deadline));
  const std::string id = std::exchange(id_, "");
  auto released = call(client, make_request("PUT", key_path(key) + "?release=" + id), {});
  if (!released) return tl::unexpected(released.error());
  auto destroyed = call(client, make_request("PUT", "/v1/session/destroy/" + id), {});
  if (!destroyed) return tl::unexpected(destroyed.error());
  return {};
}

}  // namespace muster::consul
