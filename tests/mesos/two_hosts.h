// What the tests of the Mesos source begin with: a simulated master, two hosts and a task on each.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fakes/fake_mesos.h"
#include "mesos/source.h"

namespace muster::mesos {

inline fakes::MesosTask task(const std::string& id, const std::string& ip, int port = 31000) {
  fakes::MesosTask out;
  out.id = id;
  out.name = "web";
  out.agent = ip;
  out.ports = {port};
  return out;
}

class TwoHosts : public testing::Test {
 protected:
  using Tasks = std::set<std::string>;

  TwoHosts() {
    net::global_init();
    settings_.http.connect_timeout = std::chrono::milliseconds(2000);
    settings_.http.timeout = std::chrono::milliseconds(5000);
    mesos_.add_agent("127.0.0.11", "node1");
    mesos_.add_agent("127.0.0.12", "node2");
    mesos_.start(task("a", "127.0.0.11"));
    mesos_.start(task("b", "127.0.0.12"));
  }

  void use(const std::vector<std::string>& urls) {
    std::vector<Master> masters;
    for (const std::string& url : urls) masters.push_back(*parse_master(url));
    source_ = make_source(settings_, leaders_of_list(masters));
  }

  const Tasks both_{"a@127.0.0.11", "b@127.0.0.12"};

  fakes::FakeMesos mesos_;
  SourceSettings settings_;
  std::unique_ptr<Source> source_;  // null until use()
};

}  // namespace muster::mesos
