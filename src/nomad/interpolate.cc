#include "nomad/interpolate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <utility>

#include "nomad/address.h"

namespace muster::nomad {
namespace {

struct Found {
  std::size_t begin = std::string_view::npos;  // of "${"
  std::size_t end = 0;                         // behind "}"
  std::string_view name;
};

bool name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

// The first \$\{[a-zA-Z0-9_\-\.]+\} from `from` on.
Found find_variable(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find("${", from); at != std::string_view::npos; at = text.find("${", at + 1)) {
    std::size_t end = at + 2;
    while (end < text.size() && name_character(text[end])) ++end;
    if (end > at + 2 && end < text.size() && text[end] == '}') return {at, end + 1, text.substr(at + 2, end - at - 2)};
  }
  return {};
}

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

std::string replace_all(std::string_view text, const Lookup& lookup) {
  std::string out;
  std::size_t done = 0;
  for (Found found = find_variable(text, 0); found.begin != std::string_view::npos;
       found = find_variable(text, found.end)) {
    out += text.substr(done, found.begin - done);
    const auto value = lookup(std::string(found.name));
    out += value ? std::string_view(*value) : text.substr(found.begin, found.end - found.begin);
    done = found.end;
  }
  return out.append(text.substr(done));
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// The index in "web.api[3]".
std::string index_of(std::string_view name) {
  const std::size_t open = name.rfind('[');
  if (open == std::string_view::npos || !name.ends_with(']')) return {};
  const std::string_view digits = name.substr(open + 1, name.size() - open - 2);
  const bool number = !digits.empty() &&
                      std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return number ? std::string(digits) : std::string{};
}

}  // namespace

bool holds_variable(std::string_view text) { return find_variable(text, 0).begin != std::string_view::npos; }

bool may_become(std::string_view pattern, std::string_view text) {
  std::size_t done = 0;
  std::size_t at = 0;
  bool first = true;
  for (Found found = find_variable(pattern, 0); found.begin != std::string_view::npos;
       found = find_variable(pattern, found.end)) {
    const std::string_view literal = pattern.substr(done, found.begin - done);
    const std::size_t where = first ? (text.starts_with(literal) ? 0 : std::string_view::npos) : text.find(literal, at);
    if (where == std::string_view::npos) return false;
    at = where + literal.size();
    done = found.end;
    first = false;
  }
  const std::string_view last = pattern.substr(done);
  return first ? pattern == text : text.size() >= at + last.size() && text.ends_with(last);
}

std::string Variables::replace(std::string_view text) {
  if (!holds_variable(text)) return std::string(text);
  return replace_all(text, [this](const std::string& name) {
    auto value = find(name);
    if (!value) unknown_.insert(name);
    return value;
  });
}

std::vector<std::string> Variables::replace(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(replace(text));
  return out;
}

Meta Variables::replace(const Meta& pairs) {
  Meta out;
  for (const auto& [key, value] : pairs) out.insert_or_assign(replace(key), replace(value));
  return out;
}

std::set<std::string> Variables::take_unknown() { return std::exchange(unknown_, {}); }

std::optional<std::string> Variables::find(const std::string& name) {
  if (!std::exchange(built_, true)) build();
  const auto found = env_.find(name);
  return found == env_.end() ? find_of_node(name) : std::optional(found->second);
}

std::optional<std::string> Variables::find_of_node(const std::string& name) const {
  constexpr std::string_view kAttribute = "attr.", kMeta = "meta.";
  const auto in = [&](const Meta& pairs, std::size_t skip) -> std::optional<std::string> {
    const auto found = pairs.find(name.substr(skip));
    return found == pairs.end() ? std::nullopt : std::optional(found->second);
  };
  if (name.starts_with(kAttribute)) return node_.attributes ? in(*node_.attributes, kAttribute.size()) : std::nullopt;
  if (name.starts_with(kMeta)) return in(node_.meta, kMeta.size());
  if (name == "node.unique.id") return node_.id;
  if (name == "node.region" && !allocation_.job->region.empty()) return allocation_.job->region;
  if (node_.name.empty()) return std::nullopt;  // nobody has told of this node yet
  if (name == "node.unique.name") return node_.name;
  if (name == "node.datacenter") return node_.datacenter;
  if (name == "node.class") return node_.node_class;
  if (name == "node.pool") return node_.pool;
  return std::nullopt;
}

// Values of meta and env may name the node's things and what was there before them: there the node comes first.
std::string Variables::replace_late(std::string_view text) const {
  return replace_all(text, [this](const std::string& name) {
    if (auto value = find_of_node(name)) return value;
    const auto found = env_.find(name);
    return found == env_.end() ? std::nullopt : std::optional(found->second);
  });
}

void Variables::build() {
  add_identity();
  add_task_ports();
  add_group_ports();
  add_meta();
  add_env();
  clean_names();
}

void Variables::add_identity() {
  constexpr std::size_t kShort = 8;
  const Job& job = *allocation_.job;
  const std::array<std::pair<const char*, std::string>, 12> all{{
      {"NOMAD_ALLOC_ID", allocation_.id},
      {"NOMAD_SHORT_ALLOC_ID", allocation_.id.substr(0, kShort)},
      {"NOMAD_ALLOC_NAME", allocation_.name},
      {"NOMAD_ALLOC_INDEX", index_of(allocation_.name)},
      {"NOMAD_GROUP_NAME", allocation_.group},
      {"NOMAD_TASK_NAME", task_},
      {"NOMAD_JOB_ID", job.id},
      {"NOMAD_JOB_NAME", job.name},
      {"NOMAD_JOB_PARENT_ID", job.parent_id},
      {"NOMAD_DC", node_.datacenter},
      {"NOMAD_NAMESPACE", allocation_.ns},
      {"NOMAD_REGION", job.region},
  }};
  for (const auto& [name, value] : all) {
    if (!value.empty()) env_[name] = value;
  }
}

void Variables::add_task_ports() {
  for (const auto& [task, networks] : allocation_.task_networks) {
    for (const Network& network : networks) {
      for (const AllottedPort& port : network.ports) {
        const std::string value = std::to_string(port.value);
        const std::string label = task == task_ ? port.label : task + '_' + port.label;
        env_["NOMAD_IP_" + label] = network.ip;
        env_["NOMAD_PORT_" + label] = value;
        env_["NOMAD_ADDR_" + label] = join_host_port(network.ip, value);
        if (task == task_) env_["NOMAD_HOST_PORT_" + label] = value;
      }
    }
  }
}

void Variables::add_group_ports() {
  const auto add = [this](const AllottedPort& port) {
    env_["NOMAD_PORT_" + port.label] = std::to_string(port.to > 0 ? port.to : port.value);
    env_["NOMAD_HOST_PORT_" + port.label] = std::to_string(port.value);
  };
  for (const Network& network : allocation_.networks) {
    for (const AllottedPort& port : network.ports) add(port);
  }
  for (const AllottedPort& port : allocation_.ports) {
    const std::string address = join_host_port(port.host_ip, std::to_string(port.value));
    add(port);
    env_["NOMAD_ALLOC_PORT_" + port.label] = env_["NOMAD_PORT_" + port.label];
    env_["NOMAD_IP_" + port.label] = env_["NOMAD_HOST_IP_" + port.label] = port.host_ip;
    env_["NOMAD_ADDR_" + port.label] = env_["NOMAD_HOST_ADDR_" + port.label] = address;
    if (!allocation_.network_status) continue;
    env_["NOMAD_ALLOC_INTERFACE_" + port.label] = allocation_.network_status->interface;
    env_["NOMAD_ALLOC_IP_" + port.label] = allocation_.network_status->address;
    env_["NOMAD_ALLOC_ADDR_" + port.label] =
        join_host_port(allocation_.network_status->address, std::to_string(port.to));
  }
}

// The task's wins over the group's, and that over the job's.
void Variables::add_meta() {
  const Job& job = *allocation_.job;
  Meta all = job.meta;
  for (const auto& [key, value] : job.group_meta) all[key] = value;
  if (const TaskBlock* task = find_task(job, task_)) {
    for (const auto& [key, value] : task->meta) all[key] = value;
  }
  Meta made;
  for (const auto& [key, value] : all) {
    const std::string replaced = replace_late(value);
    made["NOMAD_META_" + upper(key)] = replaced;
    made["NOMAD_META_" + key] = replaced;
  }
  for (auto& [key, value] : made) env_[replace_late(key)] = std::move(value);
}

void Variables::add_env() {
  const TaskBlock* task = find_task(*allocation_.job, task_);
  if (task == nullptr) return;
  Meta made;
  for (const auto& [key, value] : task->env) made[key] = replace_late(value);
  for (auto& [key, value] : made) env_[key] = std::move(value);
}

// So `${NOMAD_PORT_my-port}` is nothing, and `${NOMAD_PORT_my_port}` is its port. Only these five families are cleaned.
void Variables::clean_names() {
  constexpr std::array<std::string_view, 5> kCleaned{"NOMAD_ADDR_", "NOMAD_IP_", "NOMAD_PORT_", "NOMAD_HOST_PORT_",
                                                     "NOMAD_META_"};
  Meta cleaned;
  for (auto& [key, value] : env_) {
    std::string name = key;
    if (std::any_of(kCleaned.begin(), kCleaned.end(), [&](std::string_view head) { return name.starts_with(head); })) {
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    cleaned[std::move(name)] = std::move(value);
  }
  env_ = std::move(cleaned);
}

}  // namespace muster::nomad
