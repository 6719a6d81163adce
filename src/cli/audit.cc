#include "cli/audit.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "consul/agent.h"
#include "nomad/auditor.h"
#include "nomad/module.h"

namespace muster::cli {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "muster: audit: %s\n", error.message.c_str());
  return error.fault == Fault::Leave ? 2 : 1;
}

Result<nomad::NomadSettings> nomad_settings(const Modules& modules) {
  for (const auto& module : modules) {
    if (module->name() == "nomad" && module->configured()) return nomad::settings_of(*module);
  }
  return fail(Fault::Leave, "no Nomad is given: --nomad-scope=node or --nomad-scope=cluster");
}

// True: each of them is gone now.
bool remove_stale(Agents& agents, const std::vector<nomad::Finding>& findings, std::stop_token stop) {
  bool all = true;
  for (const nomad::Repaired& each : nomad::repair(agents, findings, std::move(stop))) {
    std::printf("%s\n", each.line.c_str());
    all = all && each.done;
  }
  return all;
}

}  // namespace

int audit(const Settings& settings, std::shared_ptr<const consul::Credentials> credentials, std::stop_token stop) {
  const Options& options = settings.options;
  const Result<nomad::NomadSettings> nomad = nomad_settings(settings.modules);
  if (!nomad) return complain(nomad.error());
  consul::ConsulAgents agents(options.consul, std::move(credentials));
  const auto resolve = [&](const HostRef& host) {
    return host.ip.empty() && options.consul.agent.empty() ? AgentKey{} : consul::agent_at(options.consul, host.ip);
  };
  const auto report =
      nomad::read_audit(*nomad, agents, resolve, options.rules.owner, std::chrono::system_clock::now(), stop);
  if (!report) return complain(report.error());
  for (const std::string& each : report->unread) std::fprintf(stderr, "muster: audit: %s\n", each.c_str());
  std::fputs(nomad::text_of(report->findings, report->looked_at).c_str(), stdout);
  std::fflush(stdout);
  bool left = !report->unread.empty() || std::any_of(report->findings.begin(), report->findings.end(),
                                                     [](const nomad::Finding& each) { return !each.stale; });
  if (options.repair && !options.run.dry_run) {
    left = !remove_stale(agents, report->findings, std::move(stop)) || left;
  } else {
    left = left || !report->findings.empty();
  }
  return left ? 1 : 0;
}

}  // namespace muster::cli
