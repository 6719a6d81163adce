#include "nomad/settings.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "net/secret_file.h"

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr char kDefaultAddress[] = "http://127.0.0.1:4646";
constexpr char kDefaultRegion[] = "global";  // Nomad's own

Result<std::string> parse_address(std::string text) {
  while (text.size() > 1 && text.ends_with('/') && !text.ends_with("//")) text.pop_back();
  if (text.find("://") == std::string::npos && !text.empty()) text.insert(0, "http://");
  const std::size_t scheme = text.find("://");
  const std::string kind = text.substr(0, scheme);
  const std::string rest = scheme == std::string::npos ? "" : text.substr(scheme + 3);
  const bool web = (kind == "http" || kind == "https") && !rest.empty() && rest.find('/') == std::string::npos;
  const bool socket = kind == "unix" && rest.size() > 1 && rest.starts_with('/');
  const bool plain = printable(text) && text.find_first_of(" ?#@") == std::string::npos;
  if (plain && (web || socket)) return text;
  return fail(Fault::Leave, "give http://HOST:PORT, https://HOST:PORT or unix:///PATH");
}

Result<std::vector<std::string>> parse_addresses(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& part : split(text, ',')) {
    Result<std::string> address = parse_address(part);
    if (!address) return tl::unexpected(address.error());
    out.push_back(*std::move(address));
  }
  return out;
}

Result<Scope> parse_scope(const std::string& text) {
  if (text == "node") return Scope::Node;
  if (text == "cluster") return Scope::Cluster;
  return fail(Fault::Leave, "give node or cluster");
}

Result<Doubt> parse_doubt(const std::string& text) {
  if (text == "keep") return Doubt::Keep;
  if (text == "maintenance") return Doubt::Maintenance;
  if (text == "remove") return Doubt::Remove;
  return fail(Fault::Leave, "give keep, maintenance or remove");
}

// As Go's strconv.ParseBool, which Nomad's tools use.
std::optional<bool> parse_bool(std::string_view text) {
  const std::string low = lower(text);
  if (low == "1" || low == "t" || low == "true") return true;
  if (low == "0" || low == "f" || low == "false") return false;
  return std::nullopt;
}

// Makes flags that store a parsed value and remember that they were given.
class Flags {
 public:
  explicit Flags(NomadSettings& settings) : settings_(settings) {}

  template <typename T, typename Parse>
  void add(Flag flag, T& into, Parse parse) {
    flag.set = [this_settings = &settings_, name = flag.name, &into, parse](const std::string& text) -> Result<void> {
      auto value = parse(text);
      if (!value) return tl::unexpected(value.error());
      into = *std::move(value);
      this_settings->given.insert(name);
      return {};
    };
    group_.flags.push_back(std::move(flag));
  }
  void text(Flag flag, std::string& into) {
    add(std::move(flag), into, [](const std::string& value) -> Result<std::string> {
      if (value.empty()) return fail(Fault::Leave, "empty value; give one or leave the flag out");
      if (!printable(value)) return fail(Fault::Leave, "give printable text");
      return value;
    });
  }
  void duration(Flag flag, milliseconds& into, milliseconds least) {
    add(std::move(flag), into, [least](const std::string& value) -> Result<milliseconds> {
      auto parsed = parse_duration(value);
      if (parsed && *parsed < least) {
        return fail(Fault::Leave, "too short; give at least " + std::to_string(least.count()) + "ms");
      }
      return parsed;
    });
  }
  void truth(Flag flag, bool& into) {
    add(std::move(flag), into, [](const std::string& value) -> Result<bool> { return value == "true"; });
  }
  FlagGroup take() { return std::move(group_); }

 private:
  NomadSettings& settings_;
  FlagGroup group_{"Nomad", {}};
};

Flag flag(std::string name, std::string value, std::string help, std::string fallback = "", bool secret = false) {
  return {std::move(name), std::move(value), std::move(help), std::move(fallback), false, secret, {}};
}

void add_places(Flags& flags, NomadSettings& s) {
  flags.add(
      flag("nomad-scope", "SCOPE",
           "node: the allocations of one client node, at the Consul agent beside it; cluster: those of all nodes"),
      s.scope, parse_scope);
  flags.add(flag("nomad-address", "URL[,URL]",
                 "Nomad agents to ask, http://, https:// or unix:///; the next one when one cannot be reached "
                 "(NOMAD_ADDR, the task's API socket)",
                 kDefaultAddress),
            s.addresses, parse_addresses);
  flags.text(
      flag("nomad-region", "NAME",
           "region to follow, asked for in each request and part of --owner's default (NOMAD_REGION)", kDefaultRegion),
      s.region);
  flags.text(
      flag("nomad-namespace", "NAME", "namespace to follow, * for all of them (NOMAD_NAMESPACE, not in a task)", "*"),
      s.ns);
  flags.text(flag("nomad-node-id", "ID", "node scope: whose allocations; else the agent that answers tells its own"),
             s.node_id);
  flags.text(flag("nomad-cluster", "NAME",
                  "what tells this cluster from others of its region, for --owner's default; needed in cluster scope "
                  "where Nomad is asked by loopback or a socket"),
             s.cluster);
}

void add_rights(Flags& flags, NomadSettings& s) {
  flags.text(flag("nomad-token", "TOKEN", "ACL token or workload identity (NOMAD_TOKEN)", "", true), s.token);
  flags.text(flag("nomad-token-file", "FILE", "file of the token, read again at each request; wins over --nomad-token"),
             s.token_file);
  flags.text(flag("nomad-ca-file", "FILE", "CA certificate of Nomad's agents (NOMAD_CACERT)"), s.tls.ca_file);
  flags.text(flag("nomad-ca-path", "DIR", "folder of CA certificates (NOMAD_CAPATH)"), s.tls.ca_path);
  flags.text(flag("nomad-cert-file", "FILE", "client certificate (NOMAD_CLIENT_CERT)"), s.tls.cert_file);
  flags.text(flag("nomad-key-file", "FILE", "key of the client certificate (NOMAD_CLIENT_KEY)"), s.tls.key_file);
  flags.text(flag("nomad-tls-server-name", "NAME", "name to expect in Nomad's certificate (NOMAD_TLS_SERVER_NAME)"),
             s.tls.server_name);
  flags.add(flag("nomad-skip-verify", "", "do not verify Nomad's certificate (NOMAD_SKIP_VERIFY)"), s.tls.verify,
            [](const std::string& value) -> Result<bool> { return value != "true"; });
}

void add_judgement(Flags& flags, NomadSettings& s) {
  flags.truth(
      flag("nomad-ports", "", "register the labelled ports of groups without services, where a job asks for it"),
      s.services.ports);
  flags.add(flag("nomad-lost", "WHAT", "about allocations that are lost: keep, maintenance or remove", "remove"),
            s.lost, parse_doubt);
  flags.add(flag("nomad-unknown", "WHAT",
                 "about allocations of clients that are disconnected: keep, maintenance or remove", "maintenance"),
            s.unknown, parse_doubt);
  flags.duration(flag("nomad-drain", "DURATION",
                      "longest time in maintenance before an allocation that is to stop is deregistered; never more "
                      "than half of its shutdown_delay",
                      "2s"),
                 s.drain, milliseconds(0));
  flags.duration(flag("nomad-sweep", "DURATION", "between two full reads, which need no event", "5m"), s.sweep,
                 milliseconds(100));
  flags.duration(flag("nomad-timeout", "DURATION", "longest wait for an answer, long polls apart", "10s"), s.timeout,
                 milliseconds(100));
}

class Environment {
 public:
  Environment(NomadSettings& settings, const GetEnv& get) : s_(settings), get_(get) {}

  std::string of(const char* variable) const {
    const char* const value = get_(variable);
    return value == nullptr ? "" : value;
  }
  void text(const char* variable, const char* flag, std::string& into) const {
    if (std::string value = of(variable); !value.empty() && !s_.given.contains(flag)) into = std::move(value);
  }
  Result<void> address() const {
    if (s_.given.contains("nomad-address")) return {};
    for (const char* const variable : {"NOMAD_UNIX_ADDR", "NOMAD_ADDR"}) {
      const std::string value = of(variable);
      if (value.empty()) continue;
      Result<std::string> parsed = parse_address(value);
      if (!parsed) return fail(Fault::Leave, std::string(variable) + "=" + value + ": " + parsed.error().message);
      s_.addresses = {*std::move(parsed)};
      return {};
    }
    const std::string socket = of("NOMAD_SECRETS_DIR") + "/api.sock";
    s_.addresses = {in_task() && access(socket.c_str(), F_OK) == 0 ? "unix://" + socket : kDefaultAddress};
    return {};
  }
  void token() const {
    if (s_.given.contains("nomad-token") || s_.given.contains("nomad-token-file")) return;
    text("NOMAD_TOKEN", "nomad-token", s_.token);
    const std::string file = of("NOMAD_SECRETS_DIR") + "/nomad_token";
    if (in_task() && access(file.c_str(), R_OK) == 0) s_.token_file = file;
  }
  Result<void> verify() const {
    const std::string value = of("NOMAD_SKIP_VERIFY");
    if (value.empty() || s_.given.contains("nomad-skip-verify")) return {};
    const std::optional<bool> skip = parse_bool(value);
    if (!skip) return fail(Fault::Leave, "NOMAD_SKIP_VERIFY=" + value + ": give true or false");
    s_.tls.verify = !*skip;
    return {};
  }
  bool in_task() const { return !of("NOMAD_ALLOC_ID").empty(); }

 private:
  NomadSettings& s_;
  const GetEnv& get_;
};

Result<void> check(const NomadSettings& s) {
  if (!s.node_id.empty() && s.scope == Scope::Cluster) {
    return fail(Fault::Leave, "--nomad-node-id=" + s.node_id + ": it is for --nomad-scope=node");
  }
  if (!s.tls.key_file.empty() && s.tls.cert_file.empty()) {
    return fail(Fault::Leave, "--nomad-key-file=" + s.tls.key_file + ": give --nomad-cert-file too");
  }
  for (const auto& [name, path] : {std::pair{"nomad-ca-file", s.tls.ca_file},
                                   {"nomad-cert-file", s.tls.cert_file},
                                   {"nomad-key-file", s.tls.key_file},
                                   {"nomad-token-file", s.token_file}}) {
    if (path.empty()) continue;
    if (auto text = net::read_file(path); !text) {
      return fail(Fault::Leave, std::string("--") + name + "=" + text.error().message);
    }
  }
  return {};
}

}  // namespace

FlagGroup nomad_flags(NomadSettings& settings) {
  Flags flags(settings);
  add_places(flags, settings);
  add_rights(flags, settings);
  add_judgement(flags, settings);
  return flags.take();
}

Result<NomadSettings> complete(NomadSettings s, const GetEnv& get) {
  const Environment environment(s, get);
  if (auto fine = environment.address(); !fine) return tl::unexpected(fine.error());
  environment.token();
  if (auto fine = environment.verify(); !fine) return tl::unexpected(fine.error());
  environment.text("NOMAD_REGION", "nomad-region", s.region);
  if (s.region.empty()) s.region = kDefaultRegion;
  if (!environment.in_task()) environment.text("NOMAD_NAMESPACE", "nomad-namespace", s.ns);
  environment.text("NOMAD_CACERT", "nomad-ca-file", s.tls.ca_file);
  environment.text("NOMAD_CAPATH", "nomad-ca-path", s.tls.ca_path);
  environment.text("NOMAD_CLIENT_CERT", "nomad-cert-file", s.tls.cert_file);
  environment.text("NOMAD_CLIENT_KEY", "nomad-key-file", s.tls.key_file);
  environment.text("NOMAD_TLS_SERVER_NAME", "nomad-tls-server-name", s.tls.server_name);
  if (s.scope == Scope::None) s.scope = Scope::Cluster;
  if (auto fine = check(s); !fine) return tl::unexpected(fine.error());
  return s;
}

std::string owner_of(const NomadSettings& s) {
  std::string owner = "nomad:" + s.region;
  if (!s.cluster.empty()) return owner + "/" + s.cluster;
  if (s.scope == Scope::Node || s.addresses.empty()) return owner;
  const std::string& address = s.addresses.front();
  return owner + "/" + address.substr(address.find("://") + 3);
}

}  // namespace muster::nomad
