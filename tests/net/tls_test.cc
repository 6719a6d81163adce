// TLS against a real server: openssl's own.
#include "support/tls.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "net/http.h"
#include "support/folder.h"
#include "support/ports.h"
#include "support/process.h"
#include "support/wait.h"

namespace muster::net {
namespace {

using support::Folder;
using support::make_pem;
using support::Process;

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    if (support::find_program("openssl").empty()) {
      std::fprintf(stderr, "skipped: no openssl\n");
      GTEST_SKIP() << "no openssl";
    }
    server_pem_ = make_pem(folder_, "server.pem", "DNS:server.dc1.consul");
    client_pem_ = make_pem(folder_, "client.pem", "DNS:client");
  }

  void serve(std::vector<std::string> more = {}) {
    port_ = std::to_string(support::free_port());
    std::vector<std::string> argv = {"openssl", "s_server",  "-accept", "127.0.0.1:" + port_,
                                     "-cert",   server_pem_, "-key",    server_pem_,
                                     "-www",    "-quiet"};
    argv.insert(argv.end(), more.begin(), more.end());
    server_ = std::make_unique<Process>(support::ProcessOptions{.argv = argv, .env = {}, .folder = ""});
    TlsSettings open;
    open.verify = false;
    // Listening, whether or not it lets us in without a certificate.
    support::eventually(support::kPatience, [&] { return ask(open).find("Connection refused") == std::string::npos; });
  }

  // "200", or the error.
  std::string ask(const TlsSettings& tls) {
    const auto answer = HttpClient({.tls = tls}).send({.base = "https://127.0.0.1:" + port_, .path = "/"}, {});
    return answer ? std::to_string(answer->status) : answer.error().message;
  }

  Folder folder_;
  std::string server_pem_;
  std::string client_pem_;
  std::string port_;
  std::unique_ptr<Process> server_;
};

TEST_F(Tls, VerifiesTheServerUnlessToldNotTo) {
  serve();
  TlsSettings tls;
  EXPECT_NE(ask(tls).find("certificate"), std::string::npos) << ask(tls);
  tls.verify = false;
  EXPECT_EQ(ask(tls), "200");
}

TEST_F(Tls, AsksForTheServerNameAndVerifiesIt) {
  serve();
  TlsSettings tls;
  tls.ca_file = server_pem_;
  EXPECT_NE(ask(tls), "200") << "the certificate is not for 127.0.0.1";
  tls.server_name = "server.dc1.consul";
  EXPECT_EQ(ask(tls), "200");
  tls.server_name = "server.dc2.consul";
  EXPECT_NE(ask(tls), "200");
}

TEST_F(Tls, ShowsACertificateWithItsKeyInOneFile) {
  serve({"-Verify", "1", "-verify_return_error", "-CAfile", client_pem_});
  TlsSettings tls;
  tls.ca_file = server_pem_;
  tls.server_name = "server.dc1.consul";
  EXPECT_NE(ask(tls), "200");
  tls.cert_file = client_pem_;
  EXPECT_EQ(ask(tls), "200");
  tls.cert_file = client_pem_ + ".crt";
  EXPECT_NE(ask(tls), "200") << "no key";
  tls.key_file = client_pem_;
  EXPECT_EQ(ask(tls), "200");
}

}  // namespace
}  // namespace muster::net
