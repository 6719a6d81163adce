#include "net/transfer.h"

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

constexpr long kConnections = 16;   // kept alive by one client
constexpr long kNameLifetime = 60;  // seconds that a resolved host name is believed
constexpr std::size_t kLongestHead = 256u << 10;
constexpr long kKeepAlive = 30;  // seconds of silence before TCP asks whether the peer lives

struct MultiCleanup {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
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

struct Transfer::Curl {
  template <typename T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy.get(), option, value);
  }
  void configure(const HttpOptions& options, Transfer* owner);
  void configure_tls();
  void set_body(const Request& request);
  void set_route(const Route& route);
  void set_headers(const Request& request);
  std::string explain() const;
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* owner);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* owner);

  std::unique_ptr<CURLM, MultiCleanup> multi{curl_multi_init()};
  std::unique_ptr<CURL, EasyCleanup> easy{curl_easy_init()};
  List headers;
  List connect_to;
  TlsSettings tls;
  long timeout_ms = 0;
  bool running = false;
  std::optional<CURLcode> result;
  std::array<char, CURL_ERROR_SIZE> detail{};
};

Transfer::Transfer(const HttpOptions& options) {
  global_init();
  curl_ = std::make_unique<Curl>();
  if (!curl_->multi || !curl_->easy) return;
  curl_multi_setopt(curl_->multi.get(), CURLMOPT_MAXCONNECTS, kConnections);
  curl_->configure(options, this);
}

Transfer::~Transfer() { end(); }

void Transfer::Curl::configure(const HttpOptions& options, Transfer* owner) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a resolver that hangs
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PATH_AS_IS, 1L);  // an id may be ".."
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, kKeepAlive);
  set(CURLOPT_TCP_KEEPINTVL, kKeepAlive);
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
  timeout_ms = static_cast<long>(options.timeout.count());
  tls = options.tls;
  configure_tls();
}

void Transfer::Curl::configure_tls() {
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca_path.empty()) set(CURLOPT_CAPATH, tls.ca_path.c_str());
  if (tls.cert_file.empty()) return;
  set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  set(CURLOPT_SSLKEY, tls.key_file.empty() ? tls.cert_file.c_str() : tls.key_file.c_str());
}

void Transfer::Curl::set_body(const Request& request) {
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

void Transfer::Curl::set_route(const Route& route) {
  set(CURLOPT_URL, route.url.c_str());
  set(CURLOPT_UNIX_SOCKET_PATH, route.socket.empty() ? nullptr : route.socket.c_str());
  connect_to.reset();
  if (!route.connect.empty()) append(connect_to, route.connect);
  set(CURLOPT_CONNECT_TO, connect_to.get());
  // Looking for stale names costs time in proportion to the hosts that the client knows (libcurl 7.88).
  set(CURLOPT_DNS_CACHE_TIMEOUT, route.literal ? -1L : kNameLifetime);
}

void Transfer::Curl::set_headers(const Request& request) {
  headers.reset();
  for (const std::string& header : request.headers) append(headers, header);
  append(headers, "Expect:");
  set(CURLOPT_HTTPHEADER, headers.get());
}

Result<void> Transfer::begin(const Request& request, bool whole) {
  request_ = &request;
  if (!curl_->multi || !curl_->easy) return error("no memory for a connection");
  const std::optional<Route> route = make_route(request, curl_->tls);
  if (!route) return error("the address begins with none of http://, https:// and unix:///");
  status = 0;
  headers.clear();
  has_head_ = false;
  head_bytes_ = 0;
  curl_->result.reset();
  curl_->detail[0] = '\0';
  curl_->set(CURLOPT_TIMEOUT_MS, whole ? curl_->timeout_ms : 0L);
  curl_->set_route(*route);
  curl_->set_body(request);
  curl_->set_headers(request);
  if (curl_multi_add_handle(curl_->multi.get(), curl_->easy.get()) != CURLM_OK) return error("cannot begin");
  curl_->running = true;
  return {};
}

void Transfer::end() {
  if (curl_->running) curl_multi_remove_handle(curl_->multi.get(), curl_->easy.get());
  curl_->running = false;
}

void Transfer::step(milliseconds wait) {
  int active = 0;
  const bool had_head = has_head();
  if (curl_multi_perform(curl_->multi.get(), &active) != CURLM_OK) curl_->result = CURLE_FAILED_INIT;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(curl_->multi.get(), &left)) {
    if (message->msg == CURLMSG_DONE) curl_->result = message->data.result;
  }
  if (done() || has_head() != had_head || wait.count() <= 0) return;
  curl_multi_poll(curl_->multi.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
}

void Transfer::resume() { curl_easy_pause(curl_->easy.get(), CURLPAUSE_CONT); }

void Transfer::wake() const { curl_multi_wakeup(curl_->multi.get()); }

bool Transfer::done() const { return curl_->result.has_value(); }

Result<void> Transfer::outcome() const {
  if (curl_->result != CURLE_OK) return error(curl_->explain());
  // libcurl takes a connection that closes between two headers for the end of an answer without a body.
  if (!has_head_) return error("answer truncated");
  return {};
}

tl::unexpected<Error> Transfer::error(std::string_view what) const {
  return fail(Fault::Retry, describe(*request_) + ": " + std::string(what));
}

std::string Transfer::Curl::explain() const {
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
bool Transfer::on_header(std::string_view line) {
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

std::size_t Transfer::Curl::write_callback(char* data, std::size_t size, std::size_t count, void* owner) {
  switch (static_cast<Transfer*>(owner)->sink({data, size * count})) {
    case Sink::Taken:
      return size * count;
    case Sink::Later:
      return CURL_WRITEFUNC_PAUSE;
    case Sink::Fail:
      break;
  }
  return size * count + 1;  // anything but the size ends the transfer
}

std::size_t Transfer::Curl::header_callback(char* data, std::size_t size, std::size_t count, void* owner) {
  return static_cast<Transfer*>(owner)->on_header({data, size * count}) ? size * count : 0;
}

void global_init() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(once);
}

}  // namespace muster::net
