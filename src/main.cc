#include <malloc.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "cli/audit.h"
#include "log/log.h"
#include "net/http.h"
#include "parts.h"
#include "web/metrics.h"
#include "web/server.h"

namespace {

using namespace muster;

// 2 is for what only the operator can mend: systemd does not start muster again after it.
int leave(const Error& error) {
  std::fprintf(stderr, "muster: %s\n", error.message.c_str());
  return error.fault == Fault::Leave ? 2 : 1;
}

void observe(run::Parts& parts, web::Metrics& metrics) {
  parts.on_report = [&](const run::Report& report) {
    metrics.reconciled({report.plan, report.applied, report.rejections, report.unreadable, report.duration});
  };
  parts.on_answer = [&](const std::string& source, const Result<Update>& answer, std::size_t instances) {
    metrics.source_answered(source, answer, instances, std::chrono::system_clock::now());
  };
  parts.on_reload = [&](bool succeeded) { metrics.reloaded(succeeded); };
}

web::State state_of(const run::Daemon& daemon) {
  const auto totals = daemon.totals();
  const auto depth = daemon.depth();
  return {totals.agents, totals.failing, totals.conflicts, totals.blind,        totals.held,     totals.remarks,
          depth.main,    depth.retry,    depth.busy,       daemon.holds_lock(), daemon.watched()};
}

Result<std::unique_ptr<web::Server>> serve(const std::string& listen, run::Daemon& daemon, web::Metrics& metrics) {
  const auto render = [&] {
    metrics.set_state(state_of(daemon));
    return metrics.render();
  };
  return web::Server::start(listen, {render, [&] { return daemon.readiness(); }});
}

// One pass. A verb that removes things shows first what it will do.
int run_once(const Program& program, run::Signals& signals) {
  const bool verb = !program.settings->parsed.verb.empty();
  const bool dry = program.settings->dry_run();
  int code = 0;
  for (const bool show : {true, false}) {
    if (show ? !verb && !dry : dry) continue;
    auto parts = make_parts(program, show);
    if (!parts) return leave(parts.error());
    run::Daemon daemon(std::move(*parts));
    code = daemon.run_once(signals);
    const std::string plans = daemon.plans();
    if (show) std::fputs(plans.empty() ? "nothing to do\n" : plans.c_str(), stdout);
    std::fflush(stdout);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX, 2);  // dozens of threads that mostly wait: an arena each would multiply the memory
  const auto made = make_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (!made) return leave(made.error());
  const Program& program = *made;
  std::fputs(program.settings->parsed.out.c_str(), stdout);
  std::fputs(program.settings->parsed.err.c_str(), stderr);
  if (program.settings->parsed.next == cli::Parsed::Next::Exit) return program.settings->parsed.code;

  const cli::Options& options = program.settings->options;
  log::set_level(options.log_level);
  for (const auto* warnings : {&options.warnings, &options.consul.warnings, &program.settings->rules->warnings()}) {
    for (const std::string& warning : *warnings) log::warn("settings", {{"warning", warning}});
  }
  net::global_init();
  if (program.settings->parsed.verb == "audit") return cli::audit(*program.settings, program.credentials, {});
  run::Signals signals;
  if (options.run.once || !program.settings->parsed.verb.empty()) return run_once(program, signals);
  auto parts = make_parts(program, program.settings->dry_run());
  if (!parts) return leave(parts.error());

  std::vector<std::string> names;
  for (const run::NamedSource& source : parts->sources) names.push_back(source.name);
  web::Metrics metrics(cli::make_program().version, names);
  observe(*parts, metrics);
  run::Daemon daemon(std::move(*parts));
  std::unique_ptr<web::Server> server;
  if (!options.listen.empty()) {
    auto started = serve(options.listen, daemon, metrics);
    if (!started) return leave(started.error());
    server = std::move(*started);
  }
  return daemon.run(signals);
}
