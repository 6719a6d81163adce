#include <gtest/gtest.h>

#include <string>

#include "support/folder.h"
#include "support/http.h"
#include "support/ports.h"
#include "support/process.h"
#include "support/wait.h"
#include "web/metrics.h"
#include "web/server.h"

namespace muster::web {
namespace {

std::string config(int port) {
  return "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
         "scrape_configs:\n"
         "  - job_name: muster\n"
         "    static_configs: [{targets: ['127.0.0.1:" +
         std::to_string(port) + "']}]\n";
}

class Prometheus {
 public:
  Prometheus(const std::string& program, int target)
      : port_(support::free_port()),
        process_({.argv = {program, "--config.file=" + folder_.write("prometheus.yml", config(target)),
                           "--storage.tsdb.path=" + (folder_ / "data"),
                           "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--log.level=warn"}}) {}

  // The answer of an instant query, or why there is none. `query` is percent-encoded.
  std::string query(const std::string& query) const {
    return support::http({.port = port_, .path = "/api/v1/query?query=" + query}).body;
  }
  std::string log() const { return process_.err(); }

 private:
  support::Folder folder_;
  int port_;
  support::Process process_;
};

TEST(Prometheus, ARealOneScrapesTheMetrics) {
  const std::string program = support::find_program("prometheus");
  if (program.empty()) GTEST_SKIP() << "prometheus is not on PATH (Debian package prometheus)";
  Metrics metrics("9.8.7", {"mesos"});
  metrics.reloaded(true);
  auto server = Server::start("127.0.0.1:0", {[&] { return metrics.render(); }, [] { return Readiness{true, {}}; }});
  ASSERT_TRUE(server) << server.error().message;
  const Prometheus prometheus(program, (*server)->port());

  const auto holds = [&](const std::string& query, const std::string& sample) {
    return support::eventually(support::kPatience,
                               [&] { return prometheus.query(query).find(sample) != std::string::npos; });
  };
  EXPECT_TRUE(holds("up%7Bjob%3D%22muster%22%7D%3D%3D1", "\"instance\"")) << prometheus.query("up") << prometheus.log();
  EXPECT_TRUE(holds("muster_build_info", "\"version\":\"9.8.7\"")) << prometheus.query("muster_build_info");
  EXPECT_TRUE(holds("muster_reload_total%7Bresult%3D%22ok%22%7D%3D%3D1", "\"muster_reload_total\""))
      << prometheus.query("muster_reload_total");
  EXPECT_TRUE(holds("muster_reconcile_duration_seconds_bucket", "\"le\":\"+Inf\""))
      << prometheus.query("muster_reconcile_duration_seconds_bucket");
}

}  // namespace
}  // namespace muster::web
