#include "nomad/ports.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/text.h"

namespace muster::nomad {
namespace {

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::string_view part : split(text, ',')) {
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    part = part.substr(0, part.find_last_not_of(' ') + 1);
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

// A character that no DNS name has becomes a dash.
std::string fit_for_dns(std::string name) {
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  return name;
}

// The ports of the group, or of one task.
class Maker {
 public:
  Maker(const Allocation& allocation, std::string task, PortBlocks& out)
      : job_(*allocation.job), task_(std::move(task)), out_(out), meta_(job_.meta) {
    for (const auto& [key, value] : job_.group_meta) meta_[key] = value;
    if (const TaskBlock* block = find_task(job_, task_)) {
      for (const auto& [key, value] : block->meta) meta_[key] = value;
    }
  }

  void add(const std::vector<AllottedPort>& ports) {
    const std::string asked = find("muster-ports");
    if (asked.empty() || asked == "false") return;
    const std::vector<std::string> labels = parts_of(asked);
    for (const AllottedPort& port : ports) {
      const bool wanted = asked == "true" || std::find(labels.begin(), labels.end(), port.label) != labels.end();
      if (wanted && !port.label.empty()) add(port.label);
    }
  }

 private:
  std::string find(const std::string& key) const {
    const auto found = meta_.find(key);
    return found == meta_.end() ? std::string{} : found->second;
  }

  void add(const std::string& label) {
    const auto same = [&](const ServiceBlock& block) { return block.task == task_ && block.port_label == label; };
    if (std::any_of(out_.blocks.begin(), out_.blocks.end(), same)) return;  // one label, several host networks
    ServiceBlock block;
    block.provider = "nomad";
    block.task = task_;
    block.port_label = label;
    block.address_mode = "host";
    block.name = find("muster-name-" + label);
    if (block.name.empty()) {
      const std::string& job = job_.parent_id.empty() ? job_.name : job_.parent_id;
      block.name = fit_for_dns((job.empty() ? job_.id : job) + '-' + job_.group + '-' + label);
    }
    block.tags = parts_of(find("muster-tags"));
    for (std::string& tag : parts_of(find("muster-tags-" + label))) block.tags.push_back(std::move(tag));
    add_check(find("muster-check-" + label), block);
    out_.blocks.push_back(std::move(block));
  }

  void add_check(const std::string& text, ServiceBlock& block) {
    constexpr std::int64_t kInterval = 10'000'000'000, kTimeout = 2'000'000'000;  // nanoseconds
    if (text.empty()) return;
    CheckBlock check;
    const std::string kind = text.substr(0, text.find(':'));
    const std::string path = kind.size() < text.size() ? text.substr(kind.size() + 1) : "";
    const bool web = kind == "http" || kind == "https";
    if (!web && text != "tcp" && text != "grpc") {
      out_.problems.push_back("meta muster-check-" + block.port_label + " is " + text +
                              ": give tcp, grpc, http:/path or https:/path");
      return;
    }
    check.name = block.name;
    check.type = web ? "http" : kind;
    check.protocol = web ? kind : "";
    check.path = path;
    check.interval = kInterval;
    check.timeout = kTimeout;
    block.checks.push_back(std::move(check));
  }

  const Job& job_;
  const std::string task_;
  PortBlocks& out_;
  Meta meta_;
};

}  // namespace

PortBlocks make_port_blocks(const Allocation& allocation) {
  PortBlocks out;
  if (!allocation.job->services.empty()) return out;
  Maker group(allocation, "", out);
  group.add(allocation.ports);
  for (const Network& network : allocation.networks) group.add(network.ports);
  for (const auto& [task, networks] : allocation.task_networks) {
    Maker maker(allocation, task, out);
    for (const Network& network : networks) maker.add(network.ports);
  }
  return out;
}

}  // namespace muster::nomad
