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

}  // namespace

struct Fetcher::Question {
  const Master& master;
  const Masters& known;
  const Groups& groups;
  const Held& held;
  const GiveWay& give_way;
  const std::stop_token& stop;
};

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

Fetcher::Fetcher(net::HttpOptions http, StateLimits limits, std::shared_ptr<Authorizer> auth)
    : http_(std::move(http)), limits_(limits), auth_(std::move(auth)) {}

Error Fetcher::refusal(const Master& master, int status) const {
  std::string what = "answered " + std::to_string(status);
  if (status == 401 || status == 403) {
    what += ": it wants credentials that may read its state; " + (auth_ ? auth_->describe() : "none are given");
  }
  if (status == 503) what += ": it knows no leader yet";
  return about(master, std::move(what));
}

Result<Fetcher::Answer> Fetcher::ask_once(const Question& question, const std::string& path,
                                          const std::vector<std::string>& headers) {
  const Master& master = question.master;
  net::Request request;
  request.base = master.base;
  request.path = path;
  request.headers = {"Accept: application/json"};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  Result<net::HttpStream> stream = net::HttpStream::open(request, http_, question.stop);
  if (!stream) return tl::unexpected(stream.error());
  Answer answer{stream->status(), stream->header("location"), std::nullopt};
  if (answer.status != 200) return answer;
  const Clock::time_point deadline = Clock::now() + kWholeAnswer * http_.timeout;
  const Pull pull = [&](char* into, std::size_t size) -> Result<std::size_t> {
    if (Clock::now() > deadline) return tl::unexpected(about(master, "takes too long to send its state"));
    if (question.give_way && question.give_way()) {
      return tl::unexpected(about(master, "sends its state so slowly that its events are heard first"));
    }
    return stream->read(into, size, question.stop);
  };
  Result<State> state = decode_state(pull, question.groups, limits_, question.held);
  if (!state) return fail(state.error().fault, master.base + path + ": " + state.error().message);
  const auto age = election_age(state->master.elected_time, stream->header("date"));
  answer.fetched = Fetched{*std::move(state), master, age};
  return answer;
}

Result<Fetcher::Answer> Fetcher::ask_path(const Question& question, const std::string& path) {
  if (!auth_) return ask_once(question, path, {});
  for (bool again = false;; again = true) {
    const auto headers = auth_->headers(question.master, question.known, question.stop);
    if (!headers) return tl::unexpected(headers.error());
    Result<Answer> answer = ask_once(question, path, *headers);
    if (!answer || again || !auth_->refused(answer->status, *headers)) return answer;
  }
}

Result<Fetcher::Answer> Fetcher::ask(const Question& question) {
  const std::string& base = question.master.base;
  const auto known = paths_.find(base);
  const std::string first = known == paths_.end() ? kState : known->second;
  Result<Answer> answer = ask_path(question, first);
  if (answer && answer->status == 404) {
    const std::string second = first == kState ? kOldState : kState;
    Result<Answer> other = ask_path(question, second);
    if (other && other->status == 200) paths_[base] = second;
    if (!other || other->status != 404) return other;
  }
  return answer;
}

Result<Fetched> Fetcher::fetch(const Master& master, const Masters& known, const Groups& groups, std::stop_token stop,
                               const Held& held, const GiveWay& give_way) {
  const Master* asked = &master;
  for (bool redirected = false;; redirected = true) {
    Result<Answer> answer = ask({*asked, known, groups, held, give_way, stop});
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
