#include "parts.h"

#include <algorithm>
#include <utility>

#include "consul/agent.h"
#include "consul/catalog_agent.h"
#include "consul/identity.h"
#include "consul/search.h"
#include "consul/sight.h"
#include "consul/synced.h"
#include "consul/watch.h"
#include "log/log.h"

namespace muster {
namespace {

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
  if (settings.catalog) return consul::catalog_key(host);
  return host.url.empty() ? consul::agent_at(settings, host.ip) : AgentKey{host.url};
}

// SIGHUP: rules and tokens; a change of anything else needs a restart, and the log says so.
Result<std::shared_ptr<const Rules>> reload(const Program& program) {
  auto settings = cli::reload_settings(*program.settings, program.arguments);
  if (!settings) return tl::unexpected(settings.error());
  const cli::Options& now = (*settings)->options;
  if (auto read = program.credentials->reload(now.consul); !read) return tl::unexpected(read.error());
  for (const std::string& warning : now.warnings) log::warn("reload", {{"warning", warning}});
  return (*settings)->rules;
}

// Asks the first agents that answer; the catalog is the same behind all of them.
Result<std::vector<AgentKey>> find_agents(const Program& program, std::vector<AgentKey> ask,
                                          const std::stop_token& stop) {
  constexpr std::size_t kTries = 3;
  const cli::Options& options = program.settings->options;
  // What the other mode left behind is for the other mode to end.
  const auto other_mode = [&](const AgentKey& key) { return consul::is_catalog_key(key) != options.consul.catalog; };
  std::erase_if(ask, other_mode);
  const bool fixed = options.consul.catalog || !options.consul.agent.empty();
  if (fixed || ask.empty()) ask = {consul::agent_at(options.consul, "127.0.0.1")};
  net::HttpClient client(consul::http_options(options.consul));
  Result<std::vector<consul::Found>> found = fail(Fault::Retry, "no agent to ask");
  for (std::size_t i = 0; i < std::min(kTries, ask.size()) && !found; ++i) {
    found = consul::find_canaries(client, *program.credentials, ask[i], options.rules.owner, stop);
  }
  if (!found) return tl::unexpected(found.error());
  std::vector<AgentKey> out;
  for (const consul::Found& each : *found) out.push_back(each.agent);
  std::erase_if(out, other_mode);
  if (program.settings->parsed.verb != "cleanup" || options.consul.catalog) return out;
  const auto holders = consul::find_holders(client, *program.credentials, ask.front(), options.rules.owner, stop);
  if (!holders) return tl::unexpected(holders.error());
  consul::ConsulSettings own = options.consul;
  own.agent.clear();
  const auto lacks = [&](const std::string& address) {
    return std::none_of(found->begin(), found->end(),
                        [&](const consul::Found& each) { return each.address == address; });
  };
  for (const std::string& address : *holders) {
    if (lacks(address)) out.push_back(consul::agent_at(own, address));
  }
  return out;
}

// `lock` may be null.
std::unique_ptr<Agents> make_agents(const Program& program, bool writes, const std::shared_ptr<run::Lock>& lock,
                                    const std::shared_ptr<consul::Census>& census,
                                    const std::shared_ptr<consul::Identities>& identities,
                                    const std::shared_ptr<consul::Suspects>& suspects,
                                    std::function<bool(const AgentKey&)> serves) {
  const cli::Options& options = program.settings->options;
  const consul::Permit permit = lock ? [lock] { return lock->permit(); } : consul::Permit();
  const Owner owner{options.rules.owner, options.rules.service_id_prefix};
  std::unique_ptr<Agents> agents;
  if (options.consul.catalog) {
    const auto prove = [lock] { return lock ? lock->proof() : std::nullopt; };
    agents = std::make_unique<consul::CatalogAgents>(options.consul, program.credentials, owner.id, prove, census);
  } else {
    auto plain = std::make_unique<consul::ConsulAgents>(options.consul, program.credentials, permit);
    net::HttpClient& client = plain->client();
    consul::Selves& selves = plain->selves();
    if (options.consul.verify == consul::Verify::Off) {
      agents = std::move(plain);
    } else {
      agents =
          std::make_unique<consul::VerifiedAgents>(std::move(plain), options.consul, program.credentials, identities);
    }
    agents =
        std::make_unique<consul::SyncedAgents>(std::move(agents), client, selves, program.credentials, suspects, owner);
  }
  const auto may_write = [=] { return writes && (!permit || permit()); };
  return std::make_unique<consul::SightedAgents>(std::move(agents), owner, may_write, std::move(serves));
}

// Null where there is nothing to watch: a single pass, or hosts without agents.
std::unique_ptr<consul::Watch> make_watch(const Program& program, const run::RunSettings& settings,
                                          const std::shared_ptr<consul::Suspects>& suspects) {
  const cli::Options& options = program.settings->options;
  if (settings.once || options.consul.catalog || settings.watch_agents == 0) return nullptr;
  const std::size_t limit = consul::affordable_watch(settings.watch_agents);
  if (limit < settings.watch_agents) {
    log::warn("watch", {{"watch_agents", std::to_string(settings.watch_agents)},
                        {"lowered_to", std::to_string(limit)},
                        {"reason", "the limit of open files is too low; raise it (ulimit -n, LimitNOFILE=)"}});
  }
  const Owner owner{options.rules.owner, options.rules.service_id_prefix};
  return std::make_unique<consul::Watch>(options.consul, program.credentials, owner, limit, suspects);
}

}  // namespace

Result<Program> make_program(std::vector<std::string> arguments) {
  Program out;
  out.arguments = std::move(arguments);
  auto settings = cli::load_settings(out.arguments);
  if (!settings) return tl::unexpected(settings.error());
  out.settings = std::move(*settings);
  if (out.settings->parsed.next == cli::Parsed::Next::Exit) return out;
  auto credentials = consul::Credentials::load(out.settings->options.consul);
  if (!credentials) return tl::unexpected(credentials.error());
  out.credentials = std::move(*credentials);
  return out;
}

Result<run::Parts> make_parts(const Program& program, bool dry) {
  const cli::Options& options = program.settings->options;
  const std::string& verb = program.settings->parsed.verb;
  run::Parts parts;
  if (verb != "cleanup") {  // which knows from Consul alone what there is
    auto sources = make_sources(program.settings->modules);
    if (!sources) return tl::unexpected(sources.error());
    parts.sources = std::move(*sources);
  }
  parts.settings = options.run;
  parts.settings.once = options.run.once || !verb.empty();
  parts.settings.dry_run = parts.policy.dry_run = dry;
  parts.policy.adopt_stale = verb == "adopt";
  parts.policy.cleanup = verb == "cleanup";
  bool searches = verb == "cleanup";
  for (const auto& module : program.settings->modules) {
    if (!module->configured()) continue;
    searches = searches || !module->one_host();
    if (module->one_host()) parts.policy.one_host.emplace_back(module->name());
  }
  parts.rules = program.settings->rules;
  parts.resolver = [&](const HostRef& host) { return resolve(options.consul, host); };
  parts.lock = run::make_lock(parts.settings, options.rules.owner, options.consul, program.credentials);
  const auto census = std::make_shared<consul::Census>();
  const auto identities = std::make_shared<consul::Identities>(10 * parts.settings.audit_interval);
  const auto suspects = std::make_shared<consul::Suspects>(parts.settings.audit_interval);
  parts.make_agents = [&program, writes = !parts.settings.dry_run, lock = parts.lock, census, identities,
                       suspects](std::function<bool(const AgentKey&)> serves) {
    return make_agents(program, writes, lock, census, identities, suspects, std::move(serves));
  };
  if (searches) {
    parts.find_agents = [&](const std::vector<AgentKey>& ask, std::stop_token stop) {
      return find_agents(program, ask, stop);
    };
  }
  parts.watch = make_watch(program, parts.settings, suspects);
  parts.reload = [&] { return reload(program); };
  return parts;
}

}  // namespace muster
