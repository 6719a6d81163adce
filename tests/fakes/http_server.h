// A small HTTP/1.1 server for fakes: many loopback addresses, one thread, and every kind of misbehaviour on demand.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::fakes {

struct HttpRequest {
  std::size_t listener = 0;  // index of the address it came in on
  std::string method;
  std::string target;                          // as sent, with the query
  std::string path;                            // percent-decoded, without the query
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// How an answer reaches the peer.
enum class Manner : std::uint8_t {
  Proper,
  Hang,      // the request is read and never answered
  Reset,     // the connection is reset instead of an answer
  Truncate,  // headers promise the whole body, half of it is sent, then the connection closes
  Drip,      // one byte of the whole answer every 100 ms
};

struct HttpReply {
  int status = 200;
  std::string body{};
  std::vector<std::string> headers{};  // "Name: value"; Content-Length is added unless `stream`
  Manner manner = Manner::Proper;
  std::chrono::milliseconds delay{0};  // before the first byte; other connections go on meanwhile
  // An endless chunked answer: after `body`, whatever push(stream_id) sends, until finish(stream_id).
  std::uint64_t stream_id = 0;
  bool stream = false;
  // With `stream`: nothing at all is sent before push(raw), status line and head included; finish() adds nothing, and
  // closes the connection when `cut`. For answers that must wait, and for bodies that end with the connection.
  bool bare = false;
};

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;  // called on the server's thread

  // Binds every address ("127.0.0.1:0", "[::1]:0", "unix:/path") and serves until destroyed. Aborts the test program
  // with a message when one cannot be bound. Loopback and unix addresses only.
  HttpServer(const std::vector<std::string>& addresses, Handler handler);
  ~HttpServer();

  std::string address(std::size_t listener = 0) const;  // "127.0.0.1:41234", with the real port
  std::string url(std::size_t listener = 0) const;      // "http://127.0.0.1:41234"

  // Any thread. Sends one chunk (chunked framing) or the bytes as they are when `raw`; unknown ids are ignored.
  void push(std::uint64_t stream_id, std::string bytes, bool raw = false);
  // Ends a stream properly, or cuts the connection in mid-chunk.
  void finish(std::uint64_t stream_id, bool cut = false);
  // Stops accepting and drops every connection of this listener (a dead peer), and back again on the same port.
  void close_listener(std::size_t listener);
  void open_listener(std::size_t listener);
  // While frozen the listener accepts connections in its backlog and answers nothing (SIGSTOP).
  void freeze(std::size_t listener, bool frozen);
  std::uint64_t requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::fakes
