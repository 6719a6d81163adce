#include "web/server.h"

#include <civetweb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace muster::web {
namespace {

constexpr unsigned kFeatureIpv6 = 8;  // of mg_check_feature()
// A connection that says nothing holds a thread for the timeout: so many may be silent before /health waits at all.
constexpr char kThreads[] = "16";
constexpr char kRequestTimeout[] = "500";  // ms

struct Answer {
  int status = 200;
  std::string body;
  const char* type = "text/plain; charset=utf-8";
};

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

// A detail may quote a peer: it stays on its line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text + "\n";
}

Answer ready_page(const Readiness& readiness) {
  Answer answer{readiness.ready ? 200 : 503, ""};
  for (const std::string& detail : readiness.details) answer.body += one_line(detail);
  if (answer.body.empty()) answer.body = readiness.ready ? "OK\n" : "not ready\n";
  return answer;
}

Answer answer_to(const mg_request_info& request, const Pages& pages) {
  const std::string_view method(request.request_method);
  const std::string_view path(request.local_uri == nullptr ? "" : request.local_uri);
  if (method != "GET" && method != "HEAD") return {405, "only GET and HEAD\n"};
  if (path == "/metrics") return {200, pages.metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  if (path == "/health") return {200, "OK\n"};
  if (path == "/ready") return ready_page(pages.readiness());
  return {404, "not found; here are /metrics, /health and /ready\n"};
}

void send(mg_connection* connection, const Answer& answer, bool with_body) {
  std::string bytes = "HTTP/1.1 " + std::to_string(answer.status) + " " + phrase(answer.status) +
                      "\r\nContent-Type: " + answer.type + "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                      "\r\nCache-Control: no-store\r\nConnection: close\r\n";
  if (answer.status == 405) bytes += "Allow: GET, HEAD\r\n";
  bytes += "\r\n";
  if (with_body) bytes += answer.body;
  mg_write(connection, bytes.data(), bytes.size());
}

// -1: not a TCP socket.
int local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  int type = 0;
  socklen_t type_size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM) return -1;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return -1;
}

bool listens(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

// An address that is taken, or not there yet, may be had later. civetweb tells the errno only in its text: "98 (...)".
Fault fault_of(const std::string& complaint) {
  for (const int passing : {EADDRINUSE, EADDRNOTAVAIL}) {
    if (complaint.find(" " + std::to_string(passing) + " (") != std::string::npos) return Fault::Retry;
  }
  return Fault::Leave;
}

// Numbers that may be open descriptors: all low ones where /proc is not there, or that of another pid namespace.
std::vector<int> descriptors() {
  constexpr int kLow = 65536;
  std::vector<int> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error)) {
    out.push_back(std::atoi(at->path().filename().c_str()));
  }
  if (!out.empty()) return out;
  out.resize(kLow);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// civetweb looks at its stop flag every two seconds only, and gives nobody its sockets. Shut, they end its waits.
void shut_sockets(int port, bool listening) {
  for (const int fd : descriptors()) {
    if (local_port(fd) == port && listens(fd) == listening) shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace

struct Server::Handle {
  Pages pages;
  std::mutex mutex;       // of complaint: civetweb's threads write it
  std::string complaint;  // civetweb's first one
  mg_context* context = nullptr;

  ~Handle() {
    if (context == nullptr) return;
    const int own = port();
    shut_sockets(own, /*listening=*/true);
    shut_sockets(own, /*listening=*/false);
    mg_stop(context);
  }

  int port() const {
    mg_server_port ports[4]{};
    return mg_get_server_ports(context, 4, ports) > 0 ? ports[0].port : 0;
  }

  // Before civetweb looks at files, passwords or anything else of its own.
  static int begin_request(mg_connection* connection) {
    const auto* handle = static_cast<const Handle*>(mg_get_user_data(mg_get_context(connection)));
    const mg_request_info* request = mg_get_request_info(connection);
    const Answer answer = answer_to(*request, handle->pages);
    send(connection, answer, std::string_view(request->request_method) != "HEAD");
    return answer.status;
  }

  // civetweb would write to stderr. Only what it says when it cannot start is of use.
  static int log_message(const mg_connection* connection, const char* message) {
    auto* handle = static_cast<Handle*>(mg_get_user_data(mg_get_context(connection)));
    const std::lock_guard lock(handle->mutex);
    if (handle->complaint.empty()) handle->complaint = message;
    return 1;
  }

  bool start(const std::string& address) {
    complaint.clear();
    const char* options[] = {"listening_ports",
                             address.c_str(),
                             "num_threads",
                             kThreads,
                             "request_timeout_ms",
                             kRequestTimeout,
                             "max_request_size",
                             "8192",
                             "enable_keep_alive",
                             "no",
                             "linger_timeout_ms",
                             "500",
                             nullptr};
    mg_callbacks callbacks{};
    callbacks.begin_request = begin_request;
    callbacks.log_message = log_message;
    mg_init_data init{&callbacks, this, options};
    char text[256] = "";
    mg_error_data error{nullptr, text, sizeof text};
    context = mg_start2(&init, &error);
    if (context == nullptr && complaint.empty()) complaint = text;
    return context != nullptr;
  }
};

Server::Server(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const std::string& listen, Pages pages) {
  auto handle = std::make_unique<Handle>();
  handle->pages = std::move(pages);
  if (listen.starts_with('[') && mg_check_feature(kFeatureIpv6) == 0) {
    return fail(Fault::Leave, "--listen=" + listen + ": civetweb was built without IPv6 here; give an IPv4 address");
  }
  const bool everywhere = listen.starts_with(':');
  // "+PORT" is both families at once, and fails where there is no IPv6.
  if (everywhere ? handle->start("+" + listen.substr(1)) || handle->start(listen.substr(1)) : handle->start(listen)) {
    return std::unique_ptr<Server>(new Server(std::move(handle)));
  }
  std::string why = one_line(handle->complaint);
  why.pop_back();
  return fail(fault_of(why), "--listen=" + listen + ": " + why + "; give another address, or off");
}

int Server::port() const { return handle_->port(); }

}  // namespace muster::web
