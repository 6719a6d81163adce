#include "mesos/state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

using Json = nlohmann::json;

State must_decode(const std::string& text) {
  Result<State> state = decode_state(text);
  EXPECT_TRUE(state) << state.error().message;
  if (!state) return {};
  for (auto& [id, tasks] : state->tasks) tasks.running.seal();
  return *std::move(state);
}

// An otherwise sound document of one agent, with the tasks of one framework.
Json document(Json tasks) {
  return {{"id", "m1"},
          {"version", "1.11.0"},
          {"slaves", Json::array({{{"id", "S0"}, {"hostname", "n1"}, {"pid", "slave(1)@10.0.0.21:5051"}}})},
          {"recovered_slaves", Json::array()},
          {"frameworks", Json::array({{{"id", "F"}, {"name", "marathon"}, {"tasks", std::move(tasks)}}})}};
}

Json task(const std::string& id, const std::string& state = "TASK_RUNNING") {
  return {{"id", id}, {"name", "web"}, {"slave_id", "S0"}, {"framework_id", "F"}, {"state", state}};
}

Instance only(const Json& task) {
  const State state = must_decode(document(Json::array({task})).dump());
  const auto found = state.tasks.find("S0");
  if (found == state.tasks.end() || found->second.running.size() != 1) {
    ADD_FAILURE() << "not exactly one running task";
    return {};
  }
  return found->second.running.at(0);
}

std::vector<std::string> ids(const InstanceList& list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < list.size(); ++i) out.emplace_back(list.id(i));
  return out;
}

using Strings = std::vector<std::string>;

TEST(State, OfCompletedTasksOnlyThoseThatAreHeldAreToldAndAllWhereNothingIsHeld) {
  Json json = document(Json::array({task("runs")}));
  json["frameworks"][0]["completed_tasks"] =
      Json::array({task("held", "TASK_FINISHED"), task("forgotten", "TASK_FINISHED")});
  InstanceList list;
  for (const char* id : {"held", "runs"}) {
    Instance instance;
    instance.id = id;
    list.add(instance);
  }
  list.seal();
  const auto held = std::make_shared<const InstanceList>(std::move(list));
  const auto ended = [&](const Held& of) {
    const Result<State> state = decode_state(json.dump(), {}, {}, of);
    return state ? state->tasks.at("S0").ended : Strings{state.error().message};
  };
  EXPECT_EQ(ended({}), (Strings{"forgotten", "held"}));
  EXPECT_EQ(ended([](const std::string&) { return nullptr; }), (Strings{"forgotten", "held"}));
  EXPECT_EQ(ended([&](const std::string&) { return held; }), (Strings{"held"}));
}

TEST(State, ATextIsTheSameInWhateverPiecesItArrives) {
  Json web = task("a\\\"b\n\u00e9");
  web["labels"] = Json::array({{{"key", "k\"\""}, {"value", std::string(300, 'x') + "\\\\\t" + std::string(40, 'y')}}});
  const std::string text = document(Json::array({web})).dump(-1, ' ', true);
  for (std::size_t piece = 1; piece < 40; ++piece) {
    std::string_view left = text;
    const Pull pull = [&](char* into, std::size_t size) -> Result<std::size_t> {
      const std::size_t taken = left.copy(into, std::min(size, piece));
      left.remove_prefix(taken);
      return taken;
    };
    Result<State> state = decode_state(pull);
    ASSERT_TRUE(state) << piece << ": " << state.error().message;
    InstanceList& running = state->tasks.at("S0").running;
    running.seal();
    ASSERT_EQ(running.size(), 1U) << piece;
    EXPECT_EQ(running.id(0), web.at("id").get<std::string>()) << piece;
    ASSERT_EQ(running.at(0).labels.size(), 1U) << piece;
    EXPECT_EQ(running.at(0).labels[0].value, web["labels"][0]["value"].get<std::string>()) << piece;
  }
}

TEST(State, IsReadFromARecording) {
  const State state = must_decode(recorded("state.json"));
  EXPECT_EQ(state.master.version, "1.12.0");
  EXPECT_EQ(state.master.id, "832be414-b03b-40af-ae5c-a723856f2305");
  EXPECT_EQ(state.master.pid, "master@127.0.0.1:25050");
  EXPECT_EQ(state.master.leader, "master@127.0.0.1:25050");
  EXPECT_DOUBLE_EQ(state.master.elected_time, 1795177012.0522351);
  ASSERT_EQ(state.agents.size(), 2U);
  EXPECT_EQ(state.agents[0].hostname, "node2.test");
  EXPECT_EQ(state.agents[0].pid, (Pid{"slave(1)", "127.0.0.12", 25151}));
  EXPECT_DOUBLE_EQ(state.agents[0].registered, 1795177015.893971);
  EXPECT_TRUE(state.agents[0].active);
  ASSERT_TRUE(state.recovered);
  EXPECT_TRUE(state.recovered->empty());
  EXPECT_TRUE(state.rejections.empty());
  EXPECT_TRUE(state.whole);
  EXPECT_EQ(ids(state.tasks.at(state.agents[0].id).running), (Strings{"KafkaMesos-0.b1", "web.2"}));
  EXPECT_EQ(ids(state.tasks.at(state.agents[1].id).running), (Strings{"web.0", "web.1"}));
}

TEST(State, GivesATaskWithAllThatTheRulesNeed) {
  const State state = must_decode(recorded("state.json"));
  const InstanceList& list = state.tasks.at("832be414-b03b-40af-ae5c-a723856f2305-S0").running;
  Instance expected;
  expected.id = "web.0";
  expected.name = "web";
  expected.group = "mesos-execute instance";
  expected.labels = {{"tags", "v1,http"}, {"check_http", "http://{host}:{port}/"}, {"check_interval", "10s"}};
  expected.addresses = {{AddressKind::NetInfo, "127.0.0.11"}, {AddressKind::Host, "127.0.0.11"}};
  expected.ports = {{31020, PortOrigin::Discovery, "http", "tcp", {"edge"}},
                    {31021, PortOrigin::Discovery, "admin", "tcp", {}},
                    {31020, PortOrigin::Resource, "", "", {}},
                    {31021, PortOrigin::Resource, "", "", {}},
                    {31025, PortOrigin::Resource, "", "", {}}};
  expected.health = Health::Passing;
  expected.visibility = "FRAMEWORK";
  EXPECT_EQ(list.at(0), expected);
}

TEST(State, TellsHealthFromTheLatestStatusThatSpeaksOfIt) {
  const auto health = [](const std::string& file) {
    std::vector<Health> out;
    const State state = must_decode(recorded(file));
    for (const auto& [id, tasks] : state.tasks) {
      for (std::size_t i = 0; i < tasks.running.size(); ++i) out.push_back(tasks.running.at(i).health);
    }
    return out;
  };
  const std::vector<Health> before = health("state-healthy.json");
  const std::vector<Health> after = health("state-unhealthy.json");
  EXPECT_EQ(std::count(before.begin(), before.end(), Health::Failing), 0);
  EXPECT_EQ(std::count(after.begin(), after.end(), Health::Failing), 1);
  EXPECT_EQ(before.size(), after.size());
}

TEST(State, OfAFreshLeaderListsNothingThenRecoveredAgents) {
  const State empty = must_decode(recorded("failover-1-empty.json"));
  EXPECT_TRUE(empty.agents.empty());
  EXPECT_TRUE(empty.recovered && empty.recovered->empty());
  const State recovered = must_decode(recorded("failover-2-recovered.json"));
  ASSERT_TRUE(recovered.recovered);
  ASSERT_EQ(recovered.recovered->size(), 2U);
  EXPECT_EQ(recovered.recovered->at(0).hostname, "node2.test");
  const State partial = must_decode(recorded("failover-3-partial.json"));
  ASSERT_EQ(partial.agents.size(), 1U);
  EXPECT_GT(partial.agents[0].reregistered, partial.master.elected_time);
  EXPECT_EQ(partial.recovered->size(), 1U);
}

// Key order is a habit of the master's, not a promise.
TEST(State, IsTheSameInAnyOrderOfItsKeys) {
  for (const char* file : {"state.json", "failover-3-partial.json", "state-unhealthy.json"}) {
    const std::string text = recorded(file);
    const State forward = must_decode(text);
    const State sorted = must_decode(Json::parse(text).dump());  // nlohmann sorts the keys
    auto reversed = nlohmann::ordered_json::parse(text);
    nlohmann::ordered_json turned;
    for (auto it = reversed.rbegin(); it != reversed.rend(); ++it) turned[it.key()] = it.value();
    const State backward = must_decode(turned.dump());
    ASSERT_EQ(forward.tasks.size(), sorted.tasks.size());
    for (const auto& [id, tasks] : forward.tasks) {
      EXPECT_EQ(tasks.running, sorted.tasks.at(id).running) << file;
      EXPECT_EQ(tasks.running, backward.tasks.at(id).running) << file;
    }
    EXPECT_EQ(forward.agents, sorted.agents);
    EXPECT_EQ(forward.master, backward.master);
  }
}

TEST(State, SortsTasksByWhatTheirStateProves) {
  Json tasks = Json::array();
  for (const char* state : {"RUNNING", "KILLING", "STAGING", "STARTING", "FINISHED", "FAILED", "KILLED", "ERROR",
                            "DROPPED", "GONE", "LOST", "UNREACHABLE", "UNKNOWN", "GONE_BY_OPERATOR", "INVENTED"}) {
    tasks.push_back(task(state, std::string("TASK_") + state));
  }
  const State state = must_decode(document(tasks).dump());
  const AgentTasks& found = state.tasks.at("S0");
  EXPECT_EQ(ids(found.running), (Strings{"KILLING", "RUNNING"}));
  EXPECT_TRUE(found.running.at(0).draining);
  EXPECT_FALSE(found.running.at(1).draining);
  EXPECT_EQ(found.ended, (Strings{"DROPPED", "ERROR", "FAILED", "FINISHED", "GONE", "KILLED"}));
  EXPECT_EQ(found.lost, (Strings{"GONE_BY_OPERATOR", "INVENTED", "LOST", "UNKNOWN", "UNREACHABLE"}));
  EXPECT_EQ(found.pending, (Strings{"STAGING", "STARTING"}));
}

TEST(State, TakesATaskWithoutAStateForLost) {
  Json stateless = task("b");
  stateless.erase("state");
  Json odd = task("c");
  odd["state"] = 7;
  EXPECT_EQ(must_decode(document(Json::array({task("a", ""), stateless, odd})).dump()).tasks.at("S0").lost,
            (Strings{"a", "b", "c"}));
}

TEST(State, TakesUnreachableTasksForLostWhateverTheirStateSays) {
  Json doc = document(Json::array());
  doc["frameworks"][0]["unreachable_tasks"] = Json::array({task("a"), task("b", "TASK_UNREACHABLE")});
  const State state = must_decode(doc.dump());
  EXPECT_EQ(state.tasks.at("S0").lost, (Strings{"a", "b"}));
  EXPECT_TRUE(state.tasks.at("S0").running.empty());
}

TEST(State, SkipsWhatIsOver) {
  Json doc = document(Json::array({task("a")}));
  doc["frameworks"][0]["completed_tasks"] = Json::array({task("b")});
  doc["completed_frameworks"] = Json::array({{{"id", "G"}, {"name", "x"}, {"tasks", Json::array({task("c")})}}});
  doc["frameworks"][0]["executors"] = Json::array({{{"tasks", Json::array({task("d")})}}});
  EXPECT_EQ(ids(must_decode(doc.dump()).tasks.at("S0").running), Strings{"a"});
}

// Before 1.3 tasks of frameworks that had not come back ran under orphan_tasks.
TEST(State, CountsOrphansAmongTheRunningAndRemembersTheNameOfTheirFramework) {
  Json doc = document(Json::array());
  doc["orphan_tasks"] = Json::array({task("a")});
  doc["orphan_tasks"][0]["framework_id"] = "gone";
  EXPECT_EQ(must_decode(doc.dump()).tasks.at("S0").running.at(0).group, "");
  Result<State> state = decode_state(doc.dump(), {{"gone", "chronos"}});
  ASSERT_TRUE(state);
  state->tasks.at("S0").running.seal();
  EXPECT_EQ(state->tasks.at("S0").running.at(0).group, "chronos");
}

TEST(State, SaysWhenTheMasterIsTooOldToKnowRecoveredAgents) {
  Json doc = document(Json::array());
  doc.erase("recovered_slaves");
  EXPECT_FALSE(must_decode(doc.dump()).recovered);
}

TEST(Address, ComesFromTheRunningStatusOfTheGreatestTimestamp) {
  const auto status = [](const char* state, double time, const char* ip) {
    return Json{{"state", state},
                {"timestamp", time},
                {"labels", Json::array({{{"key", "Docker.NetworkSettings.IPAddress"}, {"value", ip}}})},
                {"container_status",
                 {{"network_infos", Json::array({{{"ip_addresses", Json::array({{{"ip_address", ip}}})}}})}}}};
  };
  Json one = task("a");
  one["statuses"] = Json::array({status("TASK_RUNNING", 7, "172.17.0.7"), status("TASK_RUNNING", 9, "172.17.0.9"),
                                 status("TASK_RUNNING", 9, "172.17.0.10"), status("TASK_STARTING", 99, "172.17.0.99")});
  const std::vector<Address> expected{{AddressKind::NetInfo, "172.17.0.9", true},
                                      {AddressKind::Docker, "172.17.0.9", true},
                                      {AddressKind::Host, "10.0.0.21"}};
  EXPECT_EQ(only(one).addresses, expected) << "the array's order is not trusted; the first wins a tie";
}

TEST(Address, IsTakenFromEveryPlaceInOrderAndOnlyWhenItIsOne) {
  Json one = task("a");
  one["statuses"] = Json::array(
      {{{"state", "TASK_RUNNING"},
        {"timestamp", 1},
        {"labels", Json::array({{{"key", "MesosContainerizer.NetworkSettings.IPAddress"}, {"value", "172.18.0.3"}}})},
        {"container_status",
         {{"network_infos",
           Json::array({{{"ip_addresses", Json::array({{{"ip_address", "fd00::5"}}, {{"ip_address", "nonsense"}}})},
                         {"ip_address", "10.9.9.9"}},
                        {{"ip_address", "10.1.1.1"}}})}}}}});
  const std::vector<Address> expected{{AddressKind::NetInfo, "fd00::5", true},
                                      {AddressKind::NetInfo, "10.1.1.1", true},
                                      {AddressKind::Mesos, "172.18.0.3", true},
                                      {AddressKind::Host, "10.0.0.21"}};
  EXPECT_EQ(only(one).addresses, expected) << "ip_address is Mesos 0.25's, and only where the list is empty";
}

TEST(Ports, KeepTheirPlacesEvenWithoutANumber) {
  Json one = task("a");
  one["discovery"] = {
      {"ports",
       {{"ports", Json::array({{{"number", 31000.0}, {"name", "http"}, {"protocol", "TCP"}},
                               {{"name", "unset"}, {"protocol", "sctp"}},
                               {{"number", 31002},
                                {"labels",
                                 {{"labels", Json::array({{{"key", "tags"}, {"value", "a, b,"}},
                                                          {{"key", "tags"}, {"value", "late"}}})}}}}})}}}};
  one["resources"] = {{"ports", "[31005-31006, 31010-31010]"}};
  const std::vector<Port> expected{{31000, PortOrigin::Discovery, "http", "tcp", {}},
                                   {0, PortOrigin::Discovery, "unset", "", {}},
                                   {31002, PortOrigin::Discovery, "", "", {"a", " b", ""}},
                                   {31005, PortOrigin::Resource, "", "", {}},
                                   {31006, PortOrigin::Resource, "", "", {}},
                                   {31010, PortOrigin::Resource, "", "", {}}};
  EXPECT_EQ(only(one).ports, expected);
}

TEST(Ports, OutOfRangeCostOnlyThemselves) {
  Json one = task("a");
  one["discovery"] = {
      {"ports",
       {{"ports",
         Json::array(
             {{{"number", 70000}, {"name", "big"}}, {{"number", -1}}, {{"number", 31000.5}}, {{"number", 80}}})}}}};
  one["resources"] = {{"ports", "[65534-70000, 31000-31000]"}};
  const State state = must_decode(document(Json::array({one, task("b")})).dump());
  const InstanceList& list = state.tasks.at("S0").running;
  ASSERT_EQ(ids(list), (Strings{"a", "b"}));
  std::vector<int> numbers;
  for (const Port& port : list.at(0).ports) numbers.push_back(port.number);
  EXPECT_EQ(numbers, (std::vector<int>{0, 0, 0, 80, 65534, 65535, 31000}));
  ASSERT_EQ(state.rejections.size(), 4U);
  for (const Rejection& rejection : state.rejections) {
    EXPECT_EQ(rejection.reason, Reason::PortOutOfRange);
    EXPECT_EQ(rejection.instance, "a");
    EXPECT_NE(rejection.detail.find("task a"), std::string::npos);
  }
}

TEST(Ports, ThatCannotBeReadOrAreTooManyAreRejected) {
  for (const char* text : {"[5-3]", "[x-y]", "[31000-]", "[99999999999999999999-5]", "31000..31001", "[1-"}) {
    Json one = task("a");
    one["resources"] = {{"ports", text}};
    const State state = must_decode(document(Json::array({one})).dump());
    EXPECT_EQ(state.rejections.size(), 1U) << text;
    EXPECT_EQ(state.tasks.at("S0").running.size(), 1U) << text;
  }
  Json one = task("a");
  one["resources"] = {{"ports", "[1-65535, 1-65535]"}};
  const State state = must_decode(document(Json::array({one})).dump());
  EXPECT_EQ(state.tasks.at("S0").running.at(0).ports.size(), 1000U);
  EXPECT_EQ(state.rejections.size(), 1U);
}

TEST(Labels, ThatAreNoneAreRejectedAndTheRestKept) {
  Json one = task("a");
  one["labels"] = Json::array({{{"key", "tags"}, {"value", "x"}},
                               {{"key", "empty"}},
                               {{"value", "no key"}},
                               {{"key", "n"}, {"value", 5}},
                               {{"key", "big"}, {"value", std::string(70000, 'x')}},
                               7,
                               "text",
                               {{"key", "tags"}, {"value", "y"}}});
  const State state = must_decode(document(Json::array({one})).dump());
  const std::vector<Label> expected{{"tags", "x"}, {"empty", ""}, {"tags", "y"}};
  EXPECT_EQ(state.tasks.at("S0").running.at(0).labels, expected);
  EXPECT_EQ(state.rejections.size(), 3U);
}

TEST(BadItems, CostOnlyThemselves) {
  Json nameless = task("nameless");
  nameless.erase("name");
  Json no_id = task("x");
  no_id.erase("id");
  Json no_agent = task("homeless");
  no_agent.erase("slave_id");
  Json odd = task("odd");
  odd["labels"] = "none";
  odd["statuses"] = 5;
  odd["discovery"] = Json::array({1, 2});
  odd["resources"] = {{"ports", 31000}};
  Json doc = document(Json::array({task("a"), nameless, no_id, no_agent, nullptr, 5, "task", Json::array(), odd}));
  doc["slaves"].push_back({{"id", "S1"}, {"pid", "slave(1)@node7:5051"}});
  doc["slaves"].push_back({{"hostname", "n9"}});
  doc["slaves"].push_back(nullptr);
  const State state = must_decode(doc.dump());
  EXPECT_EQ(ids(state.tasks.at("S0").running), (Strings{"a", "nameless", "odd"}));
  EXPECT_FALSE(state.tasks.at("S0").whole) << "a task there has no id, so an absence proves nothing";
  EXPECT_FALSE(state.whole) << "a task names no agent";
  ASSERT_EQ(state.agents.size(), 2U);
  EXPECT_FALSE(state.agents[1].pid);
  EXPECT_EQ(state.rejections.size(), 9U);
}

// Each of these once passed for a whole answer, and running services were removed as absent from it.
TEST(BadItems, InPlaceOfAListOfAgentsOrTasksLeaveNoProofOfAnAbsence) {
  const char* const cases[][2] = {
      {"/frameworks/0", "\"x\""},
      {"/frameworks/0", "[]"},
      {"/frameworks/0", "null"},
      {"/frameworks/0", "{\"id\":\"f\"}"},
      {"/frameworks/0/tasks", "null"},
      {"/frameworks/0/tasks", "{}"},
      {"/frameworks/0/tasks", "\"none\""},
      {"/frameworks/0/tasks", "0"},
      {"/frameworks/0/tasks/0", "{}"},
      {"/frameworks/0/unreachable_tasks", "null"},
      {"/frameworks/0/unreachable_tasks", "{}"},
      {"/orphan_tasks", "null"},
      {"/orphan_tasks", "{}"},
      {"/orphan_tasks", "[5]"},
      {"/slaves/0", "\"S0\""},
      {"/slaves/0", "[]"},
      {"/slaves/0", "null"},
      {"/recovered_slaves", "null"},
      {"/recovered_slaves", "{}"},
      {"/recovered_slaves", "[\"S1\"]"},
      {"/recovered_slaves", "[{}]"},
  };
  for (const auto& [where, what] : cases) {
    Json doc = document(Json::array({task("a")}));
    ASSERT_TRUE(must_decode(doc.dump()).whole);
    doc[Json::json_pointer(where)] = Json::parse(what);
    const State state = must_decode(doc.dump());
    EXPECT_FALSE(state.whole) << where << " = " << what;
    EXPECT_FALSE(state.rejections.empty()) << where << " = " << what << ": nobody is told why";
  }
}

// Lists that muster does without must not cost the proof of an absence for ever.
TEST(BadItems, ElsewhereTakeNothingFromAnAbsence) {
  for (const char* where : {"/frameworks/0/completed_tasks", "/completed_frameworks", "/unregistered_frameworks",
                            "/frameworks/0/executors", "/frameworks/0/tasks/0/statuses"}) {
    for (const char* what : {"null", "{}", "[5]", "[[]]", "5"}) {
      Json doc = document(Json::array({task("a")}));
      doc[Json::json_pointer(where)] = Json::parse(what);
      EXPECT_TRUE(must_decode(doc.dump()).whole) << where << " = " << what;
    }
  }
}

TEST(BadDocuments, AreErrorsThatKeepTheLastState) {
  for (const char* text :
       {"", " ", "{}", "[]", "null", "5", "\"x\"", "No leader elected", "<html>", "{\"slaves\":[]}",
        "{\"id\":\"m\",\"slaves\":null,\"frameworks\":null}", "{\"id\":\"m\",\"slaves\":{},\"frameworks\":{}}",
        "{\"slaves\":[],\"frameworks\":[]}", "{\"id\":\"m\",\"slaves\":[],\"frameworks\":[]}x",
        "{\"id\":\"m\",\"slaves\":[],\"frameworks\":[]}{}", "[{\"id\":\"m\",\"slaves\":[],\"frameworks\":[]}]"}) {
    const Result<State> state = decode_state(text);
    ASSERT_FALSE(state) << text;
    EXPECT_EQ(state.error().fault, Fault::Keep) << text;
  }
  EXPECT_TRUE(decode_state("{\"id\":\"m\",\"slaves\":[],\"frameworks\":[]}\n"));
  EXPECT_FALSE(decode_state(std::string("{\"id\":\"m\",\"slaves\":[],\"frameworks\":[]}\0{}", 41)));
}

TEST(BadDocuments, CutShortAreErrorsAtEveryByte) {
  const std::string text = recorded("state.json");
  const std::size_t step = 7;
  for (std::size_t size = 0; size + 1 < text.size(); size += step) {
    const Result<State> state = decode_state(std::string_view(text).substr(0, size));
    ASSERT_FALSE(state) << "cut at " << size;
    EXPECT_EQ(state.error().fault, Fault::Keep);
    EXPECT_NE(state.error().message.find("cut short"), std::string::npos) << size << ": " << state.error().message;
  }
  EXPECT_FALSE(decode_state(std::string_view(text).substr(0, text.find_last_of('}'))));
}

TEST(BadDocuments, NestedWithoutEndAreRefusedWithoutAStackOverflow) {
  EXPECT_FALSE(decode_state(std::string(1u << 20, '[')));
  std::string deep = "{\"id\":\"m\",\"x\":";
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  EXPECT_FALSE(decode_state(deep));
}

TEST(BadDocuments, KeepTheirFaultWhenTheConnectionBreaks) {
  const std::string text = recorded("state.json");
  bool first = true;
  const Result<State> state = decode_state([&](char* into, std::size_t) -> Result<std::size_t> {
    if (!first) return fail(Fault::Retry, "GET http://m:5050/master/state: reset");
    first = false;
    return text.copy(into, 5000);
  });
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error(), (Error{Fault::Retry, "GET http://m:5050/master/state: reset"}));
}

// A gigabyte is made piece by piece: what is read must not be kept.
Result<State> endless(std::string head, std::string_view piece, const StateLimits& limits, std::size_t& pulled) {
  return decode_state(
      [&, head = std::move(head), started = false](char* into, std::size_t size) mutable -> Result<std::size_t> {
        std::size_t got = 0;
        if (!started) got = head.copy(into, size);
        started = true;
        while (got + piece.size() <= size) got += piece.copy(into + got, piece.size());
        pulled += got;
        return got;
      },
      {}, limits);
}

TEST(BadDocuments, ThatNeverEndAreGivenUpAtTheLimit) {
  StateLimits limits;
  limits.document = 32u << 20;
  limits.token = 1u << 20;
  std::size_t pulled = 0;
  auto state = endless(R"({"id":"m","completed_frameworks":[1)", ",1", limits, pulled);
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().message.find("larger than"), std::string::npos) << state.error().message;
  EXPECT_LT(pulled, limits.document + (1u << 20));
  pulled = 0;
  state = endless(R"({"id":")", "xx", limits, pulled);
  ASSERT_FALSE(state);
  EXPECT_LT(pulled, 3u << 20) << "a string of a gigabyte is not gathered first";
  pulled = 0;
  state = endless("{", "  ", limits, pulled);
  ASSERT_FALSE(state);
  EXPECT_LT(pulled, 3u << 20);
}

}  // namespace
}  // namespace muster::mesos
