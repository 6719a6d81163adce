// tests/data/quadlet: what podman's own generator made of the files in source/, by its version; -user: for the units of
// a user. Where a file is not among them, that version refused its source.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "units/config.h"
#include "units/file.h"

namespace muster::units {
namespace {

namespace fs = std::filesystem;

const std::string kData = MUSTER_SOURCE_DIR "/tests/data/quadlet/";

UnitConfig config(const std::string& file, const std::string& unit) {
  const auto text = read_unit(file, find_drop_ins(file, fs::path(file).filename()));
  EXPECT_TRUE(text) << file;
  return make_config({unit, text.value_or(UnitText{})}, {"m"});
}

// "name:port tag,tag" of each service, with its check and Meta.
std::string shown(const UnitConfig& config) {
  std::ostringstream out;
  for (const ServiceConfig& service : config.services) {
    out << (out.str().empty() ? "" : "; ") << service.name << ":" << service.port;
    for (const std::string& tag : service.tags) out << " " << tag;
    for (const auto& [key, value] : service.meta) out << " " << key << "=" << value;
    for (const Check& check : service.checks) out << " " << check.http;
  }
  for (const Mistake& mistake : config.mistakes) out << " ! " << to_string(mistake.place) << ": " << mistake.text;
  return out.str();
}

struct Case {
  std::string source;
  std::string generated;
  std::string unit;
  std::string wanted;
};

const Case kCases[] = {
    {"plain.container", "v5.8.2/plain.service", "plain.service", "web:8080 routed v1 dropin http://{host}:8080/health"},
    {"plain.container", "v5.8.2-user/plain.service", "plain.service",
     "web:8080 routed v1 dropin http://{host}:8080/health"},
    {"labels.container", "v5.8.2/labels.service", "labels.service", "box:9080 http v2 http://{host}:9080/ready"},
    {"labels.container", "v4.9.5/labels.service", "labels.service", "box:9080 http v2 http://{host}:9080/ready"},
    {"ports.container", "v5.8.2/ports.service", "ports.service", "ports:8443"},
    {"ports.container", "v4.9.5/ports.service", "ports.service", "ports:8443"},
    {"web@.container", "v5.8.2/web@.service", "web@8081.service", "inst:8081 instance=8081; web-admin:7777"},
    {"env.container", "v5.8.2/env.service", "env.service", "env:7123"},
    {"app.pod", "v5.8.2/app-pod.service", "app-pod.service", "app-pod:8085"},
    {"play.kube", "v5.8.2/play.service", "play.service", "play:8090"},
    {"play.kube", "v4.9.5/play.service", "play.service", "play:8090"},
};

TEST(Quadlet, TheGeneratedUnitSaysWhatItsSourceSays) {
  for (const Case& each : kCases) {
    EXPECT_EQ(shown(config(kData + each.generated, each.unit)), each.wanted) << each.generated;
    EXPECT_EQ(shown(config(kData + "source/" + each.source, each.unit)), each.wanted) << each.source;
  }
}

TEST(Quadlet, EveryRecordingIsLookedAt) {
  std::map<std::string, int> left{{"v4.9.5/plain.service", 1}};  // it passed the drop-in over
  for (const Case& each : kCases) ++left[each.generated];
  for (const auto& entry : fs::recursive_directory_iterator(kData)) {
    if (entry.path().extension() != ".service") continue;
    EXPECT_TRUE(left.contains(fs::relative(entry.path(), kData))) << entry.path();
  }
  EXPECT_EQ(shown(config(kData + "v4.9.5/plain.service", "plain.service")),
            "web:8080 routed v1 http://{host}:8080/health");
}

}  // namespace
}  // namespace muster::units
