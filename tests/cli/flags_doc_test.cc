// docs/flags.md against the binary's own tables, and mesos-consul's flags against both.
#include <gtest/gtest.h>

#include <set>

#include "cli/options.h"
#include "support/doc_tables.h"

namespace muster::cli {
namespace {

struct All {
  Modules modules = make_modules();
  Options options;
  std::vector<FlagGroup> groups = flag_groups(options, modules);
};

std::string default_of(const Flag& flag) {
  if (flag.value.empty()) return flag.fallback.empty() ? "`false`" : "`" + flag.fallback + "`";
  return flag.fallback.empty() ? "" : "`" + flag.fallback + "`";
}

std::string row(const Flag& flag) {
  std::string help = flag.help;
  if (flag.repeatable) help += "; repeatable";
  if (flag.secret) help += "; secret";
  const std::string name = "`--" + flag.name + (flag.value.empty() ? "" : "=" + flag.value) + "`";
  return support::doc_row({name, "`" + variable_name(flag.name) + "`", default_of(flag), help});
}

TEST(FlagsDoc, TablesAreThoseOfTheBinary) {
  const All all;
  std::vector<support::DocTable> tables;
  for (const FlagGroup& group : all.groups) {
    support::DocTable table{group.title, {"| Flag | Environment | Default | Meaning |", "|---|---|---|---|"}};
    for (const Flag& flag : group.flags) table.rows.push_back(row(flag));
    tables.push_back(table);
  }
  support::expect_tables(MUSTER_SOURCE_DIR "/docs/flags.md", tables);
}

TEST(FlagsDoc, NoFlagIsDeclaredTwice) {
  const All all;
  std::set<std::string> names;
  for (const FlagGroup& group : all.groups) {
    for (const Flag& flag : group.flags) EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
  }
}

TEST(FlagsDoc, HelpFitsInAHundredColumnsAndNamesEveryFlag) {
  const All all;
  const std::string help = parse(make_program(), all.groups, {"--help"}, nullptr).out;
  for (const FlagGroup& group : all.groups) {
    for (const Flag& flag : group.flags) EXPECT_NE(help.find("  --" + flag.name), std::string::npos) << flag.name;
  }
  for (std::size_t from = 0; from < help.size();) {
    const std::size_t end = help.find('\n', from);
    EXPECT_LE(end - from, 100u) << help.substr(from, end - from);
    from = end + 1;
  }
}

// A command line of mesos-consul 0.4.0 must go on working, whole, in both modes.
TEST(FlagsDoc, EveryFlagOfMesosConsulIsAccepted) {
  const std::vector<std::string> line{"--log-level=INFO",
                                      "--refresh=1m",
                                      "--zk=zk://127.0.0.1:2181/mesos",
                                      "--group-separator=",
                                      "--mesos-ip-order=netinfo,mesos,host",
                                      "--healthcheck",
                                      "--healthcheck-ip=127.0.0.1",
                                      "--healthcheck-port=24476",
                                      "--whitelist=a",
                                      "--whitelist=b",
                                      "--blacklist=c",
                                      "--fw-whitelist=d",
                                      "--fw-blacklist=e",
                                      "--task-tag=f:g",
                                      "--service-name=mesos",
                                      "--service-tags=",
                                      "--service-port-label=",
                                      "--service-id-prefix=mesos-consul",
                                      "--consul",
                                      "--consul-port=8500",
                                      "--consul-auth=user:password",
                                      "--consul-ssl=false",
                                      "--consul-ssl-verify=true",
                                      "--consul-ssl-cert=",
                                      "--consul-ssl-cacert=",
                                      "--consul-token=",
                                      "--consul-timeout=0",
                                      "--dry-run=false",
                                      "--heartbeats-before-remove=1",
                                      "--shared-service-name=(h)-.*"};
  for (const bool compat : {false, true}) {
    All all;
    std::vector<std::string> arguments = line;
    if (compat) arguments.push_back("--compat=mesos-consul");
    const Parsed parsed = parse(make_program(), all.groups, arguments, nullptr);
    EXPECT_EQ(parsed.err, "");
    const auto made = make_options(all.options, parsed, all.modules, nullptr);
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_EQ(all.options.listen, "127.0.0.1:24476");
    EXPECT_EQ(all.options.warnings.size(), 1u) << "--consul does nothing, and says so once";
  }
}

// The config file and the environment know the same settings as the command line, by rule and not by list.
TEST(FlagsDoc, EveryFlagCanBeGivenByEnvironmentToo) {
  const All all;
  for (const FlagGroup& group : all.groups) {
    for (const Flag& flag : group.flags) {
      const std::string variable = variable_name(flag.name);
      const Parsed parsed = parse(make_program(), {{group.title, {flag}}}, {}, [&](const std::string& name) {
        return name == variable ? std::optional<std::string>("\x7f") : std::nullopt;
      });
      const bool seen = parsed.given.contains(flag.name) || parsed.err.find(variable) != std::string::npos;
      EXPECT_TRUE(seen) << flag.name;
    }
  }
}

}  // namespace
}  // namespace muster::cli
