#include "consul/flags.h"

#include <gtest/gtest.h>

#include <map>

namespace muster::consul {
namespace {

using namespace std::chrono_literals;

// "" when the flag took the value.
std::string set(ConsulSettings& settings, const std::string& name, const std::string& value) {
  for (const Flag& flag : consul_flags(settings).flags) {
    if (flag.name != name) continue;
    const auto result = flag.set(value);
    if (result) return "";
    EXPECT_EQ(result.error().fault, Fault::Leave);
    return result.error().message;
  }
  return "no such flag";
}

using Variables = std::map<std::string, std::string>;

Result<void> apply(ConsulSettings& settings, const Variables& variables) {
  return apply_environment(settings, [&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(ConsulFlags, TakeWhatMesosConsulTook) {
  ConsulSettings s;
  EXPECT_EQ(set(s, "consul-port", "18500"), "");
  EXPECT_EQ(set(s, "consul-auth", "user:pa:ss"), "");
  EXPECT_EQ(set(s, "consul-ssl", "true"), "");
  EXPECT_EQ(set(s, "consul-ssl-verify", "false"), "");
  EXPECT_EQ(set(s, "consul-ssl-cert", "/c.pem"), "");
  EXPECT_EQ(set(s, "consul-ssl-cacert", "/ca.pem"), "");
  EXPECT_EQ(set(s, "consul-token", "secret"), "");
  EXPECT_EQ(set(s, "consul-timeout", "30"), "");
  EXPECT_EQ(s.port, 18500);
  EXPECT_EQ(s.basic_auth, "user:pa:ss");
  EXPECT_TRUE(s.ssl);
  EXPECT_EQ(s.tls, (net::TlsSettings{.verify = false,
                                     .ca_file = "/ca.pem",
                                     .ca_path = "",
                                     .cert_file = "/c.pem",
                                     .key_file = "",
                                     .server_name = ""}));
  EXPECT_EQ(s.token, "secret");
  EXPECT_EQ(s.timeout, 30s);
  EXPECT_TRUE(s.warnings.empty());
}

TEST(ConsulFlags, AcceptTheDeadOneWithAWarning) {
  ConsulSettings s;
  EXPECT_EQ(set(s, "consul", "true"), "");
  ASSERT_EQ(s.warnings.size(), 1u);
  EXPECT_NE(s.warnings[0].find("--consul"), std::string::npos);
}

TEST(ConsulFlags, ReadTimeoutsInSecondsOrWithAUnitAndZeroAsTheDefault) {
  ConsulSettings s;
  EXPECT_EQ(set(s, "consul-timeout", "1m30s"), "");
  EXPECT_EQ(s.timeout, 90s);
  EXPECT_EQ(set(s, "consul-timeout", "0"), "");
  EXPECT_EQ(s.timeout, 5s);
  EXPECT_EQ(set(s, "consul-connect-timeout", "250ms"), "");
  EXPECT_EQ(s.connect_timeout, 250ms);
  for (const char* wrong : {"", "soon", "-1", "5 s", "1e9", "99999999999", "100h"}) {
    EXPECT_NE(set(s, "consul-timeout", wrong), "") << wrong;
  }
  EXPECT_EQ(s.timeout, 5s);
}

TEST(ConsulFlags, RefuseWhatIsNoPort) {
  ConsulSettings s;
  for (const char* wrong : {"", "0", "65536", "-1", "8500x", " 8500", "http"}) {
    EXPECT_NE(set(s, "consul-port", wrong), "") << wrong;
  }
  EXPECT_EQ(s.port, 8500);
}

TEST(ConsulFlags, KnowTwoModes) {
  ConsulSettings s;
  EXPECT_EQ(set(s, "consul-mode", "catalog"), "");
  EXPECT_TRUE(s.catalog);
  EXPECT_EQ(set(s, "consul-mode", "agent"), "");
  EXPECT_FALSE(s.catalog);
  for (const char* wrong : {"", "Catalog", "esm"}) EXPECT_NE(set(s, "consul-mode", wrong), "") << wrong;
}

TEST(ConsulFlags, TakeOneAgentByWebOrUnixAddressOnly) {
  ConsulSettings s;
  for (const char* right : {"http://127.0.0.1:8500", "https://[fd00::1]:8501", "unix:///run/consul.sock"}) {
    EXPECT_EQ(set(s, "consul-agent", right), "");
    EXPECT_EQ(s.agent, right);
  }
  EXPECT_EQ(set(s, "consul-agent", "http://consul:8500/"), "");
  EXPECT_EQ(s.agent, "http://consul:8500");
  for (const char* wrong : {"", "127.0.0.1:8500", "ftp://x", "unix://x", "unix:///", "http://", "https:///",
                            "http://a/b", "http://a?x", "http://u:p@a", "http://a b", "http://a\nX: y"}) {
    EXPECT_NE(set(s, "consul-agent", wrong), "") << wrong;
  }
}

TEST(ConsulFlags, HideSecretsAndRefuseBrokenOnes) {
  ConsulSettings s;
  for (const Flag& flag : consul_flags(s).flags) {
    EXPECT_EQ(flag.secret, flag.name == "consul-token" || flag.name == "consul-auth") << flag.name;
    EXPECT_FALSE(flag.help.ends_with('.')) << flag.name;
  }
  EXPECT_NE(set(s, "consul-token", "a\r\nX: y"), "");
  EXPECT_NE(set(s, "consul-auth", ":password"), "");
  EXPECT_EQ(set(s, "consul-auth", "user"), "");
  EXPECT_EQ(s.basic_auth, "user:");
}

TEST(ConsulEnvironment, FillsWhatTheFlagsLeftOpen) {
  ConsulSettings s;
  ASSERT_TRUE(apply(s, {{"CONSUL_HTTP_TOKEN", "t"},
                        {"CONSUL_HTTP_TOKEN_FILE", "/t"},
                        {"CONSUL_HTTP_AUTH", "u:p"},
                        {"CONSUL_HTTP_SSL", "1"},
                        {"CONSUL_HTTP_SSL_VERIFY", "false"},
                        {"CONSUL_CACERT", "/ca"},
                        {"CONSUL_CAPATH", "/cas"},
                        {"CONSUL_CLIENT_CERT", "/cert"},
                        {"CONSUL_CLIENT_KEY", "/key"},
                        {"CONSUL_TLS_SERVER_NAME", "server.dc1.consul"}}));
  EXPECT_EQ(s.token, "t");
  EXPECT_EQ(s.token_file, "/t");
  EXPECT_EQ(s.basic_auth, "u:p");
  EXPECT_TRUE(s.ssl);
  EXPECT_EQ(s.tls, (net::TlsSettings{.verify = false,
                                     .ca_file = "/ca",
                                     .ca_path = "/cas",
                                     .cert_file = "/cert",
                                     .key_file = "/key",
                                     .server_name = "server.dc1.consul"}));
  EXPECT_TRUE(s.warnings.empty());
}

TEST(ConsulEnvironment, YieldsToFlags) {
  ConsulSettings s;
  set(s, "consul-token", "flag");
  set(s, "consul-ssl", "false");
  set(s, "consul-ssl-cert", "/both.pem");
  ASSERT_TRUE(apply(s, {{"CONSUL_HTTP_TOKEN", "env"},
                        {"CONSUL_HTTP_TOKEN_FILE", "/env"},
                        {"CONSUL_HTTP_SSL", "true"},
                        {"CONSUL_CLIENT_CERT", "/env"},
                        {"CONSUL_CLIENT_KEY", "/env"}}));
  EXPECT_EQ(s.token, "flag");
  EXPECT_EQ(s.token_file, "");
  EXPECT_FALSE(s.ssl);
  EXPECT_EQ(s.tls.cert_file, "/both.pem");
  EXPECT_EQ(s.tls.key_file, "");
}

TEST(ConsulEnvironment, NamesAVariableThatItCannotRead) {
  ConsulSettings s;
  const auto result = apply(s, {{"CONSUL_HTTP_SSL", "perhaps"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::Leave);
  EXPECT_TRUE(result.error().message.starts_with("CONSUL_HTTP_SSL=perhaps")) << result.error().message;
}

TEST(ConsulEnvironment, WarnsThatAnAgentAddressIsNotForTheOtherHosts) {
  ConsulSettings s;
  ASSERT_TRUE(apply(s, {{"CONSUL_HTTP_ADDR", "10.0.0.9:8500"}}));
  ASSERT_EQ(s.warnings.size(), 1u);
  EXPECT_EQ(s.agent, "");
  ConsulSettings fixed;
  set(fixed, "consul-agent", "http://10.0.0.1:8500");
  ASSERT_TRUE(apply(fixed, {{"CONSUL_HTTP_ADDR", "10.0.0.9:8500"}}));
  EXPECT_TRUE(fixed.warnings.empty());
  EXPECT_EQ(fixed.agent, "http://10.0.0.1:8500");
}

// A reviewer's story: the warning quoted the whole address, and with it a password into the log.
TEST(ConsulEnvironment, DoesNotQuoteAnAgentAddressThatMayHoldAPassword) {
  ConsulSettings s;
  ASSERT_TRUE(apply(s, {{"CONSUL_HTTP_ADDR", "http://user:SECRET@10.0.0.9:8500"}}));
  ASSERT_EQ(s.warnings.size(), 1u);
  EXPECT_TRUE(s.warnings[0].starts_with("CONSUL_HTTP_ADDR is ignored")) << s.warnings[0];
  EXPECT_EQ(s.warnings[0].find("SECRET"), std::string::npos) << s.warnings[0];
}

}  // namespace
}  // namespace muster::consul
