#include "mesos/events.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/text.h"

namespace muster::mesos {
namespace {

using Json = nlohmann::json;

constexpr double kLongestHeartbeat = 3600;  // seconds
constexpr std::size_t kDeepest = 64;        // as in /state

// Nothing: it is not there, or is no object.
const Json* object(const Json* in, const char* key) {
  if (in == nullptr || !in->is_object()) return nullptr;
  const auto found = in->find(key);
  return found == in->end() || !found->is_object() ? nullptr : &*found;
}

std::string text(const Json* in, const char* key) {
  if (in == nullptr || !in->is_object()) return {};
  const auto found = in->find(key);
  return found == in->end() || !found->is_string() ? std::string() : found->get_ref<const std::string&>();
}

// {"task_id": {"value": "web.1"}}
std::string id(const Json* in, const char* key) { return text(object(in, key), "value"); }

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

// {"labels": {"labels": [...]}} -> {"labels": [...]}
void flatten_labels(Json& holder) {
  const Json* wrapped = object(&holder, "labels");
  if (wrapped == nullptr) return;
  const auto list = wrapped->find("labels");
  Json flat = list == wrapped->end() ? Json::array() : *list;
  holder["labels"] = std::move(flat);
}

void move_id(Json& holder, const char* from, const char* to) {
  std::string value = id(&holder, from);
  holder.erase(from);
  holder[to] = std::move(value);
}

std::string number(const Json& range, const char* key) {
  const auto found = range.is_object() ? range.find(key) : range.end();
  if (!range.is_object() || found == range.end()) return "?";
  if (found->is_number_unsigned()) return std::to_string(found->get<std::uint64_t>());
  if (!found->is_number_float()) return "?";
  const double value = found->get<double>();
  const bool fine = value >= 0 && value < 1e15 && value == std::floor(value);
  return fine ? std::to_string(static_cast<std::uint64_t>(value)) : "?";
}

// One resource of type RANGES: "31000-31001, 31005-31005".
std::string ranges(const Json& resource) {
  std::string out;
  const Json* holder = object(&resource, "ranges");
  if (holder == nullptr) return out;
  const auto list = holder->find("range");
  if (list == holder->end() || !list->is_array()) return out;
  for (const Json& each : *list) {
    if (!out.empty()) out += ", ";
    out += number(each, "begin") + "-" + number(each, "end");
  }
  return out;
}

// [{"name":"ports",...},...] -> {"ports": "[31000-31001]"}: a role may have ports of its own beside the common ones.
void flatten_resources(Json& task) {
  std::string ports;
  const auto list = task.find("resources");
  if (list != task.end() && list->is_array()) {
    for (const Json& each : *list) {
      if (text(&each, "name") != "ports") continue;
      const std::string more = ranges(each);
      ports += (ports.empty() || more.empty() ? "" : ", ") + more;
    }
  }
  task["resources"] = Json::object();
  if (!ports.empty()) task["resources"]["ports"] = "[" + ports + "]";
}

void flatten_statuses(Json& task) {
  const auto list = task.find("statuses");
  if (list == task.end() || !list->is_array()) return;
  for (Json& each : *list) flatten_labels(each);
}

// What /state and the v1 API spell alike stays as it is.
std::string as_in_state(Json task) {
  move_id(task, "task_id", "id");
  move_id(task, "framework_id", "framework_id");
  move_id(task, "agent_id", "slave_id");
  task.erase("executor_id");
  flatten_labels(task);
  flatten_resources(task);
  flatten_statuses(task);
  return dump(task);
}

void unread(Event& event, std::string what) {
  event.kind = EventKind::Unread;
  event.problem = event.type + " " + std::move(what);
}

void read_task_added(const Json& body, Event& event) {
  const Json* task = object(&body, "task");
  event.task = id(task, "task_id");
  event.framework = id(task, "framework_id");
  event.agent = id(task, "agent_id");
  event.state = text(task, "state");
  if (event.task.empty() || event.agent.empty()) return unread(event, "names no task or no agent");
  event.body = as_in_state(*task);
}

void read_task_updated(const Json& body, Event& event) {
  const Json* status = object(&body, "status");
  event.task = id(status, "task_id");
  event.agent = id(status, "agent_id");
  event.framework = id(&body, "framework_id");
  event.state = text(&body, "state");
  if (event.state.empty()) event.state = text(status, "state");
  if (event.task.empty() || event.agent.empty()) return unread(event, "names no task or no agent");
  const auto healthy = status->find("healthy");
  if (healthy != status->end() && healthy->is_boolean()) event.healthy = healthy->get<bool>();
  const auto time = status->find("timestamp");
  if (time != status->end() && time->is_number()) event.status_time = time->get<double>();
  Json flat = *status;
  flatten_labels(flat);
  event.body = dump(flat);
}

void read_framework(const Json& body, Event& event) {
  const Json* info = object(object(&body, "framework"), "framework_info");
  event.framework = id(info, "id");
  event.framework_name = text(info, "name");
  if (event.framework.empty()) unread(event, "names no framework");
}

using Read = void (*)(const Json& body, Event& event);
struct Type {
  std::string_view name;
  const char* body;
  EventKind kind;
  Read read;
};
constexpr Type kTypes[] = {
    {"TASK_ADDED", "task_added", EventKind::TaskAdded, read_task_added},
    {"TASK_UPDATED", "task_updated", EventKind::TaskUpdated, read_task_updated},
    {"AGENT_ADDED", "agent_added", EventKind::AgentAdded,
     [](const Json& body, Event& event) { event.agent = id(object(object(&body, "agent"), "agent_info"), "id"); }},
    {"AGENT_REMOVED", "agent_removed", EventKind::AgentRemoved,
     [](const Json& body, Event& event) { event.agent = id(&body, "agent_id"); }},
    {"FRAMEWORK_ADDED", "framework_added", EventKind::FrameworkNamed, read_framework},
    {"FRAMEWORK_UPDATED", "framework_updated", EventKind::FrameworkNamed, read_framework},
    {"FRAMEWORK_REMOVED", "framework_removed", EventKind::FrameworkRemoved, [](const Json&, Event&) {}},
};

// The interval stands at the end of the record, behind the snapshot.
std::chrono::milliseconds heartbeat_of(std::string_view record) {
  constexpr std::string_view kKey = "\"heartbeat_interval_seconds\":";
  const std::size_t at = record.rfind(kKey);
  if (at == std::string_view::npos) return {};
  double seconds = 0;
  const char* from = record.data() + at + kKey.size();
  const auto [end, status] = std::from_chars(from, record.data() + record.size(), seconds);
  if (status != std::errc{} || !(seconds > 0) || seconds > kLongestHeartbeat) return {};
  return std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * 1000)));
}

}  // namespace

Result<Event> decode_event(const Record& record) {
  constexpr std::string_view kSnapshot = R"({"type":"SUBSCRIBED")";
  Event event;
  if (!record.whole || record.bytes.starts_with(kSnapshot)) {
    event.heartbeat = heartbeat_of(record.bytes);
    const bool snapshot = record.whole || event.heartbeat.count() > 0;
    event.kind = snapshot ? EventKind::Subscribed : EventKind::Unread;
    if (!snapshot) event.problem = "an event is too large to be read";
    return event;
  }
  if (nested_deeper(record.bytes, kDeepest)) {
    event.kind = EventKind::Unread;
    event.problem = "an event is nested more than " + std::to_string(kDeepest) + " deep";
    return event;
  }
  const Json json = Json::parse(record.bytes, nullptr, false);
  if (!json.is_object()) {
    return fail(Fault::Retry, "a record of " + std::to_string(record.bytes.size()) + " bytes is no JSON object");
  }
  event.type = text(&json, "type");
  if (event.type == "SUBSCRIBED") event.kind = EventKind::Subscribed, event.heartbeat = heartbeat_of(record.bytes);
  if (event.type == "HEARTBEAT") event.kind = EventKind::Heartbeat;
  for (const Type& type : kTypes) {
    if (event.type != type.name) continue;
    event.kind = type.kind;
    const Json* body = object(&json, type.body);
    body == nullptr ? unread(event, "has no body") : type.read(*body, event);
  }
  event.type.resize(std::min<std::size_t>(event.type.size(), 64));
  return event;
}

std::string with_status(const std::string& task, const std::string& state, const std::string& status) {
  Json json = Json::parse(task, nullptr, false);
  if (!json.is_object()) return task;
  json["state"] = state;
  const Json more = Json::parse(status, nullptr, false);
  if (!more.is_object()) return dump(json);
  Json& statuses = json["statuses"];
  if (!statuses.is_array()) statuses = Json::array();
  statuses.push_back(more);
  return dump(json);
}

std::optional<Instance> decode_task(const std::string& task, const std::string& agent, const Pid& pid,
                                    const std::string& framework, const std::string& group,
                                    std::vector<Rejection>& rejections) {
  const std::string ip = pid.ip.find(':') == std::string::npos ? pid.ip : "[" + pid.ip + "]";
  const std::string at = pid.name + "@" + ip + ":" + std::to_string(pid.port);
  const std::string document = R"({"id":"event","slaves":[{"id":)" + dump(agent) + R"(,"pid":)" + dump(at) +
                               R"(}],"frameworks":[{"id":)" + dump(framework) + R"(,"name":)" + dump(group) +
                               R"(,"tasks":[)" + task + "]}]}";
  Result<State> state = decode_state(document);
  if (!state) {
    rejections.push_back({Reason::NoId, "", "a task of an event: " + state.error().message});
    return std::nullopt;
  }
  std::move(state->rejections.begin(), state->rejections.end(), std::back_inserter(rejections));
  const auto tasks = state->tasks.find(agent);
  if (tasks == state->tasks.end()) return std::nullopt;
  tasks->second.running.seal();
  if (tasks->second.running.empty()) return std::nullopt;
  return tasks->second.running.at(0);
}

}  // namespace muster::mesos
