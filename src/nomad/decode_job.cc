#include <algorithm>
#include <utility>

#include "nomad/decode_parts.h"
#include "nomad/fields.h"

namespace muster::nomad {
namespace {

// Does any text in it hold a variable? Documents are as deep as they like, but services are not: Nomad's own types end
// after a few levels.
bool names_a_variable(Json value, int depth = 0) {
  constexpr int kDeepest = 8;
  if (const auto text = value.text()) return text->find("${") != std::string_view::npos;
  if (depth == kDeepest) return true;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value.kind() == Json::Kind::Object && value.name(i).find("${") != std::string_view::npos) return true;
    if (names_a_variable(value.at(i), depth + 1)) return true;
  }
  return false;
}

std::vector<Header> make_header(Fields& check) {
  const Json header = check.object("Header");
  std::vector<Header> out;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const Json values = header.at(i);
    if (values.kind() != Json::Kind::Array) check.note("a value of Header is no list");
    for (std::size_t j = 0; values.kind() == Json::Kind::Array && j < values.size(); ++j) {
      if (const auto text = values.at(j).text()) out.push_back({std::string(header.name(i)), std::string(*text)});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Header& a, const Header& b) { return a.name < b.name; });
  return out;
}

CheckBlock make_check(Fields& fields) {
  CheckBlock out;
  out.name = fields.text("Name");
  out.type = fields.text("Type");
  out.path = fields.text("Path");
  out.protocol = fields.text("Protocol");
  out.method = fields.text("Method");
  out.port_label = fields.text("PortLabel");
  out.address_mode = fields.text("AddressMode");
  out.grpc_service = fields.text("GRPCService");
  out.tls_server_name = fields.text("TLSServerName");
  out.initial_status = fields.text("InitialStatus");
  out.notes = fields.text("Notes");
  out.header = make_header(fields);
  out.interval = fields.integer("Interval");
  out.timeout = fields.integer("Timeout");
  out.success_before_passing = fields.small("SuccessBeforePassing");
  out.failures_before_critical = fields.small("FailuresBeforeCritical");
  out.tls_skip_verify = fields.boolean("TLSSkipVerify");
  out.grpc_use_tls = fields.boolean("GRPCUseTLS");
  out.has_body = !fields.text("Body").empty();
  return out;
}

std::vector<CheckBlock> make_checks(Json list, ServiceBlock& service) {
  std::vector<CheckBlock> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list.at(i), "a check of service " + service.name, service.problems);
    CheckBlock check = make_check(fields);
    if (fields.sound()) out.push_back(std::move(check));
  }
  return out;
}

std::optional<WeightsBlock> make_weights(Json json, ServiceBlock& service) {
  if (json.nothing()) return std::nullopt;
  Fields fields(json, "Weights of service " + service.name, service.problems);
  WeightsBlock out{fields.small("Passing"), fields.small("Warning")};
  return fields.sound() ? std::optional(out) : std::nullopt;
}

// Nothing where it cannot be said which service it is.
std::optional<ServiceBlock> make_service(Json json, const std::string& task, std::vector<std::string>& problems) {
  ServiceBlock out;
  out.task = task;
  Fields who(json, task.empty() ? "a service of the group" : "a service of task " + task, problems);
  out.name = who.text("Name");
  out.port_label = who.text("PortLabel");
  out.provider = who.text("Provider");
  out.kind = who.text("Kind");
  out.connect = !json["Connect"].nothing();
  if (!who.sound()) return std::nullopt;
  Fields rest(json, "service " + out.name, out.problems);
  out.address_mode = rest.text("AddressMode");
  out.address = rest.text("Address");
  out.tags = rest.texts("Tags");
  out.canary_tags = rest.texts("CanaryTags");
  out.meta = rest.pairs("Meta");
  out.canary_meta = rest.pairs("CanaryMeta");
  out.tagged_addresses = rest.pairs("TaggedAddresses");
  out.enable_tag_override = rest.boolean("EnableTagOverride");
  out.weights = make_weights(rest.object("Weights"), out);
  out.checks = make_checks(rest.list("Checks"), out);
  return out;
}

void add_services(Json list, const std::string& task, Job& job) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto service = make_service(list.at(i), task, job.problems)) job.services.push_back(*std::move(service));
  }
}

void add_tasks(Json tasks, bool with_env, Job& job) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Fields fields(tasks.at(i), "a task of group " + job.group, job.problems);
    TaskBlock task;
    task.name = fields.text("Name");
    task.driver = fields.text("Driver");
    task.meta = fields.pairs("Meta");
    if (with_env) task.env = fields.pairs("Env");
    task.shutdown_delay = fields.integer("ShutdownDelay");
    add_services(fields.list("Services"), task.name, job);
    job.tasks.push_back(std::move(task));
  }
}

bool names_variables(Json group) {
  bool any = names_a_variable(group["Services"]);
  const Json tasks = group["Tasks"];
  for (std::size_t i = 0; tasks.kind() == Json::Kind::Array && i < tasks.size(); ++i) {
    any = any || names_a_variable(tasks.at(i)["Services"]);
  }
  return any;
}

Json find_group(Json groups, std::string_view name) {
  for (std::size_t i = 0; groups.kind() == Json::Kind::Array && i < groups.size(); ++i) {
    if (groups.at(i)["Name"].text() == name) return groups.at(i);
  }
  return {};
}

}  // namespace

std::shared_ptr<const Job> make_job(Json json, std::string_view group, JobPool& pool) {
  const Json found = find_group(json["TaskGroups"], group);
  if (found.kind() != Json::Kind::Object) return nullptr;
  Job out;
  out.group = group;
  Fields fields(json, "job", out.problems);
  out.id = fields.text("ID");
  out.name = fields.text("Name");
  out.ns = fields.text("Namespace");
  out.region = fields.text("Region");
  out.parent_id = fields.text("ParentID");
  out.version = fields.index("Version");
  out.modify_index = fields.index("JobModifyIndex");
  out.meta = fields.pairs("Meta");
  Fields part(found, "group " + out.group, out.problems);
  out.group_meta = part.pairs("Meta");
  out.shutdown_delay = part.integer("ShutdownDelay");
  add_services(part.list("Services"), "", out);
  add_tasks(part.list("Tasks"), names_variables(found), out);
  return pool.share(std::move(out));
}

}  // namespace muster::nomad
