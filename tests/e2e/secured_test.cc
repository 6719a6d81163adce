// Masters that want to know who asks, and to be asked in https: the real binary, the real ZooKeeper.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "fakes/fleet.h"
#include "support/folder.h"
#include "support/http.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/tls.h"
#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::e2e {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using support::eventually;
using support::Folder;
using support::kPatience;
using support::Muster;
using support::TlsFront;
using Strings = std::vector<std::string>;

// "muster:old" and "muster:new".
constexpr char kOldBasic[] = "Basic bXVzdGVyOmh1bnRlcjItb2xk";
constexpr char kNewBasic[] = "Basic bXVzdGVyOmh1bnRlcjItbmV3";
constexpr int kTasks = 20;

std::string ready_page(const Muster& muster) { return support::http({.port = muster.port(), .path = "/ready"}).body; }

// One host with an agent of its own, and tasks on it.
class SecuredEndToEnd : public ::testing::Test {
 protected:
  SecuredEndToEnd() {
    for (int i = 0; i < kTasks; ++i) {
      fakes::MesosTask task;
      task.id = "t" + std::to_string(i);
      task.name = "web";
      task.agent = fakes::fleet_host(0);
      task.ports = {31000 + i};
      fleet_.mesos.start(task);
    }
  }

  Strings flags(Strings more) const {
    Strings out = fleet_.flags({"--refresh=200ms", "--audit-interval=1s"});
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  bool holds(int task) const {
    return fleet_.consul.state(0).services.contains("muster:t" + std::to_string(task) + ":" +
                                                    std::to_string(31000 + task));
  }
  bool holds_all() const {
    for (int i = 0; i < kTasks; ++i) {
      if (!holds(i)) return false;
    }
    return true;
  }
  bool says(const Muster& muster, const Strings& words) const {
    return eventually(kPatience, [&] {
      const std::string page = ready_page(muster);
      for (const std::string& word : words) {
        if (page.find(word) == std::string::npos) return false;
      }
      return true;
    });
  }
  // After a while in which it was refused a few times more.
  void refused_for_a_while() {
    const std::uint64_t before = fleet_.mesos.refusals();
    EXPECT_TRUE(eventually(kPatience, [&] { return fleet_.mesos.refusals() > before + 3; }));
  }
  static void expect_secret(const Muster& muster, const std::string& secret) {
    EXPECT_EQ(muster.log().find(secret), std::string::npos) << muster.log();
    EXPECT_EQ(ready_page(muster).find(secret), std::string::npos) << ready_page(muster);
    EXPECT_EQ(muster.metrics().find(secret), std::string::npos);
  }

  Folder folder_;
  fakes::Fleet fleet_{1, support::free_port()};
};

TEST_F(SecuredEndToEnd, AWrongSecretKeepsWhatIsThereAndANewOneIsTakenFromItsFileWithoutARestart) {
  fleet_.mesos.demand([](const std::string& shown) { return shown == kOldBasic; });
  const std::string file = folder_.write("secret", "hunter2-old\n");
  const Muster muster(flags({"--mesos-principal=muster", "--mesos-secret-file=" + file, "--mesos-api=poll"}));
  ASSERT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
  fleet_.mesos.demand([](const std::string& shown) { return shown == kNewBasic; });
  fleet_.mesos.kill("t0");
  refused_for_a_while();
  EXPECT_TRUE(says(muster, {"answered 401", fleet_.mesos.url(), "--mesos-secret-file=" + file})) << ready_page(muster);
  EXPECT_TRUE(holds_all());
  folder_.write("secret", "hunter2-new\n");
  EXPECT_TRUE(eventually(kPatience, [&] { return !holds(0); })) << muster.log();
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.ready() == 200; })) << ready_page(muster);
  EXPECT_NE(muster.log().find("answered 401"), std::string::npos) << muster.log();
  for (const char* secret : {"hunter2", kOldBasic + 6, kNewBasic + 6}) expect_secret(muster, secret);
}

// What the master's ACLs hide is left out of a 200, and looks as if it had ended.
TEST_F(SecuredEndToEnd, AnAnswerThatShrinksBecauseARightWasLostRemovesNothing) {
  const Muster muster(flags({}));
  ASSERT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
  std::string filtered;
  fleet_.mesos.edit([&](fakes::MesosCluster& cluster) {
    fakes::MesosCluster view = cluster;
    view.tasks.clear();
    filtered = fakes::render_state(view);
  });
  fleet_.mesos.answer_body(filtered);
  const auto held = [&] { return muster.metric("muster_plan_held", {"reason=\"breaker\""}).value_or(0); };
  EXPECT_TRUE(eventually(kPatience, [&] { return held() >= kTasks; })) << muster.metrics();
  EXPECT_TRUE(holds_all());
  fleet_.mesos.behave();
  fleet_.mesos.kill("t0");
  EXPECT_TRUE(eventually(kPatience, [&] { return !holds(0); })) << muster.log();
  EXPECT_TRUE(holds(1));
}

TEST_F(SecuredEndToEnd, ADcosAccountLogsInAndAgainWhenItsTokenHasRunOut) {
  if (const std::string why = support::no_tls(); !why.empty()) GTEST_SKIP() << why;
  std::mutex mutex;
  std::string valid;  // under mutex
  int logins = 0;
  fakes::HttpServer login({"127.0.0.1:0"}, [&](const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    HttpReply reply;
    reply.status = request.path == "/acs/api/v1/auth/login" ? 200 : 404;
    valid = "hunter2-" + std::to_string(++logins);
    reply.body = nlohmann::json{{"token", valid}}.dump();
    return reply;
  });
  fleet_.mesos.demand([&](const std::string& shown) {
    const std::lock_guard lock(mutex);
    return !valid.empty() && shown == "token=" + valid;
  });
  const std::string key = folder_ / "key.pem";
  ASSERT_EQ(support::run({.argv = {"openssl", "genrsa", "-out", key, "2048"}, .env = {}, .folder = ""}).code, 0);
  const Muster muster(flags({"--mesos-dcos-login-url=" + login.url(), "--mesos-dcos-uid=muster",
                             "--mesos-dcos-key-file=" + key, "--mesos-api=poll"}));
  ASSERT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(logins, 1);
    valid = "revoked";
  }
  fleet_.mesos.kill("t0");
  EXPECT_TRUE(eventually(kPatience, [&] { return !holds(0); })) << muster.log();
  EXPECT_EQ(fleet_.mesos.refusals(), 1U) << "one refusal, one login, and the same read goes on";
  expect_secret(muster, "hunter2");
}

class SecuredByTls : public SecuredEndToEnd {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_tls(); !why.empty()) GTEST_SKIP() << why;
    server_pem_ = support::make_pem(folder_, "server.pem", "DNS:master.mesos");
    client_pem_ = support::make_pem(folder_, "client.pem", "DNS:muster");
    address_of_mesos_ = fleet_.mesos.server().address();
  }
  Strings flags_for(const std::string& master, Strings more) const {
    Strings out = flags(std::move(more));
    out[0] = "--mesos-master=" + master;
    return out;
  }

  std::string server_pem_;
  std::string client_pem_;
  std::string address_of_mesos_;
};

TEST_F(SecuredByTls, AMasterIsVerifiedByItsCertificateAndTheNameItMustBear) {
  const TlsFront front(address_of_mesos_, server_pem_);
  const Strings named{"--mesos-tls-server-name=master.mesos"};
  {
    const Muster muster(flags_for(front.url(), named));
    EXPECT_TRUE(says(muster, {front.url(), "self-signed certificate"})) << ready_page(muster);
    EXPECT_EQ(fleet_.mesos.reads(), 0U);
  }
  {
    const Muster muster(flags_for(front.url(), {"--mesos-ssl-cacert=" + server_pem_ + ".crt"}));
    EXPECT_TRUE(says(muster, {front.url(), "no alternative certificate subject name"})) << ready_page(muster);
    EXPECT_EQ(fleet_.mesos.reads(), 0U) << "the certificate is another host's";
  }
  const Muster muster(flags_for(front.url(), {named[0], "--mesos-ssl-cacert=" + server_pem_ + ".crt"}));
  EXPECT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
}

TEST_F(SecuredByTls, AMasterThatDemandsACertificateGetsOne) {
  const TlsFront front(address_of_mesos_, server_pem_, client_pem_ + ".crt");
  {
    const Muster muster(flags_for(front.url(), {"--mesos-ssl-verify=false"}));
    EXPECT_TRUE(says(muster, {front.url(), "client certificate"})) << ready_page(muster);
    EXPECT_EQ(fleet_.mesos.reads(), 0U);
  }
  const Muster muster(flags_for(front.url(), {"--mesos-ssl-verify=false", "--mesos-ssl-cert=" + client_pem_}));
  EXPECT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
}

TEST_F(SecuredByTls, MastersAreFoundInAZooKeeperOfTheirOwnAndSpokenToInHttps) {
  if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  const TlsFront front(address_of_mesos_, server_pem_);
  support::ZooKeeper zookeeper;
  support::ZkSession session(zookeeper.hosts(), "mesos:hunter2/@:zk");
  const nlohmann::json info = {{"address", {{"ip", "127.0.0.1"}, {"hostname", "m1"}, {"port", front.port()}}}};
  ASSERT_FALSE(session.announce("/mesos/json.info_", info.dump()).empty());
  const std::string auth = folder_.write("zk-auth", "mesos:hunter2/@:zk\n");
  const auto with = [&](const std::string& file) {
    Strings out = flags_for("", {"--zk-auth-file=" + file, "--mesos-ssl", "--mesos-ssl-cacert=" + server_pem_ + ".crt",
                                 "--mesos-tls-server-name=master.mesos"});
    out[0] = "--zk=zk://" + zookeeper.hosts() + "/mesos";
    return out;
  };
  {
    const Muster muster(with(folder_.write("zk-wrong", "mesos:hunter3\n")));
    EXPECT_TRUE(says(muster, {zookeeper.hosts(), "credentials"})) << ready_page(muster);
    expect_secret(muster, "hunter3");
  }
  const Muster muster(with(auth));
  EXPECT_TRUE(eventually(kPatience, [&] { return holds_all(); })) << muster.log();
  expect_secret(muster, "hunter2");
}

TEST(SecuredFlags, EndTheStartBeforeAnythingIsAskedAndNameTheFile) {
  const auto ran = support::run_muster({"--mesos-master=127.0.0.1:1", "--mesos-token-file=/nowhere/token"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("--mesos-token-file=/nowhere/token"), std::string::npos) << ran.err;
  const auto blank = support::run_muster({"--mesos-master=127.0.0.1:1", "--mesos-token=hunter2 x"});
  EXPECT_EQ(blank.code, 2);
  EXPECT_NE(blank.err.find("--mesos-token"), std::string::npos) << blank.err;
  EXPECT_EQ(blank.err.find("hunter2"), std::string::npos) << blank.err;
}

}  // namespace
}  // namespace muster::e2e
