// Who leads the Mesos cluster: asked of ZooKeeper, or tried out of a given list.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "mesos/master.h"
#include "muster/result.h"
#include "zk/url.h"

namespace muster::mesos {

// Thread: one thread calls; a change may be noticed on another, which only wakes `wait`.
class Leaders {
 public:
  virtual ~Leaders() = default;
  Leaders() = default;
  Leaders(const Leaders&) = delete;
  Leaders& operator=(const Leaders&) = delete;

  // What is known now. Error (Fault::Keep): nothing is known and nothing ever was; names whom we asked. Later losses
  // leave the last answer in force.
  virtual Result<Masters> find(std::stop_token stop) = 0;
  // True at once when the masters may have changed since the last find; false at `deadline` or when stopped.
  virtual bool wait(std::chrono::steady_clock::time_point deadline, std::stop_token stop) = 0;
  // Requested as soon as the masters may have changed since the last find; for whoever waits for something else.
  virtual std::stop_token news() = 0;
  // Which of several masters answered as the leader, or that the last one no longer does (nullptr).
  virtual void heard_from(const Master* leader) = 0;
};

// The lowest sequence number leads. A node that vanishes while it is read, or a path without nodes, is a cluster
// without a leader. `limit` bounds each question to ZooKeeper. `https`: how the masters are spoken to, which ZooKeeper
// does not tell.
std::unique_ptr<Leaders> leaders_of_zk(zk::Url url, std::chrono::milliseconds limit = std::chrono::seconds(2),
                                       bool https = false);

// From parse_master. All are candidates, the one heard from last first.
std::unique_ptr<Leaders> leaders_of_list(const std::vector<Master>& masters);

// "http://host:port[/]", "https://..." or "host[:port]", port 5050 unless given, `https` where no scheme is. Error
// (Fault::Leave): what would be right.
Result<Master> parse_master(std::string_view text, bool https = false);

}  // namespace muster::mesos
