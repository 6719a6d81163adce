#include "nomad/instances.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/text.h"
#include "nomad/address.h"
#include "nomad/candidates.h"
#include "nomad/checks.h"
#include "nomad/interpolate.h"
#include "nomad/ports.h"

namespace muster::nomad {
namespace {

class Maker {
 public:
  Maker(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows)
      : allocation_(allocation), node_(node), rows_(rows), phase_(phase_of(allocation)) {}

  Made make(const ServiceSettings& settings) {
    if (phase_ == Phase::Ended || phase_ == Phase::Lost) return {};
    note_problems(allocation_.problems);
    if (phase_ == Phase::Pending) {
      out_.whole = allocation_.task_states_known;
    } else if (allocation_.job == nullptr) {
      out_.whole = false;
      reject(allocation_.id, Reason::NoName, "its job is not known, so its services are not");
    } else {
      make_all(settings);
    }
    return finish();
  }

 private:
  void make_all(const ServiceSettings& settings) {
    note_problems(allocation_.job->problems);
    if (!allocation_.job->problems.empty()) out_.whole = false;
    PortBlocks ports;
    if (settings.ports) ports = make_port_blocks(allocation_);
    note_problems(ports.problems);
    std::vector<Candidate> candidates;
    for (const auto* blocks : {&allocation_.job->services, &std::as_const(ports.blocks)}) {
      for (const ServiceBlock& block : *blocks) {
        if (block.provider != "nomad" || !block.kind.empty() || block.connect) continue;
        candidates.push_back(make_candidate(block, variables_of(block)));
      }
    }
    match_rows(allocation_, rows_, candidates);
    give_ids(allocation_.id, candidates);
    for (const Candidate& candidate : candidates) add(candidate);
  }

  Variables& variables_of(const ServiceBlock& block) {
    return variables_.try_emplace(block.task, allocation_, node_, block.task).first->second;
  }

  bool up(const ServiceBlock& block) const {
    if (block.task.empty()) return true;
    const auto found = allocation_.task_states.find(block.task);
    return found != allocation_.task_states.end() && found->second.state == "running";
  }

  void add(const Candidate& candidate) {
    const ServiceBlock& block = *candidate.block;
    if (!block.task.empty() && !allocation_.task_states_known) {
      if (candidate.id.empty()) out_.whole = false;
      if (!candidate.id.empty()) out_.doubtful.push_back(candidate.id);
      return;
    }
    if (!up(block)) return;
    if (candidate.id.empty()) return add_nameless(candidate);
    note_problems(block.problems, candidate.id);
    const Result<Endpoint> endpoint = endpoint_of(candidate);
    if (!endpoint) {
      reject(candidate.id, Reason::NoAddress, endpoint.error().message);
      out_.doubtful.push_back(candidate.id);
      return;
    }
    out_.instances.push_back(make_instance(candidate, *endpoint));
  }

  void add_nameless(const Candidate& candidate) {
    if (!candidate.nameless()) {
      return reject(allocation_.id, Reason::IdCollision, "two services " + candidate.name + " with the same port");
    }
    out_.whole = false;
    reject(allocation_.id, Reason::NoName,
           "service " + candidate.name + " with port " + candidate.label +
               ": only its Nomad client knows the variable, and it has registered nothing yet");
  }

  Result<Endpoint> endpoint_of(const Candidate& candidate) {
    Result<Endpoint> found = [&]() -> Result<Endpoint> {
      if (candidate.row != nullptr) return Endpoint{candidate.row->address, candidate.row->port};
      const std::string address = variables_of(*candidate.block).replace(candidate.block->address);
      if (holds_variable(address)) return fail(Fault::Item, "only its Nomad client knows the address " + address);
      return resolve_address(allocation_, candidate.block->task,
                             {candidate.block->address_mode, address, candidate.label});
    }();
    if (!found) return found;
    if (found->host == "0.0.0.0" || found->host == "::") {
      return fail(Fault::Item, "nobody can reach " + found->host + ": give the host network an address");
    }
    if (!found->host.empty() && !usable_ip(found->host) && !host_name(found->host)) {
      return fail(Fault::Item, "its address " + found->host + " is neither an IP address nor a host name");
    }
    if (found->port < 0 || found->port > std::numeric_limits<std::uint16_t>::max()) {
      return fail(Fault::Item, "port " + std::to_string(found->port) + " is out of range");
    }
    return found;
  }

  Instance make_instance(const Candidate& candidate, const Endpoint& endpoint) {
    const ServiceBlock& block = *candidate.block;
    Variables& variables = variables_of(block);
    Instance out;
    out.kind = Kind::Service;
    out.id = candidate.id;
    out.name = candidate.name;
    out.group = allocation_.job_id;
    variables.take_unknown();
    out.tags = tags_of(candidate, variables);
    add_meta(out, block, variables);
    add_tagged_addresses(out, block, endpoint, variables);
    for (const std::string& name : variables.take_unknown()) {
      reject(out.id, Reason::BadLabel, "${" + name + "} is known to its Nomad client alone: left as it is");
    }
    if (!endpoint.host.empty()) out.addresses.push_back({AddressKind::Host, endpoint.host});
    add_port(out, candidate.label, endpoint);
    add_checks(out, candidate, endpoint, variables);
    if (block.weights) {
      out.weight_passing = weight(block.weights->passing);
      out.weight_warning = weight(block.weights->warning);
    }
    out.enable_tag_override = block.enable_tag_override;
    if (allocation_.healthy == true) out.health = Health::Passing;
    if (phase_ == Phase::Stopping) {
      out.maintenance = allocation_.desired_status == "run" ? "Nomad drains the node" : "Nomad stops the allocation";
    }
    return out;
  }

  std::vector<std::string> tags_of(const Candidate& candidate, Variables& variables) const {
    if (candidate.row != nullptr) return candidate.row->tags;
    const ServiceBlock& block = *candidate.block;
    return variables.replace(allocation_.canary && !block.canary_tags.empty() ? block.canary_tags : block.tags);
  }

  void add_meta(Instance& out, const ServiceBlock& block, Variables& variables) const {
    Meta meta = variables.replace(allocation_.canary && !block.canary_meta.empty() ? block.canary_meta : block.meta);
    meta.try_emplace("nomad_job", allocation_.job_id);
    meta.try_emplace("nomad_namespace", allocation_.ns);
    for (auto& [key, value] : meta) out.meta.push_back({key, std::move(value)});
  }

  // "10.0.0.1:80", "[fd00::1]:80", "lb.example:80", or an address alone with the service's port.
  void add_tagged_addresses(Instance& out, const ServiceBlock& block, const Endpoint& endpoint, Variables& variables) {
    for (const auto& [name, text] : variables.replace(block.tagged_addresses)) {
      if (usable_ip(text)) {
        out.tagged_addresses[name] = {text, static_cast<std::uint16_t>(endpoint.port)};
        continue;
      }
      const std::size_t colon = text.rfind(':');
      std::string host = text.substr(0, colon);
      if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
      const auto port = colon == std::string::npos ? std::nullopt : go_number(text.substr(colon + 1));
      const bool fine = port && *port >= 0 && *port <= std::numeric_limits<std::uint16_t>::max() &&
                        (usable_ip(host) || host_name(host));
      if (fine) {
        out.tagged_addresses[name] = {host, static_cast<std::uint16_t>(*port)};
      } else {
        reject(out.id, Reason::BadLabel, "tagged address " + name + " is no address and port: " + text);
      }
    }
  }

  static void add_port(Instance& out, const std::string& label, const Endpoint& endpoint) {
    if (endpoint.port == 0) return;
    Port port;
    port.number = static_cast<std::uint16_t>(endpoint.port);
    port.origin = PortOrigin::Discovery;
    port.name = label;
    out.ports.push_back(std::move(port));
  }

  void add_checks(Instance& out, const Candidate& candidate, const Endpoint& endpoint, Variables& variables) {
    const CheckedService service{*candidate.block, variables.replace(candidate.block->address), candidate.label,
                                 endpoint, candidate.row != nullptr};
    for (const CheckBlock& block : candidate.block->checks) {
      CheckMade made = make_check(allocation_, service, block, variables);
      if (made.why.empty()) {
        out.checks.push_back(std::move(made.check));
      } else {
        reject(out.id, made.reason, "check " + block.name + ": " + made.why);
      }
    }
  }

  static std::uint16_t weight(int value) {
    return static_cast<std::uint16_t>(std::clamp(value, 0, int{std::numeric_limits<std::uint16_t>::max()}));
  }

  void reject(const std::string& id, Reason reason, const std::string& detail) {
    out_.rejections.push_back({reason, id, id + ": " + detail});
  }
  void note_problems(const std::vector<std::string>& problems, const std::string& id) {
    for (const std::string& problem : problems) reject(id, Reason::BadLabel, problem);
  }
  void note_problems(const std::vector<std::string>& problems) { note_problems(problems, allocation_.id); }

  Made finish() {
    std::sort(out_.instances.begin(), out_.instances.end(),
              [](const Instance& a, const Instance& b) { return a.id < b.id; });
    std::sort(out_.doubtful.begin(), out_.doubtful.end());
    return std::move(out_);
  }

  const Allocation& allocation_;
  const Node& node_;
  const std::vector<NativeService>& rows_;
  const Phase phase_;
  std::map<std::string, Variables> variables_;  // by task
  Made out_;
};

}  // namespace

Made make_instances(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows,
                    const ServiceSettings& settings) {
  return Maker(allocation, node, rows).make(settings);
}

std::string id_prefix(std::string_view alloc_id) { return std::string("nomad:").append(alloc_id).append(":"); }

std::string_view allocation_of(std::string_view instance_id) {
  constexpr std::string_view kHead = "nomad:";
  if (!instance_id.starts_with(kHead)) return {};
  instance_id.remove_prefix(kHead.size());
  const std::size_t colon = instance_id.find(':');
  return colon == std::string_view::npos ? std::string_view{} : instance_id.substr(0, colon);
}

}  // namespace muster::nomad
