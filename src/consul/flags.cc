#include "consul/flags.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/duration.h"

namespace muster::consul {
namespace {

using Setter = std::function<Result<void>(const std::string&)>;

template <typename Number>
bool parse_number(std::string_view text, Number& into) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), into);
  return status == std::errc{} && end == text.data() + text.size();
}

Setter to_text(std::string& into) {
  return [&into](const std::string& value) -> Result<void> {
    into = value;
    return {};
  };
}

Setter to_switch(bool& into) {
  return [&into](const std::string& value) -> Result<void> {
    if (value != "true" && value != "false") return fail(Fault::Leave, "give true or false");
    into = value == "true";
    return {};
  };
}

Result<void> set_agent(ConsulSettings& settings, std::string url) {
  auto agent = parse_agent(std::move(url));
  if (!agent) return tl::unexpected(agent.error());
  settings.agent = std::move(*agent);
  return {};
}

Result<void> set_mode(ConsulSettings& settings, const std::string& value) {
  if (value != "agent" && value != "catalog") return fail(Fault::Leave, "give agent or catalog");
  settings.catalog = value == "catalog";
  return {};
}

Result<void> set_port(ConsulSettings& settings, const std::string& value) {
  if (!parse_number(value, settings.port) || settings.port == 0) return fail(Fault::Leave, "give a port, 1 to 65535");
  return {};
}

Result<void> set_auth(ConsulSettings& settings, const std::string& value) {
  if (value.empty() || value.starts_with(':')) return fail(Fault::Leave, "give user:password");
  settings.basic_auth = value.find(':') == std::string::npos ? value + ":" : value;
  return {};
}

Result<void> set_token(ConsulSettings& settings, const std::string& value) {
  const bool graphic = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!graphic) return fail(Fault::Leave, "give the token's SecretID, without spaces");
  settings.token = value;
  return {};
}

Result<void> set_verify(ConsulSettings& settings, const std::string& value) {
  static const std::pair<const char*, Verify> kKnown[] = {
      {"off", Verify::Off}, {"report", Verify::Report}, {"enforce", Verify::Enforce}};
  for (const auto& [name, verify] : kKnown) {
    if (value != name) continue;
    settings.verify = verify;
    return {};
  }
  return fail(Fault::Leave, "give off, report or enforce");
}

// mesos-consul gave whole seconds, 0 for none; a request without an end would hold up its agent for ever.
Result<void> set_timeout(std::chrono::milliseconds& into, const std::string& value,
                         std::chrono::milliseconds fallback) {
  constexpr auto kLongest = std::chrono::hours(24);
  unsigned seconds = 0;
  Result<std::chrono::milliseconds> parsed = std::chrono::milliseconds(0);
  if (parse_number(value, seconds)) {
    parsed = std::chrono::seconds(seconds);
  } else {
    parsed = parse_duration(value);
  }
  if (!parsed) return tl::unexpected(parsed.error());
  if (*parsed > kLongest) return fail(Fault::Leave, "give at most 24h");
  into = *parsed == std::chrono::milliseconds(0) ? fallback : *parsed;
  return {};
}

class Table {
 public:
  explicit Table(ConsulSettings& settings) : settings_(settings) {}

  Flag& add(std::string name, std::string value, std::string help, Setter set) {
    auto noted = [this_settings = &settings_, name, set = std::move(set)](const std::string& text) -> Result<void> {
      if (auto ok = set(text); !ok) return ok;
      this_settings->given.insert(name);
      return {};
    };
    flags_.push_back(Flag{.name = std::move(name),
                          .value = std::move(value),
                          .help = std::move(help),
                          .fallback = "",
                          .set = std::move(noted)});
    return flags_.back();
  }
  std::vector<Flag> take() { return std::move(flags_); }

 private:
  ConsulSettings& settings_;
  std::vector<Flag> flags_;
};

void add_tls(Table& table, ConsulSettings& settings) {
  net::TlsSettings& tls = settings.tls;
  table.add("consul-ssl", "", "Speak https to the agents", to_switch(settings.ssl)).fallback = "false";
  table.add("consul-ssl-verify", "", "Verify the agents' certificates", to_switch(tls.verify)).fallback = "true";
  table.add("consul-ssl-cert", "FILE", "Client certificate in PEM, with its key unless --consul-ssl-key is given",
            to_text(tls.cert_file));
  table.add("consul-ssl-key", "FILE", "Key of the client certificate in PEM", to_text(tls.key_file));
  table.add("consul-ssl-cacert", "FILE", "Certificates in PEM that the agents' must be signed by",
            to_text(tls.ca_file));
  table.add("consul-tls-server-name", "NAME", "Name to ask for and to verify instead of the agent's address",
            to_text(tls.server_name));
}

void add_identity(Table& table, ConsulSettings& settings) {
  table
      .add("consul-auth", "USER[:PASSWORD]", "HTTP basic authentication towards the agents",
           [&settings](const std::string& value) { return set_auth(settings, value); })
      .secret = true;
  table
      .add("consul-token", "TOKEN", "ACL token; prefer --consul-token-file, which other users cannot see in ps",
           [&settings](const std::string& value) { return set_token(settings, value); })
      .secret = true;
  table.add("consul-token-file", "FILE", "File with the ACL token, read again on SIGHUP; wins over --consul-token",
            to_text(settings.token_file));
}

}  // namespace

// User, path and query belong elsewhere.
Result<std::string> parse_agent(std::string url) {
  constexpr char kRight[] = "give http://HOST:PORT, https://HOST:PORT or unix:///PATH";
  const bool unix_path = url.starts_with("unix:///") && url.size() > 8;
  const bool web = url.starts_with("http://") || url.starts_with("https://");
  const bool graphic = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if ((!unix_path && !web) || !graphic) return fail(Fault::Leave, kRight);
  if (web) {
    const std::size_t host = url.find("://") + 3;
    if (url.ends_with('/') && url.find('/', host) == url.size() - 1) url.pop_back();
    if (url.find('@') != std::string::npos) return fail(Fault::Leave, "give the user with --consul-auth");
    if (url.size() == host || url.find_first_of("/?#", host) != std::string::npos) return fail(Fault::Leave, kRight);
  }
  return url;
}

FlagGroup consul_flags(ConsulSettings& settings) {
  Table table(settings);
  table.add("consul-agent", "URL", "One fixed agent (http, https or unix:///path) instead of each host's own",
            [&settings](const std::string& value) { return set_agent(settings, value); });
  table
      .add("consul-mode", "MODE",
           "agent: each host's own agent holds its services; catalog: for hosts without agents, written into the "
           "catalog for consul-esm to check, needs --lock",
           [&settings](const std::string& value) { return set_mode(settings, value); })
      .fallback = "agent";
  table
      .add("verify-agents", "HOW",
           "Ask agents who they are: report says in /ready where one is not its host's, enforce does not write to it "
           "either, off does not ask",
           [&settings](const std::string& value) { return set_verify(settings, value); })
      .fallback = "report";
  table
      .add("consul-port", "PORT", "Port of the agents on the hosts",
           [&settings](const std::string& value) { return set_port(settings, value); })
      .fallback = "8500";
  add_tls(table, settings);
  add_identity(table, settings);
  table
      .add("consul-timeout", "DURATION", "Deadline of a request to an agent; a bare number is seconds, 0 the default",
           [&settings](const std::string& value) { return set_timeout(settings.timeout, value, kDefaultTimeout); })
      .fallback = "5s";
  table
      .add("consul-connect-timeout", "DURATION", "Deadline for a connection to an agent",
           [&settings](const std::string& value) {
             return set_timeout(settings.connect_timeout, value, kDefaultConnectTimeout);
           })
      .fallback = "1s";
  table.add("consul", "", "Accepted for mesos-consul's sake; does nothing",
            [&settings](const std::string&) -> Result<void> {
              settings.warnings.push_back("--consul does nothing: Consul is what muster always writes to");
              return {};
            });
  return {"Consul", table.take()};
}

}  // namespace muster::consul
