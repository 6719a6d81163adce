#include "net/easy.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <system_error>
#include <utility>

namespace muster::net {
namespace {

using std::chrono::milliseconds;

constexpr long kNameLifetime = 60;         // seconds that a resolved host name is believed
constexpr long kAuthoritiesLifetime = 60;  // seconds that certificates read from the CA file are believed
constexpr std::size_t kLongestHead = 256u << 10;

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListCleanup>;

void append(List& list, const std::string& text) {
  if (curl_slist* grown = curl_slist_append(list.get(), text.c_str())) {
    static_cast<void>(list.release());
    list.reset(grown);
  }
}

// Where a base leads: what to put in the URL, and how to get there when that is not what the URL says.
struct Route {
  std::string url;
  std::string socket;    // unix socket path
  std::string connect;   // CURLOPT_CONNECT_TO, when TLS is to name the server otherwise than the base
  bool literal = false;  // the host is an IP address: nothing to resolve
};

bool is_literal(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<Route> make_route(const Request& request, const TlsSettings& tls) {
  const std::string& base = request.base;
  if (base.starts_with("unix:///")) {
    return Route{.url = "http://localhost" + request.path, .socket = base.substr(7), .connect = {}, .literal = true};
  }
  const bool https = base.starts_with("https://");
  if (!https && !base.starts_with("http://")) return std::nullopt;
  const std::string_view authority = std::string_view(base).substr(https ? 8 : 7);
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string host(authority.substr(0, colon));
  Route route{.url = base + request.path, .socket = {}, .connect = {}, .literal = is_literal(host)};
  if (https && !tls.server_name.empty()) {
    const std::string port(colon == std::string_view::npos ? ":443" : authority.substr(colon));
    route.url = "https://" + tls.server_name + port + request.path;
    route.connect = "::" + host + port;
  }
  return route;
}

// "PUT http://10.0.0.1:8500/v1/x": no query, no credentials.
std::string describe(const Request& request) {
  std::string base = request.base;
  const std::size_t scheme = base.find("://");
  const std::size_t at = base.rfind('@');
  if (scheme != std::string::npos && at != std::string::npos && at > scheme) base.erase(scheme + 3, at - scheme - 2);
  return request.method + " " + base + request.path.substr(0, request.path.find('?'));
}

}  // namespace

struct Easy::Curl {
  template <typename T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy.get(), option, value);
  }
  void configure(const HttpOptions& options, const Holding& holding, Easy* owner);
  void configure_tls();
  void set_body(const Request& request);
  void set_route(const Route& route);
  void set_headers(const Request& request);
  std::string explain() const;
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* owner);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* owner);

  std::unique_ptr<CURL, EasyCleanup> easy{curl_easy_init()};
  List headers;
  List connect_to;
  TlsSettings tls;
  std::optional<CURLcode> result;
  std::array<char, CURL_ERROR_SIZE> detail{};
};

Easy::Easy(const HttpOptions& options, const Holding& holding) {
  global_init();
  curl_ = std::make_unique<Curl>();
  if (curl_->easy) curl_->configure(options, holding, this);
}

Easy::~Easy() = default;

void* Easy::handle() const { return curl_->easy.get(); }

void Easy::Curl::configure(const HttpOptions& options, const Holding& holding, Easy* owner) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a resolver that hangs
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PATH_AS_IS, 1L);  // an id may be ".."
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, holding.probe_after);
  set(CURLOPT_TCP_KEEPINTVL, holding.probe_again);
  if (holding.buffer > 0) set(CURLOPT_BUFFERSIZE, holding.buffer);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_ERRORBUFFER, detail.data());
  set(CURLOPT_WRITEFUNCTION, &write_callback);
  set(CURLOPT_WRITEDATA, owner);
  set(CURLOPT_HEADERFUNCTION, &header_callback);
  set(CURLOPT_HEADERDATA, owner);
  if (!options.basic_auth.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERPWD, options.basic_auth.c_str());
  }
  tls = options.tls;
  configure_tls();
}

void Easy::Curl::configure_tls() {
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca_path.empty()) set(CURLOPT_CAPATH, tls.ca_path.c_str());
#if LIBCURL_VERSION_NUM >= 0x075700
  set(CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesLifetime);  // its default is a day, and files are replaced
#endif
  if (tls.cert_file.empty()) return;
  set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  set(CURLOPT_SSLKEY, tls.key_file.empty() ? tls.cert_file.c_str() : tls.key_file.c_str());
}

void Easy::Curl::set_body(const Request& request) {
  const bool has_body = request.method == "PUT" || request.method == "POST" || !request.body.empty();
  set(CURLOPT_HTTPGET, 1L);
  if (has_body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  set(CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void Easy::Curl::set_route(const Route& route) {
  set(CURLOPT_URL, route.url.c_str());
  set(CURLOPT_UNIX_SOCKET_PATH, route.socket.empty() ? nullptr : route.socket.c_str());
  connect_to.reset();
  if (!route.connect.empty()) append(connect_to, route.connect);
  set(CURLOPT_CONNECT_TO, connect_to.get());
  // Looking for stale names costs time in proportion to the hosts that the client knows (libcurl 7.88).
  set(CURLOPT_DNS_CACHE_TIMEOUT, route.literal ? -1L : kNameLifetime);
}

void Easy::Curl::set_headers(const Request& request) {
  headers.reset();
  for (const std::string& header : request.headers) append(headers, header);
  append(headers, "Expect:");
  set(CURLOPT_HTTPHEADER, headers.get());
}

Result<void> Easy::prepare(const Request& request, milliseconds timeout) {
  request_ = &request;
  if (!curl_->easy) return error("no memory for a connection");
  const std::optional<Route> route = make_route(request, curl_->tls);
  if (!route) return error("the address begins with none of http://, https:// and unix:///");
  status = 0;
  headers.clear();
  has_head_ = false;
  head_bytes_ = 0;
  curl_->result.reset();
  curl_->detail[0] = '\0';
  curl_->set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_->set_route(*route);
  curl_->set_body(request);
  curl_->set_headers(request);
  return {};
}

void Easy::finish(int code) { curl_->result = static_cast<CURLcode>(code); }

bool Easy::done() const { return curl_->result.has_value(); }

Result<void> Easy::outcome() const {
  if (curl_->result != CURLE_OK) return error(curl_->explain() + hint());
  // libcurl takes a connection that closes between two headers for the end of an answer without a body.
  if (!has_head_) return error("answer truncated");
  return {};
}

// With TLS 1.3 the server's refusal comes when the handshake is over for us, or only a reset does.
std::string Easy::hint() const {
  const bool lost = curl_->result == CURLE_RECV_ERROR || curl_->result == CURLE_SEND_ERROR;
  const bool shown = !request_->base.starts_with("https://") || !curl_->tls.cert_file.empty();
  return lost && !has_head_ && !shown ? "; a server that demands a client certificate ends it so" : "";
}

tl::unexpected<Error> Easy::error(std::string_view what) const {
  return fail(Fault::Retry, describe(*request_) + ": " + std::string(what));
}

std::string Easy::Curl::explain() const {
  long os_error = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &os_error);
  const std::string os =
      os_error == 0 ? "" : ": " + std::error_code(static_cast<int>(os_error), std::generic_category()).message();
  switch (result.value_or(CURLE_OK)) {
    case CURLE_COULDNT_CONNECT:
      return "cannot connect" + os;
    case CURLE_OPERATION_TIMEDOUT:
      return std::string("timed out: ") + detail.data();
    case CURLE_GOT_NOTHING:
      return "connection closed without an answer";
    case CURLE_WRITE_ERROR:
      return "head over " + std::to_string(kLongestHead) + " bytes";  // refused bodies are told by their owner
    case CURLE_PARTIAL_FILE:
      return "answer truncated";
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "connection lost" + os;
    default:
      break;
  }
  const char* general = curl_easy_strerror(result.value_or(CURLE_OK));
  return detail[0] == '\0' ? general : std::string(general) + ": " + detail.data();
}

// False: too much of it.
bool Easy::on_header(std::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > kLongestHead) return false;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    long code = 0;
    curl_easy_getinfo(curl_->easy.get(), CURLINFO_RESPONSE_CODE, &code);
    status = static_cast<int>(code);
    headers.clear();
    return true;
  }
  if (line.empty()) {
    has_head_ = has_head_ || status >= 200;
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  headers[std::move(name)] = value;
  return true;
}

std::size_t Easy::Curl::write_callback(char* data, std::size_t size, std::size_t count, void* owner) {
  switch (static_cast<Easy*>(owner)->sink({data, size * count})) {
    case Sink::Taken:
      return size * count;
    case Sink::Later:
      return CURL_WRITEFUNC_PAUSE;
    case Sink::Fail:
      break;
  }
  return size * count + 1;  // anything but the size ends the transfer
}

std::size_t Easy::Curl::header_callback(char* data, std::size_t size, std::size_t count, void* owner) {
  return static_cast<Easy*>(owner)->on_header({data, size * count}) ? size * count : 0;
}

void global_init() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(once);
}

}  // namespace muster::net
