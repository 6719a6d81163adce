#include <malloc.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "cli/settings.h"
#include "consul/agent.h"
#include "log/log.h"
#include "net/http.h"
#include "run/daemon.h"
#include "web/metrics.h"
#include "web/server.h"

namespace {

using namespace muster;

int usage_error(const Error& error) {
  std::fprintf(stderr, "muster: %s\n", error.message.c_str());
  return 2;
}

Result<std::vector<run::NamedSource>> make_sources(const cli::Modules& modules) {
  std::vector<run::NamedSource> out;
  for (const auto& module : modules) {
    if (!module->configured()) continue;
    auto source = module->make();
    if (!source) return tl::unexpected(source.error());
    out.push_back({std::string(module->name()), std::move(*source)});
  }
  return out;
}

AgentKey resolve(const consul::ConsulSettings& settings, const HostRef& host) {
  return host.url.empty() ? consul::agent_at(settings, host.ip) : AgentKey{host.url};
}

// SIGHUP: rules and tokens; a change of anything else needs a restart.
Result<std::shared_ptr<const Rules>> reload(const std::vector<std::string>& arguments, consul::Credentials& token) {
  auto settings = cli::load_settings(arguments);
  if (!settings) return tl::unexpected(settings.error());
  if ((*settings)->rules == nullptr) return fail(Fault::Leave, (*settings)->parsed.err);
  if (auto read = token.reload(); !read) return tl::unexpected(read.error());
  return (*settings)->rules;
}

web::State state_of(const run::Daemon& daemon) {
  const auto totals = daemon.totals();
  const auto depth = daemon.depth();
  return {totals.agents, totals.failing, totals.conflicts, totals.held, depth.main, depth.retry, depth.busy};
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX, 2);  // dozens of threads that mostly wait: an arena each would multiply the memory
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  auto loaded = cli::load_settings(arguments);
  if (!loaded) return usage_error(loaded.error());
  const cli::Settings& settings = **loaded;
  std::fputs(settings.parsed.out.c_str(), stdout);
  std::fputs(settings.parsed.err.c_str(), stderr);
  if (settings.parsed.next == cli::Parsed::Next::Exit) return settings.parsed.code;
  const cli::Options& options = settings.options;

  auto credentials = consul::Credentials::load(options.consul);
  if (!credentials) return usage_error(credentials.error());
  auto sources = make_sources(settings.modules);
  if (!sources) return usage_error(sources.error());

  log::set_level(options.log_level);
  for (const auto* warnings : {&options.warnings, &options.consul.warnings, &settings.rules->warnings()}) {
    for (const std::string& warning : *warnings) log::warn("settings", {{"warning", warning}});
  }
  run::Signals signals;
  net::global_init();

  std::vector<std::string> names;
  for (const run::NamedSource& source : *sources) names.push_back(source.name);
  web::Metrics metrics(cli::make_program().version, names);
  run::Parts parts;
  parts.settings = options.run;
  parts.sources = std::move(*sources);
  parts.resolver = [&](const HostRef& host) { return resolve(options.consul, host); };
  parts.make_agents = [&] { return std::make_unique<consul::ConsulAgents>(options.consul, *credentials); };
  parts.rules = settings.rules;
  parts.reload = [&] { return reload(arguments, **credentials); };
  parts.on_report = [&](const run::Report& report) {
    metrics.reconciled({report.plan, report.applied, report.rejections, report.unreadable, report.duration});
  };
  parts.on_answer = [&](const std::string& source, const Result<Update>& answer, std::size_t instances) {
    metrics.source_answered(source, answer, instances, std::chrono::system_clock::now());
  };
  parts.on_reload = [&](bool succeeded) { metrics.reloaded(succeeded); };
  run::Daemon daemon(std::move(parts));

  std::unique_ptr<web::Server> server;
  if (!options.listen.empty() && !options.run.once) {
    const auto render = [&] {
      metrics.set_state(state_of(daemon));
      return metrics.render();
    };
    auto started = web::Server::start(options.listen, {render, [&] { return daemon.readiness(); }});
    if (!started) return usage_error(started.error());
    server = std::move(*started);
  }
  if (!options.run.once) return daemon.run(signals);
  const int code = daemon.run_once(signals);
  if (options.run.dry_run) std::fputs(daemon.plans().c_str(), stdout);
  return code;
}
