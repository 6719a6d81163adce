#include "consul/settings.h"

#include <optional>
#include <utility>

#include "net/secret_file.h"

namespace muster::consul {
namespace {

Error with_flag(const std::string& flag, Error error) {
  error.message = "--" + flag + "=" + error.message;
  return error;
}

Result<std::string> read_token(const std::string& path) {
  return net::read_secret(path, net::Content::Word).map_error([](Error e) {
    return with_flag("consul-token-file", std::move(e));
  });
}

Result<void> check_readable(const std::string& flag, const std::string& path) {
  if (path.empty()) return {};
  if (auto text = net::read_file(path); !text) return tl::unexpected(with_flag(flag, text.error()));
  return {};
}

// As Go's strconv.ParseBool, which Consul's tools use.
std::optional<bool> parse_bool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

class Environment {
 public:
  Environment(ConsulSettings& settings, const GetEnv& get) : settings_(settings), get_(get) {}

  void text(const char* variable, const char* flag, std::string& into) {
    const std::string value = of(variable);
    if (!value.empty() && !settings_.given.contains(flag)) into = value;
  }

  Result<void> truth(const char* variable, const char* flag, bool& into) {
    const std::string value = of(variable);
    if (value.empty() || settings_.given.contains(flag)) return {};
    const auto parsed = parse_bool(value);
    if (!parsed) return fail(Fault::Leave, std::string(variable) + "=" + value + ": give true or false");
    into = *parsed;
    return {};
  }

  std::string of(const char* variable) {
    const char* value = get_(variable);
    return value == nullptr ? "" : value;
  }

 private:
  ConsulSettings& settings_;
  const GetEnv& get_;
};

}  // namespace

AgentKey agent_at(const ConsulSettings& settings, std::string_view ip) {
  if (!settings.agent.empty()) return {settings.agent};
  const bool v6 = ip.find(':') != std::string_view::npos;
  const std::string host = v6 ? "[" + std::string(ip) + "]" : std::string(ip);
  return {(settings.ssl ? "https://" : "http://") + host + ":" + std::to_string(settings.port)};
}

net::HttpOptions http_options(const ConsulSettings& settings) {
  return {.connect_timeout = settings.connect_timeout,
          .timeout = settings.timeout,
          .basic_auth = settings.basic_auth,
          .tls = settings.tls};
}

Result<void> apply_environment(ConsulSettings& settings, const GetEnv& get) {
  Environment env(settings, get);
  // One of the two flags is an answer to both variables.
  if (!settings.given.contains("consul-token-file")) env.text("CONSUL_HTTP_TOKEN", "consul-token", settings.token);
  env.text("CONSUL_HTTP_TOKEN_FILE", settings.given.contains("consul-token") ? "consul-token" : "consul-token-file",
           settings.token_file);
  env.text("CONSUL_HTTP_AUTH", "consul-auth", settings.basic_auth);
  env.text("CONSUL_CACERT", "consul-ssl-cacert", settings.tls.ca_file);
  env.text("CONSUL_CAPATH", "consul-ssl-cacert", settings.tls.ca_path);
  env.text("CONSUL_CLIENT_CERT", "consul-ssl-cert", settings.tls.cert_file);
  env.text("CONSUL_CLIENT_KEY", settings.given.contains("consul-ssl-cert") ? "consul-ssl-cert" : "consul-ssl-key",
           settings.tls.key_file);
  env.text("CONSUL_TLS_SERVER_NAME", "consul-tls-server-name", settings.tls.server_name);
  const std::string address = env.of("CONSUL_HTTP_ADDR");
  if (!address.empty() && settings.agent.empty()) {
    // Without its value, which may hold a password.
    settings.warnings.push_back(
        "CONSUL_HTTP_ADDR is ignored: muster speaks to the agent of each host; give --consul-agent=URL to use one "
        "agent for all");
  }
  if (auto ok = env.truth("CONSUL_HTTP_SSL", "consul-ssl", settings.ssl); !ok) return ok;
  return env.truth("CONSUL_HTTP_SSL_VERIFY", "consul-ssl-verify", settings.tls.verify);
}

Result<std::shared_ptr<Credentials>> Credentials::load(const ConsulSettings& settings) {
  const std::pair<const char*, const std::string*> files[] = {{"consul-ssl-cert", &settings.tls.cert_file},
                                                              {"consul-ssl-key", &settings.tls.key_file},
                                                              {"consul-ssl-cacert", &settings.tls.ca_file}};
  for (const auto& [flag, path] : files) {
    if (auto ok = check_readable(flag, *path); !ok) return tl::unexpected(ok.error());
  }
  std::shared_ptr<Credentials> credentials(new Credentials());
  if (auto ok = credentials->reload(settings); !ok) return tl::unexpected(ok.error());
  return credentials;
}

Result<void> Credentials::reload(const ConsulSettings& settings) {
  auto token = settings.token_file.empty() ? Result<std::string>(settings.token) : read_token(settings.token_file);
  if (!token) return tl::unexpected(token.error());
  const std::lock_guard lock(mutex_);
  token_ = std::move(*token);
  return {};
}

std::string Credentials::token() const {
  const std::lock_guard lock(mutex_);
  return token_;
}

}  // namespace muster::consul
