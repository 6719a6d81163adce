// One read of /state from one master, with all that masters answer instead of it.
#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>

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

// Thread: one.
class Fetcher {
 public:
  // `timeout` bounds each silence; a whole answer may take four times as long.
  Fetcher(net::HttpOptions http, StateLimits limits);

  // GET /master/state, or /state.json on a master that has no other (before 0.25; remembered); at most one redirect,
  // and only to a master in `known`. Error: Fault::Retry when it could not be reached, Fault::Keep when it answered
  // something else than the state of a leader; names the master.
  Result<Fetched> fetch(const Master& master, const Masters& known,
                        const std::map<std::string, std::string, std::less<>>& groups, std::stop_token stop);

 private:
  struct Answer;
  using Groups = std::map<std::string, std::string, std::less<>>;
  Result<Answer> ask(const Master& master, const Groups& groups, const std::stop_token& stop);
  Result<Answer> ask_path(const Master& master, const std::string& path, const Groups& groups,
                          const std::stop_token& stop);

  net::HttpOptions http_;
  StateLimits limits_;
  std::map<std::string, std::string> paths_;  // by base: the path that worked
};

// The master that "//host:5050/master/state" or "http://host:5050/..." leads to, or nothing when we do not know it.
const Master* find_master(const Masters& known, std::string_view location);

}  // namespace muster::mesos
