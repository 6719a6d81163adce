// Events as a real master sends them, and as nobody should.
#include "mesos/events.h"

#include <gtest/gtest.h>

#include "fakes/mesos_events.h"
#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

const std::string kS0 = "832be414-b03b-40af-ae5c-a723856f2305-S0";

std::vector<Event> decode_recording(RecordLimits limits = {}) {
  RecordDecoder decoder(limits);
  std::deque<Record> records;
  EXPECT_TRUE(decoder.feed(recorded("subscribe.recordio"), records));
  std::vector<Event> out;
  for (const Record& each : records) {
    Result<Event> event = decode_event(each);
    EXPECT_TRUE(event);
    if (event) out.push_back(*std::move(event));
  }
  return out;
}

Event decode(const std::string& record) {
  const Result<Event> event = decode_event({record, true});
  EXPECT_TRUE(event) << record;
  return event.value_or(Event{});
}

std::optional<Instance> instance(const std::string& task) {
  std::vector<Rejection> rejections;
  return decode_task(task, kS0, *parse_pid("slave(1)@127.0.0.11:25151"), "F1", "marathon", rejections);
}

std::string line(const Event& event) {
  constexpr std::array kNames = {"subscribed", "heartbeat", "task+",      "task",    "agent+",
                                 "agent-",     "framework", "framework-", "unknown", "unread"};
  std::string out = kNames.at(static_cast<std::size_t>(event.kind));
  if (!event.task.empty()) out += " " + event.task + " " + event.state + " on " + event.agent.substr(37);
  if (!event.framework.empty()) out += " of " + event.framework.substr(37);
  if (!event.framework_name.empty()) out += " '" + event.framework_name + "'";
  if (event.healthy) out += *event.healthy ? " healthy" : " sick";
  return out;
}

TEST(Events, AreReadAsARecordedMasterSentThem) {
  Strings lines;
  for (const Event& each : decode_recording()) lines.push_back(line(each));
  EXPECT_EQ(lines, (Strings{"subscribed",
                            "heartbeat",
                            "framework of 0000 'mesos-execute instance'",
                            "framework of 0001 'mesos-execute instance'",
                            "framework of 0002 'mesos-execute instance'",
                            "task+ KafkaMesos-0.b1 TASK_STAGING on S1 of 0000",
                            "framework of 0003 'mesos-execute instance'",
                            "task+ web.0 TASK_STAGING on S0 of 0001",
                            "task+ web.2 TASK_STAGING on S1 of 0002",
                            "task+ web.1 TASK_STAGING on S0 of 0003",
                            "task web.1 TASK_STARTING on S0 of 0003",
                            "task web.1 TASK_RUNNING on S0 of 0003",
                            "task web.2 TASK_STARTING on S1 of 0002",
                            "task KafkaMesos-0.b1 TASK_STARTING on S1 of 0000",
                            "task web.1 TASK_RUNNING on S0 of 0003 healthy",
                            "task web.2 TASK_RUNNING on S1 of 0002",
                            "task KafkaMesos-0.b1 TASK_RUNNING on S1 of 0000",
                            "task web.0 TASK_STARTING on S0 of 0001",
                            "task web.2 TASK_RUNNING on S1 of 0002 healthy",
                            "task web.0 TASK_RUNNING on S0 of 0001",
                            "task web.0 TASK_RUNNING on S0 of 0001 healthy",
                            "heartbeat"}));
  EXPECT_EQ(decode_recording().front().heartbeat, milliseconds(15000));
}

TEST(Events, OfATaskMakeTheSameInstanceAsTheStateOfItsMaster) {
  Result<State> state = decode_state(recorded("state.json"));
  ASSERT_TRUE(state);
  std::map<std::string, Instance> running;
  for (auto& [id, tasks] : state->tasks) {
    tasks.running.seal();
    for (std::size_t i = 0; i < tasks.running.size(); ++i) running[tasks.running.at(i).id] = tasks.running.at(i);
  }
  ASSERT_EQ(running.size(), 4U);
  std::map<std::string, std::string> told;
  std::map<std::string, Instance> made;
  std::vector<Rejection> rejections;
  for (const Event& each : decode_recording()) {
    if (each.kind == EventKind::TaskAdded) told[each.task] = each.body;
    if (each.kind != EventKind::TaskUpdated || each.state != "TASK_RUNNING") continue;
    told[each.task] = with_status(told[each.task], each.state, each.body);
    const std::string pid = each.agent == kS0 ? "slave(1)@127.0.0.11:25151" : "slave(1)@127.0.0.12:25151";
    const auto one =
        decode_task(told[each.task], each.agent, *parse_pid(pid), each.framework, "mesos-execute instance", rejections);
    ASSERT_TRUE(one) << each.task;
    made[each.task] = *one;
  }
  EXPECT_EQ(made, running);
  EXPECT_TRUE(rejections.empty());
}

TEST(Events, TakeASnapshotThatIsTooLargeForOneAllTheSame) {
  const auto events = decode_recording({.kept = 2000, .longest = 1u << 20, .tail = 256});
  EXPECT_EQ(events.front().kind, EventKind::Subscribed);
  EXPECT_EQ(events.front().heartbeat, milliseconds(15000));
  EXPECT_EQ(events.size(), 22U);
}

TEST(Events, ReadSeveralResourcesOfPortsAndFloatsAsOne) {
  const Event event = decode(
      R"({"type":"TASK_ADDED","task_added":{"task":{"name":"web","task_id":{"value":"a"},"framework_id":{"value":"F1"},)"
      R"("agent_id":{"value":"832be414-b03b-40af-ae5c-a723856f2305-S0"},"state":"TASK_RUNNING","resources":[)"
      R"({"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000.0,"end":31001.0}]},"role":"*"},)"
      R"({"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31005,"end":31005}]},"role":"web"}]}}})");
  const auto made = instance(event.body);
  ASSERT_TRUE(made);
  std::vector<int> ports;
  for (const Port& port : made->ports) ports.push_back(port.number);
  EXPECT_EQ(ports, (std::vector<int>{31000, 31001, 31005}));
  EXPECT_EQ(made->group, "marathon");
}

TEST(Events, CostABadPortItself) {
  const Event event = decode(
      R"({"type":"TASK_ADDED","task_added":{"task":{"name":"web","task_id":{"value":"a"},"framework_id":{"value":"F1"},)"
      R"("agent_id":{"value":"832be414-b03b-40af-ae5c-a723856f2305-S0"},"state":"TASK_RUNNING","resources":[)"
      R"({"name":"ports","ranges":{"range":[{"begin":31000,"end":31000},{"begin":65530,"end":70000}]}}],)"
      R"("discovery":{"ports":{"ports":[{"number":80.5},{"number":-1},{"number":99999},{"number":"80"}]}}}}})");
  std::vector<Rejection> rejections;
  const auto made = decode_task(event.body, kS0, *parse_pid("slave(1)@127.0.0.11:5051"), "F1", "m", rejections);
  ASSERT_TRUE(made);
  EXPECT_GE(rejections.size(), 4U);
  for (const Port& port : made->ports) EXPECT_TRUE(port.number == 0 || port.number >= 31000) << port.number;
}

TEST(Events, OfUnknownTypesAndWithoutWhatWeNeedAreToldApart) {
  EXPECT_EQ(decode(R"({"type":"OPERATION_UPDATED"})").kind, EventKind::Unknown);
  EXPECT_EQ(decode(R"({})").kind, EventKind::Unknown);
  EXPECT_EQ(decode(R"({"type":7})").kind, EventKind::Unknown);
  for (
      const char* record :
      {R"({"type":"TASK_ADDED"})", R"({"type":"TASK_ADDED","task_added":[]})",
       R"({"type":"TASK_ADDED","task_added":{"task":{"task_id":{"value":"a"}}}})",
       R"({"type":"TASK_UPDATED","task_updated":{"task_id":{"value":"a"},"agent_id":{"value":"S0"},"state":"TASK_LOST"}})",
       R"({"type":"TASK_UPDATED","task_updated":{"status":7}})",
       R"({"type":"FRAMEWORK_ADDED","framework_added":{"framework":{}}})"}) {
    const Event event = decode(record);
    EXPECT_EQ(event.kind, EventKind::Unread) << record;
    EXPECT_FALSE(event.problem.empty());
  }
  EXPECT_EQ(decode_event({"the end of something", false})->kind, EventKind::Unread);
}

// One of them ended the daemon: values of nlohmann are copied and written by recursion.
TEST(Events, ThatAreNestedTooDeepAreNotRead) {
  const auto nested = [](std::size_t depth, const char* open, const char* close) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += open;
    out += "1";
    for (std::size_t i = 0; i < depth; ++i) out += close;
    return out;
  };
  const auto updated = [](const std::string& data) {
    return R"({"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"F"},"state":"TASK_RUNNING","status":{)"
           R"("task_id":{"value":"a"},"agent_id":{"value":"S"},"data":)" +
           data + "}}}";
  };
  const auto added = [](const std::string& unknown) {
    return R"({"type":"TASK_ADDED","task_added":{"task":{"name":"web","task_id":{"value":"a"},"framework_id":)"
           R"({"value":"F"},"agent_id":{"value":"S"},"state":"TASK_RUNNING","unknown":)" +
           unknown + "}}}";
  };
  for (const std::string& record :
       {updated(nested(100'000, "[", "]")), added(nested(150'000, R"({"a":)", "}")), updated(nested(62, "[", "]"))}) {
    const Event event = decode(record);
    EXPECT_EQ(event.kind, EventKind::Unread);
    EXPECT_EQ(event.problem, "an event is nested more than 64 deep");
    EXPECT_EQ(event.task, "");
  }
  EXPECT_EQ(decode(updated(nested(61, "[", "]"))).task, "a");
  EXPECT_EQ(decode(updated('"' + nested(1000, "[", "]") + '"')).task, "a") << "text is not structure";
}

TEST(Events, ThatAreNoJsonObjectMeanThatTheFramingIsLost) {
  for (const char* record : {"", "[]", "7", R"({"type":"HEARTBEAT")", R"({"type":"HEARTBEAT"}2)", "\xff\xfe"}) {
    EXPECT_FALSE(decode_event({record, true})) << record;
  }
}

TEST(Events, TakeTheNewerStateOfTheTwoInAnUpdate) {
  const Event event =
      decode(R"({"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"F"},"status":{"task_id":{"value":"a"},)"
             R"("agent_id":{"value":"S"},"state":"TASK_RUNNING","healthy":false},"state":"TASK_FINISHED"}})");
  EXPECT_EQ(event.state, "TASK_FINISHED");
  EXPECT_EQ(event.healthy, false);
}

}  // namespace
}  // namespace muster::mesos
