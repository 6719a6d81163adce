// The simulated master must look like a real one.
#include "fakes/fake_mesos.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fakes/mesos_events.h"
#include "mesos/record_io.h"
#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

using Json = nlohmann::ordered_json;

// "frameworks[].tasks[].id:string", for every value; "flags" is the command line of the recorded master.
void shape(const Json& value, const std::string& path, std::set<std::string>& into) {
  if (path == ".flags") return;
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) shape(child, path + "." + key, into);
  } else if (value.is_array()) {
    for (const auto& child : value) shape(child, path + "[]", into);
  }
  into.insert(path + ":" + value.type_name());
}

std::set<std::string> shape(const std::string& text) {
  std::set<std::string> out;
  shape(Json::parse(text), "", out);
  return out;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [key, child] : object.items()) out.push_back(key);
  return out;
}

fakes::MesosCluster like_the_recorded_one() {
  fakes::MesosCluster cluster;
  cluster.elected_time = 1795177012.0522351;
  cluster.agents = {{"S0", "127.0.0.11", "node1.test", 25151}};
  fakes::MesosTask task;
  task.id = "web.0";
  task.name = "web";
  task.agent = "127.0.0.11";
  task.ports = {31020, 31021, 31025};
  task.labels = {{"tags", "v1,http"}};
  task.discovery = {{31020, "http", "tcp", {{"tags", "edge"}}}, {31021, "admin", "tcp", {}}};
  task.healthy = true;
  task.health_check = true;
  cluster.tasks = {task};
  return cluster;
}

TEST(FakeMesos, AnswersInTheShapeOfARecordedMaster) {
  EXPECT_EQ(shape(render_state(like_the_recorded_one())), shape(recorded("state.json")));
}

TEST(FakeMesos, KeepsTheOrderOfFieldsAndThePrintOfNumbers) {
  const std::string text = render_state(like_the_recorded_one());
  const Json fake = Json::parse(text);
  const Json real = Json::parse(recorded("state.json"));
  EXPECT_EQ(keys(fake), keys(real));
  EXPECT_EQ(keys(fake["slaves"][0]), keys(real["slaves"][0]));
  EXPECT_EQ(keys(fake["frameworks"][0]), keys(real["frameworks"][0]));
  EXPECT_EQ(keys(fake["frameworks"][0]["tasks"][0]), keys(real["frameworks"][0]["tasks"][0]));
  EXPECT_NE(text.find("\"activated_slaves\":1.0,"), std::string::npos);
  EXPECT_NE(text.find("\"port\":25151,"), std::string::npos);
}

TEST(FakeMesos, FailsOverInTheRecordedShapes) {
  fakes::MesosCluster cluster = like_the_recorded_one();
  cluster.agents[0].registered = false;
  EXPECT_EQ(shape(render_state(cluster)), shape(recorded("failover-2-recovered.json")));
  cluster.agents.clear();
  cluster.tasks.clear();
  EXPECT_EQ(shape(render_state(cluster)), shape(recorded("failover-1-empty.json")));
  EXPECT_EQ(shape(render_master_info(cluster)), shape(recorded("znode-json.info.json")));
}

// Of each type of event, what the recorded stream had: every key that we read must stand where it stood there.
TEST(FakeMesos, StreamsEventsInTheRecordedShapes) {
  std::map<std::string, std::set<std::string>> real;
  RecordDecoder decoder;
  std::deque<Record> records;
  ASSERT_TRUE(decoder.feed(recorded("subscribe.recordio"), records));
  for (const Record& each : records) {
    const std::set<std::string> one = shape(each.bytes);
    real[Json::parse(each.bytes)["type"]].insert(one.begin(), one.end());
  }
  fakes::MesosCluster cluster = like_the_recorded_one();
  fakes::MesosTask task = cluster.tasks[0];
  task.labels.emplace_back("check_interval", "10s");
  std::map<std::string, std::set<std::string>> fake;
  const auto add = [&](const std::string& record) {
    const std::set<std::string> one = shape(record);
    fake[Json::parse(record)["type"]].insert(one.begin(), one.end());
  };
  cluster.tasks.clear();
  add(fakes::subscribed(cluster, 15));
  add(fakes::heartbeat());
  add(fakes::framework_added("marathon"));
  add(fakes::task_updated(cluster, task, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"));
  task.state = "TASK_STAGING";
  add(fakes::task_added(cluster, task));
  EXPECT_EQ(fake, real);
}

}  // namespace
}  // namespace muster::mesos
