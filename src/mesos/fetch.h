// One read of /state from one master, with all that masters answer instead of it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "mesos/auth.h"
#include "mesos/master.h"
#include "mesos/state.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::mesos {

struct Fetched {
  State state;
  Master master;                             // the leader that answered, after a redirect perhaps
  std::chrono::milliseconds elected_for{0};  // by the master's own clock (its Date header), else by ours; 0: unknown
};

// Asked between the pieces of an answer: whether to give it up for something that waits elsewhere.
using GiveWay = std::function<bool()>;

// Thread: one.
class Fetcher {
 public:
  // `timeout` bounds each silence; a whole answer may take four times as long. `auth` may be null.
  Fetcher(net::HttpOptions http, StateLimits limits, std::shared_ptr<Authorizer> auth = nullptr);

  // GET /master/state, or /state.json on a master that has no other (before 0.25; remembered); at most one redirect,
  // and only to a master in `known`, which alone are shown credentials; where these are refused and others can be had,
  // they are tried once. `give_way` may be empty. Error: Fault::Retry when it could not be reached, Fault::Keep when it
  // answered something else than the state of a leader; names the master.
  Result<Fetched> fetch(const Master& master, const Masters& known,
                        const std::map<std::string, std::string, std::less<>>& groups, std::stop_token stop,
                        const Held& held = {}, const GiveWay& give_way = {});

 private:
  struct Answer;
  using Groups = std::map<std::string, std::string, std::less<>>;
  struct Question;
  Result<Answer> ask(const Question& question);
  Result<Answer> ask_path(const Question& question, const std::string& path);
  Result<Answer> ask_once(const Question& question, const std::string& path, const std::vector<std::string>& headers);
  Error refusal(const Master& master, int status) const;

  net::HttpOptions http_;
  StateLimits limits_;
  std::shared_ptr<Authorizer> auth_;
  std::map<std::string, std::string> paths_;  // by base: the path that worked
};

// The master that "//host:5050/master/state" or "http://host:5050/..." leads to, or nothing when we do not know it.
const Master* find_master(const Masters& known, std::string_view location);

}  // namespace muster::mesos
