// Whatever bytes a scheduler sends, every service that comes out is one that Consul takes and gives back as it was
// sent.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "core/canonical.h"
#include "core/label_checks.h"
#include "core/notation.h"

namespace muster {
namespace {

using notation::show;

class Noise {
 public:
  explicit Noise(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_); }

  // Random bytes, text that nearly means something, or too much of it.
  std::string text() {
    static const std::vector<std::string> kWords{"tags",
                                                 "check_http",
                                                 "check_interval",
                                                 "overrideTaskName",
                                                 "{host}",
                                                 "{port}",
                                                 "http://",
                                                 ",",
                                                 ":",
                                                 "10s",
                                                 "web",
                                                 "muster_owner",
                                                 "consul-x",
                                                 "\xf0\x9f\x98\x80",
                                                 "\xed\xa0\x80",
                                                 "\xc2\x85",
                                                 "\r\n",
                                                 std::string("\0", 1),
                                                 "-",
                                                 "_",
                                                 ".",
                                                 "10.0.0.1",
                                                 "::1",
                                                 "0",
                                                 "{port:80}",
                                                 "{port:",
                                                 "bridge",
                                                 "passing"};
    std::string out;
    const std::size_t parts = below(6);
    for (std::size_t i = 0; i < parts; ++i) {
      if (below(3) == 0) {
        for (std::size_t j = below(8); j > 0; --j) out.push_back(static_cast<char>(below(256)));
      } else {
        out += kWords[below(kWords.size())];
      }
    }
    if (below(20) == 0) out.append(below(1200), "ax\xff,"[below(4)]);
    return out;
  }

  std::vector<Label> labels() {
    std::vector<Label> out;
    static const std::vector<std::string> kKeys{
        "tags",         "check_http",     "check_tcp",        "check_ttl",
        "check_script", "check_interval", "overrideTaskName", "ports",
        "consul",       "name",           "meta.x",           "meta.muster_owner",
        "port.0.name",  "port.0.tags",    "port.1.check_tcp", "port.web.consul"};
    for (std::size_t i = below(6); i > 0; --i)
      out.push_back({below(2) == 0 ? kKeys[below(kKeys.size())] : text(), text()});
    return out;
  }

  std::vector<std::string> texts(std::size_t limit) {
    std::vector<std::string> out;
    for (std::size_t i = below(limit); i > 0; --i) out.push_back(text());
    return out;
  }

  Check check() {
    Check out;
    for (std::string* field : {&out.http, &out.tcp, &out.grpc, &out.ttl}) {
      if (below(3) == 0) *field = below(2) == 0 ? text() : "10s";
    }
    if (below(6) == 0) out.args = texts(4);
    for (std::string* field : {&out.id, &out.name, &out.interval, &out.timeout, &out.method, &out.tls_server_name,
                               &out.notes, &out.status, &out.output}) {
      if (below(3) == 0) *field = below(2) == 0 ? text() : "10s";
    }
    for (std::size_t i = below(3); i > 0; --i) out.header.push_back({text(), text()});
    out.reported = below(2) == 0;
    return out;
  }

  std::uint16_t small() { return static_cast<std::uint16_t>(below(below(2) == 0 ? 3 : 65536)); }

  Instance instance() {
    Instance out;
    out.id = below(4) == 0 ? text() : "t" + std::to_string(below(1000));
    out.kind = static_cast<Kind>(below(3));
    out.name = below(3) == 0 ? text() : "web";
    out.group = text();
    out.labels = labels();
    out.tags = texts(below(10) == 0 ? 400 : 5);
    for (std::size_t i = below(4); i > 0; --i) {
      out.addresses.push_back({static_cast<AddressKind>(below(4)), text(), below(2) == 0, text()});
    }
    for (std::size_t i = below(5); i > 0; --i) {
      out.ports.push_back({static_cast<std::uint16_t>(below(65536)), static_cast<PortOrigin>(below(2)), text(), text(),
                           texts(5), labels(), small()});
    }
    for (std::size_t i = below(4); i > 0; --i) out.checks.push_back(check());
    out.key = below(3) == 0 ? text() : "";
    out.maintenance = below(3) == 0 ? text() : "";
    out.visibility = text();
    out.weight_passing = small();
    out.weight_warning = small();
    for (std::size_t i = below(3); i > 0; --i) out.tagged_addresses[text()] = {text(), small()};
    out.distance = static_cast<std::uint8_t>(below(3));
    for (std::size_t i = below(below(10) == 0 ? 100 : 4); i > 0; --i) out.meta.push_back({text(), text()});
    out.health = static_cast<Health>(below(3));
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

// Limits as measured on Consul 1.8.7, and ours on text that would not come back as it was sent.
void expect_acceptable(const Service& service, const std::string& prefix) {
  EXPECT_TRUE(service.id.starts_with(prefix + ":"));
  EXPECT_TRUE(printable(service.id));
  EXPECT_LE(service.id.size(), 1024u);
  EXPECT_FALSE(service.name.empty());
  EXPECT_LE(service.name.size(), 255u);
  EXPECT_TRUE(printable(service.name));
  EXPECT_TRUE(service.address.empty() || usable_ip(service.address) || host_name(service.address)) << service.address;
  EXPECT_GE(service.weight_passing, 1);
  for (const auto& [name, tagged] : service.tagged_addresses) {
    EXPECT_TRUE(!name.empty() && printable(name) && !tagged.address.empty() && printable(tagged.address)) << name;
  }
  const std::string reason = service.maintenance.value_or("muster: ");
  EXPECT_TRUE(reason.starts_with("muster: ") && printable(reason)) << reason;
  EXPECT_LE(service.tags.size(), 128u);
  for (const std::string& tag : service.tags) EXPECT_TRUE(printable(tag) && tag.size() <= 255) << tag;
  EXPECT_LE(service.meta.size(), 64u);
  for (const auto& [key, value] : service.meta) {
    EXPECT_TRUE(!key.empty() && key.size() <= 128 && !key.starts_with("consul-")) << key;
    EXPECT_EQ(key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos)
        << key;
    EXPECT_TRUE(printable(value) && value.size() <= 512) << value;
  }
  for (const char* mark : {kMetaOwner, kMetaSource, kMetaHost, kMetaInstance, kMetaHash})
    EXPECT_TRUE(service.meta.contains(mark));
  EXPECT_EQ(service.meta.at(kMetaHash), definition_hash(service));
  for (const Check& check : service.checks) {
    EXPECT_TRUE(our_check_id(check.id, service.id)) << check.id;
    EXPECT_TRUE(printable(check.http + check.tcp + check.grpc + check.ttl));
    EXPECT_EQ(!check.http.empty() + !check.tcp.empty() + !check.grpc.empty() + !check.ttl.empty() + !check.args.empty(),
              1);
    for (const std::string* field :
         {&check.name, &check.interval, &check.timeout, &check.method, &check.tls_server_name, &check.notes}) {
      EXPECT_TRUE(printable(*field) && field->size() <= 4096) << *field;
    }
    EXPECT_TRUE(check.interval.empty() || positive_duration(check.interval)) << check.interval;
    EXPECT_TRUE(check.timeout.empty() || positive_duration(check.timeout)) << check.timeout;
    EXPECT_TRUE(check.status.empty() || check.status == "passing" || check.status == "warning" ||
                check.status == "critical")
        << check.status;
    EXPECT_FALSE(check.reported && check.ttl.empty());
    for (const Header& header : check.header)
      EXPECT_TRUE(!header.name.empty() && printable(header.name + header.value));
    EXPECT_NE(check.ttl.empty(), check.interval.empty()) << "Consul: one of interval and TTL";
    for (const std::string& arg : check.args) EXPECT_TRUE(printable(arg));
  }
}

TEST(Hostile, BytesNeverMakeAServiceThatConsulWouldRefuseOrChange) {
  const std::uint64_t rounds = std::getenv("MUSTER_LONG") != nullptr ? 50'000 : 2'000;
  std::size_t services = 0;
  for (std::uint64_t seed = 0; seed < rounds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Noise noise(seed);
    RuleSettings settings = seed % 2 == 0 ? notation::modern() : notation::compat();
    settings.service_port_label = "ports";
    settings.enable_script_checks = true;
    settings.meta_label_prefix = {"meta.", "x"};
    settings.networks = {"bridge"};
    settings.opt_in = seed % 7 == 0;
    std::vector<Instance> instances;
    for (std::size_t i = noise.below(5); i > 0; --i) instances.push_back(noise.instance());
    const auto compiled = notation::rules(settings);
    const Desired got = make_desired(notation::wanted(notation::slice(instances)), *compiled);
    std::set<std::string> checks;
    for (const Service& service : got.services) {
      SCOPED_TRACE(show(service));
      expect_acceptable(service, compiled->settings().service_id_prefix);
      for (const Check& check : service.checks) EXPECT_TRUE(checks.insert(check.id).second) << check.id;
    }
    for (std::size_t i = 1; i < got.services.size(); ++i) EXPECT_LT(got.services[i - 1].id, got.services[i].id);
    services += got.services.size();
  }
  EXPECT_GT(services, rounds) << "the noise is too loud to test anything";
}

}  // namespace
}  // namespace muster
