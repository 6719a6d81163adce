#include "mesos/fetch.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace muster::mesos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kState[] = "/master/state";
constexpr char kOldState[] = "/state.json";
constexpr int kWholeAnswer = 4;  // times the longest silence

// Seconds since the epoch, from "Fri, 20 Nov 2026 13:13:37 GMT".
std::optional<double> parse_date(const std::string& text) {
  tm parts{};
  if (text.empty() || strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
  return static_cast<double>(timegm(&parts));
}

std::chrono::milliseconds election_age(double elected, const std::string& date) {
  if (elected <= 0) return {};
  const std::chrono::duration<double> ours = std::chrono::system_clock::now().time_since_epoch();
  const double age = std::clamp(parse_date(date).value_or(ours.count()) - elected, 0.0, 1e9);
  return std::chrono::milliseconds(static_cast<std::int64_t>(age * 1000));
}

Error about(const Master& master, std::string what) {
  return {Fault::Keep, "Mesos master " + master.base + " " + std::move(what)};
}

Error refusal(const Master& master, int status) {
  std::string what = "answered " + std::to_string(status);
  if (status == 401 || status == 403) what += ": it wants credentials that may read its state";
  if (status == 503) what += ": it knows no leader yet";
  return about(master, std::move(what));
}

}  // namespace

struct Fetcher::Answer {
  int status = 0;
  std::string location;
  std::optional<Fetched> fetched;
};

const Master* find_master(const Masters& known, std::string_view location) {
  const std::size_t slashes = location.find("//");
  if (slashes == std::string_view::npos) return nullptr;
  location.remove_prefix(slashes + 2);
  const std::string authority(location.substr(0, location.find_first_of("/?#")));
  const auto fits = [&](const Master& each) {
    return each.base.ends_with("//" + authority) || authority == each.hostname + ":" + std::to_string(each.port) ||
           (!each.ip.empty() && http_base(each.ip, each.port) == "http://" + authority);
  };
  const auto found = std::find_if(known.all.begin(), known.all.end(), fits);
  return found == known.all.end() ? nullptr : &*found;
}

Fetcher::Fetcher(net::HttpOptions http, StateLimits limits) : http_(std::move(http)), limits_(limits) {}

Result<Fetcher::Answer> Fetcher::ask_path(const Master& master, const std::string& path, const Groups& groups,
                                          const std::stop_token& stop) {
  net::Request request;
  request.base = master.base;
  request.path = path;
  request.headers = {"Accept: application/json"};
  Result<net::HttpStream> stream = net::HttpStream::open(request, http_, stop);
  if (!stream) return tl::unexpected(stream.error());
  Answer answer{stream->status(), stream->header("location"), std::nullopt};
  if (answer.status != 200) return answer;
  const Clock::time_point deadline = Clock::now() + kWholeAnswer * http_.timeout;
  const Pull pull = [&](char* into, std::size_t size) -> Result<std::size_t> {
    if (Clock::now() > deadline) return tl::unexpected(about(master, "takes too long to send its state"));
    return stream->read(into, size, stop);
  };
  Result<State> state = decode_state(pull, groups, limits_);
  if (!state) return fail(state.error().fault, master.base + path + ": " + state.error().message);
  const auto age = election_age(state->master.elected_time, stream->header("date"));
  answer.fetched = Fetched{*std::move(state), master, age};
  return answer;
}

Result<Fetcher::Answer> Fetcher::ask(const Master& master, const Groups& groups, const std::stop_token& stop) {
  const auto known = paths_.find(master.base);
  const std::string first = known == paths_.end() ? kState : known->second;
  Result<Answer> answer = ask_path(master, first, groups, stop);
  if (answer && answer->status == 404) {
    const std::string second = first == kState ? kOldState : kState;
    Result<Answer> other = ask_path(master, second, groups, stop);
    if (other && other->status == 200) paths_[master.base] = second;
    if (!other || other->status != 404) return other;
  }
  return answer;
}

Result<Fetched> Fetcher::fetch(const Master& master, const Masters& known, const Groups& groups, std::stop_token stop) {
  const Master* asked = &master;
  for (bool redirected = false;; redirected = true) {
    Result<Answer> answer = ask(*asked, groups, stop);
    if (!answer) return tl::unexpected(answer.error());
    const bool elsewhere = answer->status == 307 || answer->status == 302;
    if (answer->status != 200 && !elsewhere) return tl::unexpected(refusal(*asked, answer->status));
    std::string target = answer->location;
    if (!elsewhere) {
      // A master of old answers itself, and names the leader.
      const MasterInfo& info = answer->fetched->state.master;
      const std::optional<Pid> leader = parse_pid(info.leader);
      const std::optional<Pid> self = parse_pid(info.pid);
      if (!leader || !self || *leader == *self) return *std::move(answer->fetched);
      target = http_base(leader->ip, leader->port);
    }
    if (redirected) return tl::unexpected(about(*asked, "redirects once more, to " + target.substr(0, 200)));
    const Master* next = find_master(known, target);
    if (next == nullptr) {
      return tl::unexpected(about(*asked, "points to " + target.substr(0, 200) + ", which is no master that we know"));
    }
    asked = next;
  }
}

}  // namespace muster::mesos
