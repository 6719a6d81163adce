#include "net/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

namespace muster::net {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr long kConnections = 16;            // kept alive by one client
constexpr long kNameLifetime = 60;           // seconds that a resolved host name is believed
constexpr long kKeepAlive = 30;              // seconds of silence before TCP asks whether the peer lives
constexpr std::size_t kPulled = 256u << 10;  // bytes held between the peer and a reader of a stream
constexpr milliseconds kPoll{1000};          // upper bound of one wait; a stop wakes it at once

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

// One request at a time on one multi handle; the connections stay in the multi.
class Transfer {
 public:
  explicit Transfer(const HttpOptions& options) : options_(options) {
    global_init();
    multi_.reset(curl_multi_init());
    easy_.reset(curl_easy_init());
    if (!multi_ || !easy_) return;
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kConnections);
    configure();
  }
  ~Transfer() { end(); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // `whole`: the deadline covers the exchange. `request` must outlive it: the body is not copied.
  Result<void> begin(const Request& request, bool whole);
  void end();
  // Moves what can be moved, then waits for more, at most `wait`. The sinks are called from here.
  void step(milliseconds wait);
  void unpause() { curl_easy_pause(easy_.get(), CURLPAUSE_CONT); }
  void wake() const { curl_multi_wakeup(multi_.get()); }
  bool done() const { return result_.has_value(); }
  bool has_head() const { return has_head_ || done(); }
  // The transfer's outcome, once done.
  Result<void> outcome() const;
  tl::unexpected<Error> error(std::string_view what) const {
    return fail(Fault::Retry, describe(*request_) + ": " + std::string(what));
  }

  int status = 0;
  std::map<std::string, std::string> headers;
  std::function<std::size_t(const char*, std::size_t)> sink;  // as a curl write callback

 private:
  template <typename T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }
  void configure();
  void configure_tls();
  void set_body(const Request& request);
  void on_header(std::string_view line);
  std::string explain() const;
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);

  HttpOptions options_;
  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::unique_ptr<CURL, EasyCleanup> easy_;
  List request_headers_;
  List connect_to_;
  const Request* request_ = nullptr;
  bool running_ = false;
  bool has_head_ = false;
  std::optional<CURLcode> result_;
  std::array<char, CURL_ERROR_SIZE> detail_{};
};

void Transfer::configure() {
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
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  set(CURLOPT_ERRORBUFFER, detail_.data());
  set(CURLOPT_WRITEFUNCTION, &write_callback);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &header_callback);
  set(CURLOPT_HEADERDATA, this);
  if (!options_.basic_auth.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERPWD, options_.basic_auth.c_str());
  }
  configure_tls();
}

void Transfer::configure_tls() {
  const TlsSettings& tls = options_.tls;
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca_path.empty()) set(CURLOPT_CAPATH, tls.ca_path.c_str());
  if (tls.cert_file.empty()) return;
  set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  set(CURLOPT_SSLKEY, tls.key_file.empty() ? tls.cert_file.c_str() : tls.key_file.c_str());
}

void Transfer::set_body(const Request& request) {
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

Result<void> Transfer::begin(const Request& request, bool whole) {
  request_ = &request;
  if (!multi_ || !easy_) return error("no memory for a connection");
  const std::optional<Route> route = make_route(request, options_.tls);
  if (!route) return error("the address begins with none of http://, https:// and unix:///");
  status = 0;
  headers.clear();
  has_head_ = false;
  result_.reset();
  detail_[0] = '\0';
  set(CURLOPT_URL, route->url.c_str());
  set(CURLOPT_UNIX_SOCKET_PATH, route->socket.empty() ? nullptr : route->socket.c_str());
  connect_to_.reset();
  if (!route->connect.empty()) append(connect_to_, route->connect);
  set(CURLOPT_CONNECT_TO, connect_to_.get());
  // Looking for stale names costs time in proportion to the hosts that the client knows (libcurl 7.88).
  set(CURLOPT_DNS_CACHE_TIMEOUT, route->literal ? -1L : kNameLifetime);
  set(CURLOPT_TIMEOUT_MS, whole ? static_cast<long>(options_.timeout.count()) : 0L);
  set_body(request);
  request_headers_.reset();
  for (const std::string& header : request.headers) append(request_headers_, header);
  append(request_headers_, "Expect:");
  set(CURLOPT_HTTPHEADER, request_headers_.get());
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) return error("cannot begin");
  running_ = true;
  return {};
}

void Transfer::end() {
  if (running_) curl_multi_remove_handle(multi_.get(), easy_.get());
  running_ = false;
}

void Transfer::step(milliseconds wait) {
  int active = 0;
  const bool had_head = has_head();
  if (curl_multi_perform(multi_.get(), &active) != CURLM_OK) result_ = CURLE_FAILED_INIT;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) result_ = message->data.result;
  }
  if (done() || has_head() != had_head || wait.count() <= 0) return;
  curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
}

Result<void> Transfer::outcome() const {
  if (result_ == CURLE_OK) return {};
  return error(explain());
}

std::string Transfer::explain() const {
  long os_error = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_error);
  const std::string os =
      os_error == 0 ? "" : ": " + std::error_code(static_cast<int>(os_error), std::generic_category()).message();
  switch (result_.value_or(CURLE_OK)) {
    case CURLE_COULDNT_CONNECT:
      return "cannot connect" + os;
    case CURLE_OPERATION_TIMEDOUT:
      return std::string("timed out: ") + detail_.data();
    case CURLE_GOT_NOTHING:
      return "connection closed without an answer";
    case CURLE_PARTIAL_FILE:
      return "answer truncated";
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "connection lost" + os;
    default:
      break;
  }
  const char* general = curl_easy_strerror(result_.value_or(CURLE_OK));
  return detail_[0] == '\0' ? general : std::string(general) + ": " + detail_.data();
}

void Transfer::on_header(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    status = static_cast<int>(code);
    headers.clear();
    return;
  }
  if (line.empty()) {
    has_head_ = status >= 200;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  headers[std::move(name)] = value;
}

std::size_t Transfer::write_callback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->sink(data, size * count);
}

std::size_t Transfer::header_callback(char* data, std::size_t size, std::size_t count, void* self) {
  static_cast<Transfer*>(self)->on_header({data, size * count});
  return size * count;
}

}  // namespace

std::string escape(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

void global_init() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(once);
}

struct HttpClient::Handle {
  explicit Handle(const HttpOptions& options) : transfer(options), max_body(options.max_body) {
    transfer.sink = [this](const char* data, std::size_t size) {
      if (body.size() + size > max_body) {
        too_large = true;
        return std::size_t{0};
      }
      body.append(data, size);
      return size;
    };
  }

  Transfer transfer;
  std::size_t max_body;
  std::string body;
  bool too_large = false;
};

HttpClient::HttpClient(HttpOptions options) : handle_(std::make_unique<Handle>(options)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<Response> HttpClient::send(const Request& request, std::stop_token stop) {
  Transfer& transfer = handle_->transfer;
  handle_->body.clear();
  handle_->too_large = false;
  if (auto begun = transfer.begin(request, true); !begun) return tl::unexpected(begun.error());
  const std::stop_callback on_stop(stop, [&] { transfer.wake(); });
  while (!transfer.done() && !stop.stop_requested()) transfer.step(kPoll);
  transfer.end();
  if (!transfer.done()) return transfer.error("stopped");
  if (handle_->too_large) return transfer.error("answer over " + std::to_string(handle_->max_body) + " bytes");
  if (auto outcome = transfer.outcome(); !outcome) return tl::unexpected(outcome.error());
  return Response{transfer.status, std::move(handle_->body), std::move(transfer.headers)};
}

struct HttpStream::Handle {
  Handle(const Request& r, const HttpOptions& options) : request(r), silence(options.timeout), transfer(options) {
    transfer.sink = [this](const char* data, std::size_t size) -> std::size_t {
      if (pulled.size() - taken + size > kPulled) {
        paused = true;
        return CURL_WRITEFUNC_PAUSE;
      }
      if (taken > 0) pulled.erase(0, std::exchange(taken, 0));
      pulled.reserve(kPulled);  // and never more
      pulled.append(data, size);
      return size;
    };
  }
  std::size_t available() const { return pulled.size() - taken; }
  // Drives the transfer until `ready`, the end, a stop, or too long a silence.
  template <typename Ready>
  Result<void> wait(Ready ready, const std::stop_token& stop);

  Request request;
  milliseconds silence;
  std::string pulled;
  std::size_t taken = 0;
  bool paused = false;
  Transfer transfer;
};

template <typename Ready>
Result<void> HttpStream::Handle::wait(Ready ready, const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { transfer.wake(); });
  const auto deadline = Clock::now() + silence;
  while (!ready() && !transfer.done()) {
    if (stop.stop_requested()) return transfer.error("stopped");
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return transfer.error("silent for " + std::to_string(silence.count()) + " ms");
    // Bytes that are here already must not wait for others.
    transfer.step(milliseconds(0));
    if (!ready() && !transfer.done() && !stop.stop_requested()) transfer.step(std::min(left, kPoll));
  }
  if (transfer.done() && !ready()) return transfer.outcome();
  return {};
}

HttpStream::HttpStream(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
HttpStream::~HttpStream() = default;
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&&) noexcept = default;

Result<HttpStream> HttpStream::open(const Request& request, const HttpOptions& options, std::stop_token stop) {
  auto handle = std::make_unique<Handle>(request, options);
  if (auto begun = handle->transfer.begin(handle->request, false); !begun) return tl::unexpected(begun.error());
  auto& transfer = handle->transfer;
  // A body cut short is for read() to tell: the head came whole.
  if (auto head = handle->wait([&] { return transfer.status >= 200 && transfer.has_head(); }, stop); !head) {
    return tl::unexpected(head.error());
  }
  return HttpStream(std::move(handle));
}

int HttpStream::status() const { return handle_->transfer.status; }

std::string HttpStream::header(std::string_view lower_case_name) const {
  const auto it = handle_->transfer.headers.find(std::string(lower_case_name));
  return it == handle_->transfer.headers.end() ? "" : it->second;
}

Result<std::size_t> HttpStream::read(char* into, std::size_t size, std::stop_token stop) {
  Handle& h = *handle_;
  if (h.available() == 0 && std::exchange(h.paused, false)) h.transfer.unpause();
  if (auto ready = h.wait([&] { return h.available() > 0; }, stop); !ready) return tl::unexpected(ready.error());
  const std::size_t count = std::min(size, h.available());
  std::memcpy(into, h.pulled.data() + h.taken, count);
  h.taken += count;
  return count;
}

}  // namespace muster::net
