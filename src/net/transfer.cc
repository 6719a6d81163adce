#include "net/transfer.h"

#include <curl/curl.h>

namespace muster::net {
namespace {

using std::chrono::milliseconds;

constexpr long kConnections = 16;  // kept alive by one client

}  // namespace

struct Transfer::Multi {
  Multi() {
    if (handle != nullptr) curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, kConnections);
  }
  ~Multi() { curl_multi_cleanup(handle); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  CURLM* const handle = curl_multi_init();
};

Transfer::Transfer(const HttpOptions& options)
    : Easy(options), multi_(std::make_unique<Multi>()), timeout_(options.timeout) {}

Transfer::~Transfer() { end(); }

Result<void> Transfer::begin(const Request& request, bool whole) {
  if (auto ready = prepare(request, whole ? timeout_ : milliseconds(0)); !ready) return ready;
  if (multi_->handle == nullptr) return error("no memory for a connection");
  if (curl_multi_add_handle(multi_->handle, handle()) != CURLM_OK) return error("cannot begin");
  running_ = true;
  return {};
}

void Transfer::end() {
  if (running_) curl_multi_remove_handle(multi_->handle, handle());
  running_ = false;
}

void Transfer::step(milliseconds wait) {
  int active = 0;
  const bool had_head = has_head();
  if (curl_multi_perform(multi_->handle, &active) != CURLM_OK) finish(CURLE_FAILED_INIT);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_->handle, &left)) {
    if (message->msg == CURLMSG_DONE) finish(message->data.result);
  }
  if (done() || has_head() != had_head || wait.count() <= 0) return;
  curl_multi_poll(multi_->handle, nullptr, 0, static_cast<int>(wait.count()), nullptr);
}

void Transfer::resume() { curl_easy_pause(handle(), CURLPAUSE_CONT); }

void Transfer::wake() const { curl_multi_wakeup(multi_->handle); }

}  // namespace muster::net
