#include "cli/options.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/settings.h"

namespace muster::cli {
namespace {

using Strings = std::vector<std::string>;

class FakeModule : public Module {
 public:
  explicit FakeModule(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  FlagGroup flags() override {
    return {name_,
            {{name_ + "-url", "URL", "Where it is", "", false, false, [this](const std::string& value) -> Result<void> {
                url_ = value;
                return {};
              }}}};
  }
  bool configured() const override { return !url_.empty(); }
  std::string usage() const override { return "--" + name_ + "-url=URL"; }
  Result<std::string> default_owner() const override { return "owner-of-" + url_; }
  Result<std::unique_ptr<Source>> make() const override { return fail(Fault::Leave, "never made here"); }

 private:
  std::string name_;
  std::string url_;
};

struct Made {
  Options options;
  Parsed parsed;
  std::string error;  // of make_options
};

// The options are not moved: the setters refer to them.
void make(Made& made, Strings arguments, bool with_source = true, const Environment& environment = nullptr) {
  Modules modules;
  modules.push_back(std::make_unique<FakeModule>("alpha"));
  modules.push_back(std::make_unique<FakeModule>("beta"));
  if (with_source) arguments.push_back("--alpha-url=a");
  const auto groups = flag_groups(made.options, modules);
  made.parsed = parse(make_program(), groups, arguments, environment);
  if (made.parsed.code != 0) return;
  if (const auto done = make_options(made.options, made.parsed, modules, environment); !done)
    made.error = done.error().message;
}

std::string listen_of(const Strings& arguments) {
  Made made;
  make(made, arguments);
  EXPECT_EQ(made.parsed.err + made.error, "");
  return made.options.listen;
}

std::string usage_error(const std::string& argument) {
  Made made;
  make(made, {argument});
  EXPECT_EQ(made.parsed.code, 2) << argument;
  return made.parsed.err.substr(0, made.parsed.err.find('\n'));
}

TEST(Options, WriteToTheCatalogOnlyUnderALock) {
  Made alone;
  make(alone, {"--consul-mode=catalog"});
  EXPECT_TRUE(alone.error.starts_with("--consul-mode=catalog: give --lock")) << alone.error;
  Made locked;
  make(locked, {"--consul-mode=catalog", "--lock"});
  EXPECT_EQ(locked.error, "");
  EXPECT_TRUE(locked.options.consul.catalog);
}

TEST(Options, DefaultsAreThoseThatHelpStates) {
  Made made;
  make(made, {});
  EXPECT_EQ(made.parsed.err + made.error, "");
  EXPECT_EQ(made.options.rules.owner, "owner-of-a");
  EXPECT_EQ(made.options.rules.service_id_prefix, "muster");
  EXPECT_EQ(made.options.rules.service_name, "mesos");
  EXPECT_EQ(made.options.listen, "127.0.0.1:24476");
  EXPECT_EQ(made.options.run.workers, 32u);
  EXPECT_EQ(made.options.run.audit_interval, std::chrono::minutes(10));
  EXPECT_EQ(made.options.log_level, log::Level::Info);
  EXPECT_EQ(made.options.warnings, Strings{});
}

TEST(Options, EveryFlagReachesItsSetting) {
  Made made;
  make(made, {"--compat=mesos-consul",
              "--owner=o",
              "--once",
              "--dry-run",
              "--log-level=DEBUG",
              "--whitelist=w1",
              "--whitelist=w2",
              "--blacklist=b",
              "--fw-whitelist=fw",
              "--fw-blacklist=fb",
              "--shared-service-name=(s)",
              "--task-tag=t:x,y",
              "--group-separator=.",
              "--service-port-label=p",
              "--mesos-ip-order=docker, host",
              "--mesos-network=blue",
              "--mesos-network=red",
              "--mesos-visibility=cluster, EXTERNAL,none",
              "--mesos-health-checks=false",
              "--opt-in",
              "--meta-label-prefix=meta.",
              "--service-name=m",
              "--service-tags=a,b",
              "--service-id-prefix=pre",
              "--enable-script-checks",
              "--listen=off",
              "--workers=4",
              "--audit-interval=90s",
              "--lock",
              "--lock-key=a/b",
              "--lock-ttl=1m",
              "--lock-agent=https://[::1]:8501/"});
  ASSERT_EQ(made.parsed.err + made.error, "");
  RuleSettings expected;
  expected.compat = true;
  expected.owner = "o";
  expected.whitelist = {"w1", "w2"};
  expected.blacklist = {"b"};
  expected.fw_whitelist = {"fw"};
  expected.fw_blacklist = {"fb"};
  expected.shared_service_name = {"(s)"};
  expected.task_tag = {"t:x,y"};
  expected.group_separator = ".";
  expected.service_port_label = "p";
  expected.ip_order = {AddressKind::Docker, AddressKind::Host};
  expected.networks = {"blue", "red"};
  expected.visibility = {"CLUSTER", "EXTERNAL", "none"};
  expected.health_checks = false;
  expected.opt_in = true;
  expected.meta_label_prefix = {"meta."};
  expected.service_name = "m";
  expected.service_tags = {"a", "b"};
  expected.service_id_prefix = "pre";
  expected.enable_script_checks = true;
  expected.ttl_floor = 3 * made.options.run.audit_interval;
  EXPECT_EQ(made.options.rules, expected);
  EXPECT_TRUE(made.options.run.once);
  EXPECT_TRUE(made.options.run.dry_run);
  EXPECT_EQ(made.options.run.workers, 4u);
  EXPECT_EQ(made.options.run.audit_interval, std::chrono::seconds(90));
  EXPECT_EQ(made.options.run.lock,
            (run::LockSettings{true, "a/b", "https://[::1]:8501", std::chrono::milliseconds(60'000)}));
  EXPECT_EQ(made.options.log_level, log::Level::Debug);
  EXPECT_EQ(made.options.listen, "");
}

TEST(Options, ConsulsOwnVariablesAreHonouredAndItsWarningsAreHandedOn) {
  Made made;
  make(made, {"--consul", "--consul-port=8600"}, true, [](const std::string& name) -> std::optional<std::string> {
    if (name == "CONSUL_HTTP_TOKEN") return "secret";
    if (name == "MUSTER_CONSUL_TIMEOUT") return "2s";
    return std::nullopt;
  });
  EXPECT_EQ(made.parsed.err + made.error, "");
  EXPECT_EQ(made.options.consul.port, 8600);
  EXPECT_EQ(made.options.consul.timeout, std::chrono::seconds(2));
  EXPECT_EQ(made.options.consul.token, "secret");
  EXPECT_EQ(made.options.warnings.size(), 1u) << "--consul does nothing";
}

TEST(Options, WithoutASourceTheErrorListsThem) {
  Made made;
  make(made, {}, /*with_source=*/false);
  EXPECT_EQ(made.error,
            "no source is configured; give at least one:\n  alpha: --alpha-url=URL\n  beta: --beta-url=URL");
}

// A reviewer's story: a cluster was gone for good, and its services could not be cleaned up without naming a source.
TEST(Options, CleanupOfANamedOwnerNeedsNoSource) {
  Made named;
  make(named, {"cleanup", "--owner=x", "--consul-agent=http://127.0.0.1:8500"}, /*with_source=*/false);
  EXPECT_EQ(named.parsed.err + named.error, "");
  EXPECT_EQ(named.options.rules.owner, "x");
  EXPECT_EQ(named.options.rules.service_id_prefix, "muster");
  for (const Strings& arguments : {Strings{"cleanup"}, Strings{"adopt", "--owner=x"}, Strings{"--owner=x"}}) {
    Made without;
    make(without, arguments, /*with_source=*/false);
    EXPECT_TRUE(without.error.starts_with("no source is configured")) << arguments[0];
  }
}

TEST(Options, SeveralSourcesNeedAnOwner) {
  Made silent;
  make(silent, {"--beta-url=b"});
  EXPECT_NE(silent.error.find("give --owner=NAME"), std::string::npos) << silent.error;
  Made named;
  make(named, {"--beta-url=b", "--owner=prod"});
  EXPECT_EQ(named.error, "");
  EXPECT_EQ(named.options.rules.owner, "prod");
}

TEST(Options, CompatImpliesThePrefixOfMesosConsulUnlessGiven) {
  Made implied;
  make(implied, {"--compat=mesos-consul"});
  EXPECT_EQ(implied.options.rules.service_id_prefix, "mesos-consul");
  Made given;
  make(given, {"--compat=mesos-consul", "--service-id-prefix=mine"});
  EXPECT_EQ(given.options.rules.service_id_prefix, "mine");
}

TEST(Options, HealthcheckMapsOntoListen) {
  EXPECT_EQ(listen_of({"--healthcheck"}), "127.0.0.1:24476");
  EXPECT_EQ(listen_of({"--healthcheck", "--compat=mesos-consul"}), ":24476") << "mesos-consul binds all interfaces";
  EXPECT_EQ(listen_of({"--compat=mesos-consul"}), "127.0.0.1:24476");
  EXPECT_EQ(listen_of({"--healthcheck", "--healthcheck-ip=10.0.0.1", "--healthcheck-port=8080"}), "10.0.0.1:8080");
  EXPECT_EQ(listen_of({"--healthcheck", "--healthcheck-ip=::1"}), "[::1]:24476");
  EXPECT_EQ(listen_of({"--healthcheck=false", "--compat=mesos-consul"}), "");
  EXPECT_EQ(listen_of({"--healthcheck", "--compat=mesos-consul", "--listen=127.0.0.1:1"}), "127.0.0.1:1")
      << "--listen wins";
}

TEST(Options, HealthcheckFlagsWithoutEffectWarn) {
  Made beside;
  make(beside, {"--healthcheck", "--listen=off"});
  EXPECT_EQ(beside.options.warnings.size(), 1u);
  Made alone;
  make(alone, {"--healthcheck-port=80"});
  EXPECT_EQ(alone.options.warnings.size(), 1u);
  EXPECT_EQ(alone.options.listen, "127.0.0.1:24476");
  Made wrong;
  make(wrong, {"--healthcheck", "--healthcheck-ip=nohost"});
  EXPECT_EQ(wrong.error, "--healthcheck-ip=nohost: not an IP address");
}

TEST(Options, AnInvalidLogLevelIsAnErrorExceptInCompatWhereItWarns) {
  EXPECT_EQ(usage_error("--log-level=loud"), "muster: --log-level=loud: not a level; give debug, info, warn or error");
  Made compat;
  make(compat, {"--log-level=loud", "--compat=mesos-consul"});
  EXPECT_EQ(compat.parsed.err, "");
  EXPECT_EQ(compat.options.log_level, log::Level::Warn);
  EXPECT_EQ(compat.options.warnings.size(), 1u);
}

TEST(Options, ErrorsNameFlagValueAndRemedy) {
  EXPECT_EQ(usage_error("--compat=consul"), "muster: --compat=consul: not known; the only one is mesos-consul");
  EXPECT_EQ(
      usage_error("--mesos-ip-order=mesos,eth0"),
      "muster: --mesos-ip-order=mesos,eth0: unknown source of addresses; give a comma list of netinfo, mesos, docker "
      "and host");
  EXPECT_EQ(usage_error("--mesos-visibility=PUBLIC"),
            "muster: --mesos-visibility=PUBLIC: not known; give a comma list of FRAMEWORK, CLUSTER, EXTERNAL and none");
  EXPECT_EQ(usage_error("--mesos-visibility="),
            "muster: --mesos-visibility=: empty; give a comma list of FRAMEWORK, CLUSTER, EXTERNAL and none");
  EXPECT_EQ(usage_error("--workers=0"), "muster: --workers=0: not a number from 1 to 1024");
  EXPECT_EQ(usage_error("--workers=-1"), "muster: --workers=-1: not a number from 1 to 1024");
  EXPECT_EQ(usage_error("--workers=4x"), "muster: --workers=4x: not a number from 1 to 1024");
  EXPECT_EQ(usage_error("--healthcheck-port=70000"), "muster: --healthcheck-port=70000: not a number from 1 to 65535");
  EXPECT_EQ(usage_error("--audit-interval=0"), "muster: --audit-interval=0: too short; give at least 1000ms");
  EXPECT_EQ(usage_error("--lock-ttl=5s"), "muster: --lock-ttl=5s: not a session's TTL; give 10s to 24h");
  EXPECT_EQ(usage_error("--lock-ttl=25h"), "muster: --lock-ttl=25h: not a session's TTL; give 10s to 24h");
  EXPECT_EQ(usage_error("--lock-agent=h"),
            "muster: --lock-agent=h: give http://HOST:PORT, https://HOST:PORT or unix:///PATH");
  for (const std::string key : {"", "/a", "a/", "a//b", "a/../b", "a\tb"}) {
    EXPECT_NE(usage_error("--lock-key=" + key).find("not a key of Consul's"), std::string::npos) << key;
  }
  EXPECT_EQ(usage_error("--service-id-prefix="),
            "muster: --service-id-prefix=: not usable; give 1 to 255 bytes of UTF-8 without control characters");
  EXPECT_EQ(usage_error("--owner=a\nb").substr(0, 20), "muster: --owner=a?b:");
}

// A reviewer's story: --unit-check-ttl=5m under the audit interval of 10m made every service critical, again and again:
// reports are renewed in audits alone.
TEST(Options, ATtlOfReportsIsThreeAuditIntervalsAtLeast) {
  const auto error_of = [](const Strings& arguments) {
    Settings settings;
    settings.modules = make_modules();
    const auto groups = flag_groups(settings.options, settings.modules);
    const Parsed parsed = parse(make_program(), groups, arguments, nullptr);
    EXPECT_EQ(parsed.err, "");
    const auto made = make_options(settings.options, parsed, settings.modules, nullptr);
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(error_of({"--systemd-user", "--owner=o", "--unit-check-ttl=29m"}),
            "--unit-check-ttl=29m: shorter than three times --audit-interval, in which it is renewed; give at least "
            "30m, or a shorter --audit-interval");
  EXPECT_NE(error_of({"--fleet-endpoint=unix:///f", "--owner=o", "--audit-interval=10s", "--fleet-check-ttl=29s"}), "");
  EXPECT_EQ(error_of({"--fleet-endpoint=unix:///f", "--owner=o", "--audit-interval=10s", "--fleet-check-ttl=30s"}), "");
  EXPECT_EQ(error_of({"--systemd-user", "--owner=o", "--unit-check-ttl=30m"}), "");
  EXPECT_EQ(error_of({"--systemd-user", "--owner=o"}), "");
}

TEST(Options, SettingsOfTheLockWithoutTheLockAreWarnedOf) {
  Made made;
  make(made, {"--lock-key=a"});
  EXPECT_EQ(made.options.warnings, Strings{"--lock-key, --lock-ttl and --lock-agent have no effect without --lock"});
  Made with;
  make(with, {"--lock-key=a", "--lock"});
  EXPECT_EQ(with.options.warnings, Strings{});
}

TEST(Options, ListenTakesAnAddressAndAPort) {
  EXPECT_EQ(parse_listen("0.0.0.0:80").value(), "0.0.0.0:80");
  EXPECT_EQ(parse_listen("[::1]:0").value(), "[::1]:0");
  EXPECT_EQ(parse_listen(":80").value(), ":80");
  EXPECT_EQ(parse_listen("localhost:80").value(), "127.0.0.1:80");
  EXPECT_EQ(parse_listen("off").value(), "");
  for (const char* wrong : {"", "80", "host:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80",
                            "[::1]", "[127.0.0.1]:80", "1.2.3:80", "127.0.0.1:+1", "127.0.0.1:80,127.0.0.2:80"}) {
    const auto listen = parse_listen(wrong);
    ASSERT_FALSE(listen) << wrong;
    EXPECT_NE(listen.error().message.find("give ADDR:PORT"), std::string::npos) << wrong;
  }
}

TEST(Options, FlagNamesAreUniqueAndHelpFitsInAHundredColumns) {
  Options options;
  const auto groups = flag_groups(options, {});
  std::set<std::string> names;
  for (const auto& group : groups) {
    for (const Flag& flag : group.flags) {
      EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
      EXPECT_FALSE(flag.help.empty() || flag.help.ends_with('.')) << flag.name;
      EXPECT_TRUE(flag.set) << flag.name;
    }
  }
  const std::string help = parse(make_program(), groups, {"--help"}, nullptr).out;
  for (std::size_t from = 0; from < help.size();) {
    const std::size_t end = help.find('\n', from);
    EXPECT_LE(end - from, 100u) << help.substr(from, end - from);
    from = end + 1;
  }
}

}  // namespace
}  // namespace muster::cli
