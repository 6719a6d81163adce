#include "mesos/auth.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "fakes/fake_mesos.h"
#include "mesos/leader.h"
#include "mesos/source.h"
#include "support/folder.h"
#include "support/process.h"
#include "support/tls.h"

namespace muster::mesos {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using nlohmann::json;
using support::Folder;
using Strings = std::vector<std::string>;
using std::chrono::seconds;

Masters known(const std::string& url) {
  Masters out;
  out.all = {*parse_master(url)};
  return out;
}

Strings shown(Authorizer& auth, const Masters& masters) {
  const auto headers = auth.headers(masters.all.front(), masters, {});
  return headers ? *headers : Strings{"error: " + headers.error().message};
}

std::shared_ptr<Authorizer> load(AuthSettings settings) {
  auto auth = Authorizer::load(std::move(settings), {});
  EXPECT_TRUE(auth) << auth.error().message;
  return auth ? *auth : nullptr;
}

std::string openssl(const Strings& arguments) {
  Strings argv = arguments;
  argv.insert(argv.begin(), "openssl");
  const auto ran = support::run({.argv = argv, .env = {}, .folder = ""});
  return ran.code == 0 ? ran.out : "failed: " + ran.err;
}

std::string unbase64url(const Folder& folder, std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  return openssl({"base64", "-d", "-A", "-in", folder.write("base64", text)});
}

// "{...}" as the middle part of a token that nobody signed.
std::string unsigned_token(const json& claims) {
  std::string middle = encode_base64(claims.dump());
  for (char& c : middle) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (middle.ends_with('=')) middle.pop_back();
  return "e30." + middle + ".c2ln";
}

TEST(Base64, IsThatOfTheRfc) {
  for (const auto& [plain, coded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}}) {
    EXPECT_EQ(encode_base64(plain), coded) << plain;
  }
}

TEST(ServiceToken, IsSignedSoThatOpensslCanVerifyIt) {
  if (const std::string why = support::no_tls(); !why.empty()) GTEST_SKIP() << why;
  const Folder folder;
  const std::string key = folder / "key.pem";
  openssl({"genrsa", "-out", key, "2048"});
  const std::string pem = *net::read_secret(key, net::Content::Text);
  const SystemTime expires = SystemTime(seconds(1800000000));
  const auto token = make_service_token("muster/\"svc\"", expires, pem);
  ASSERT_TRUE(token) << token.error().message;
  const std::size_t second = token->rfind('.');
  const std::size_t first = token->find('.');
  EXPECT_EQ(json::parse(unbase64url(folder, token->substr(0, first))), (json{{"alg", "RS256"}, {"typ", "JWT"}}));
  EXPECT_EQ(json::parse(unbase64url(folder, token->substr(first + 1, second - first - 1))),
            (json{{"uid", "muster/\"svc\""}, {"exp", 1800000000}}));
  openssl({"rsa", "-in", key, "-pubout", "-out", folder / "public.pem"});
  const std::string signature = folder.write("signature", unbase64url(folder, token->substr(second + 1)));
  const std::string text = folder.write("text", token->substr(0, second));
  EXPECT_EQ(openssl({"dgst", "-sha256", "-verify", folder / "public.pem", "-signature", signature, text}),
            "Verified OK\n");
  EXPECT_EQ(decode_expiry(*token), expires);
}

TEST(ServiceToken, SaysWhatIsNoKeyAndNeverShowsIt) {
  if (const std::string why = support::no_tls(); !why.empty()) GTEST_SKIP() << why;
  const Folder folder;
  openssl({"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "ec.pem"});
  openssl({"genrsa", "-aes128", "-passout", "pass:x", "-out", folder / "locked.pem", "2048"});
  for (const std::string& pem :
       {std::string("hunter2"), *net::read_file(folder / "ec.pem"), *net::read_file(folder / "locked.pem")}) {
    const auto token = make_service_token("uid", {}, pem);
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().message, "holds no RSA private key in PEM without a passphrase");
  }
}

TEST(ServiceToken, TellsItsEndOnlyWhenItHoldsOne) {
  EXPECT_EQ(decode_expiry(unsigned_token({{"exp", 1700000000}})), SystemTime(seconds(1700000000)));
  EXPECT_EQ(decode_expiry(unsigned_token({{"exp", 1700000000.5}})), SystemTime(seconds(1700000000)));
  for (const json& claims : {json{{"uid", "x"}}, json{{"exp", "soon"}}, json{{"exp", -1}}, json{{"exp", 1e300}},
                             json::array({1}), json(nullptr)}) {
    EXPECT_FALSE(decode_expiry(unsigned_token(claims))) << claims;
  }
  for (const char* text : {"", "opaque", "a.b", "a.!.c", "..", "a.bm90anNvbg.c"}) {
    EXPECT_FALSE(decode_expiry(text)) << text;
  }
}

TEST(AuthorizerTest, ShowsNothingUnlessCredentialsAreGiven) {
  const auto auth = load({});
  EXPECT_EQ(shown(*auth, known("m1")), Strings{});
  EXPECT_FALSE(auth->refused(401, {}));
}

TEST(AuthorizerTest, ShowsBasicCredentialsAndPicksUpANewSecretFromItsFile) {
  const Folder folder;
  AuthSettings settings;
  settings.principal = "muster";
  settings.secret_file = folder.write("secret", "one two\n");
  const auto auth = load(settings);
  const Strings before = shown(*auth, known("m1"));
  EXPECT_EQ(before, Strings{"Authorization: Basic bXVzdGVyOm9uZSB0d28="});
  EXPECT_FALSE(auth->refused(401, before)) << "the same would be shown again";
  folder.write("secret", "three");
  EXPECT_FALSE(auth->refused(403, before)) << "who we are is known, and not enough";
  EXPECT_TRUE(auth->refused(401, before));
  EXPECT_EQ(shown(*auth, known("m1")), Strings{"Authorization: Basic bXVzdGVyOnRocmVl"});
  EXPECT_NE(auth->describe().find(settings.secret_file), std::string::npos) << auth->describe();
}

TEST(AuthorizerTest, ShowsABearerTokenAndKeepsTheLastWhileItsFileIsGone) {
  const Folder folder;
  AuthSettings settings;
  settings.token_file = folder.write("token", "abc\n");
  const auto auth = load(settings);
  EXPECT_EQ(shown(*auth, known("m1")), Strings{"Authorization: Bearer abc"});
  folder.write("token", "");
  EXPECT_EQ(shown(*auth, known("m1")), Strings{"Authorization: Bearer abc"});
  EXPECT_NE(auth->describe().find("holds no token"), std::string::npos) << auth->describe();
}

TEST(AuthorizerTest, ShowsThemToKnownMastersAlone) {
  AuthSettings settings;
  settings.token = "abc";
  const auto auth = load(settings);
  const Masters masters = known("https://m1:5050");
  EXPECT_EQ(shown(*auth, masters).size(), 1U);
  for (const char* other : {"https://m2:5050", "http://m1:5050", "https://m1:5051"}) {
    EXPECT_EQ(*auth->headers(*parse_master(other), masters, {}), Strings{}) << other;
  }
}

TEST(AuthorizerTest, RefusesAtTheStartWhatDoesNotGoTogether) {
  const Folder folder;
  const std::string word = folder.write("word", "hunter2");
  const auto refused = [](const AuthSettings& settings, const net::HttpOptions& http = {}) {
    const auto auth = Authorizer::load(settings, http);
    EXPECT_TRUE(auth || auth.error().fault == Fault::Leave);
    return auth ? "taken" : auth.error().message;
  };
  AuthSettings basic;
  basic.principal = "muster";
  EXPECT_NE(refused(basic).find("--mesos-secret-file"), std::string::npos);
  basic.secret_file = folder / "missing";
  EXPECT_NE(refused(basic).find("--mesos-secret-file=" + basic.secret_file), std::string::npos);
  basic.secret_file = word;
  EXPECT_EQ(refused(basic), "taken");
  AuthSettings both = basic;
  both.token_file = word;
  EXPECT_NE(refused(both).find("give one of"), std::string::npos);
  AuthSettings colon = basic;
  colon.principal = "a:b";
  EXPECT_NE(refused(colon).find("--mesos-principal"), std::string::npos);
  AuthSettings alone;
  alone.secret = "x";
  EXPECT_NE(refused(alone).find("need --mesos-principal"), std::string::npos);
  AuthSettings dcos;
  dcos.dcos_uid = "muster";
  EXPECT_NE(refused(dcos).find("--mesos-dcos-key-file"), std::string::npos);
  dcos.dcos_login = "leader.mesos";
  dcos.dcos_key_file = word;
  EXPECT_NE(refused(dcos).find("https://leader.mesos"), std::string::npos);
  dcos.dcos_login = "https://leader.mesos";
  const std::string no_key = refused(dcos);
  EXPECT_NE(no_key.find(word + " holds no RSA private key"), std::string::npos) << no_key;
  EXPECT_EQ(no_key.find("hunter2"), std::string::npos);
  net::HttpOptions http;
  http.tls.ca_file = folder / "no-ca";
  EXPECT_NE(refused({}, http).find("--mesos-ssl-cacert=" + http.tls.ca_file), std::string::npos);
}

// A DC/OS login that gives out tokens of a chosen life, numbered.
class DcosTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_tls(); !why.empty()) GTEST_SKIP() << why;
    settings_.dcos_login = login_.url();
    settings_.dcos_uid = "muster";
    settings_.dcos_key_file = folder_ / "key.pem";
    openssl({"genrsa", "-out", settings_.dcos_key_file, "2048"});
  }

  std::string token(int number) const { return unsigned_token({{"n", number}, {"exp", expires_.load()}}); }
  Strings header(int number) const { return {"Authorization: token=" + token(number)}; }

  HttpReply answer(const HttpRequest& request) {
    HttpReply reply;
    ++asked_;
    reply.status = status_;
    const json body = json::parse(request.body, nullptr, false);
    const bool fits = request.method == "POST" && request.path == "/acs/api/v1/auth/login" && body.is_object() &&
                      body.value("uid", "") == "muster" && decode_expiry(body.value("token", "")).has_value();
    if (!fits) reply.status = 400;
    if (reply.status == 200) reply.body = json{{"token", token(++logins_)}}.dump();
    return reply;
  }

  Folder folder_;
  AuthSettings settings_;
  std::atomic<int> status_ = 200;
  std::atomic<int> asked_ = 0;
  std::atomic<int> logins_ = 0;  // that gave a token
  std::atomic<std::int64_t> expires_ =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch()).count() + 3600;
  HttpServer login_{{"127.0.0.1:0"}, [this](const HttpRequest& request) { return answer(request); }};
};

TEST_F(DcosTest, LogsInOnceForManyRequests) {
  const auto auth = load(settings_);
  EXPECT_EQ(logins_, 0) << "a start opens no connection";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shown(*auth, known("m1")), header(1));
  EXPECT_EQ(logins_, 1);
}

TEST_F(DcosTest, LogsInAnewWhenATokenIsRefusedOnceAndNotForAnOldOne) {
  const auto auth = load(settings_);
  const Strings first = shown(*auth, known("m1"));
  EXPECT_TRUE(auth->refused(401, first));
  EXPECT_EQ(shown(*auth, known("m1")), header(2));
  EXPECT_TRUE(auth->refused(401, first)) << "somebody else was slower, and may try the new one";
  EXPECT_EQ(shown(*auth, known("m1")), header(2));
}

TEST_F(DcosTest, ReplacesATokenBeforeItRunsOutAndLivesOnItWhileTheLoginIsAway) {
  std::int64_t now = expires_ - 3600;
  const auto auth = *Authorizer::load(settings_, {}, [&] { return SystemTime(seconds(now)); });
  EXPECT_EQ(shown(*auth, known("m1")), header(1));
  now += 3290;
  EXPECT_EQ(shown(*auth, known("m1")), header(1));
  now += 20;  // the last five minutes
  status_ = 503;
  EXPECT_EQ(shown(*auth, known("m1")), header(1)) << "it still holds";
  EXPECT_EQ(asked_, 2);
  now += 20;
  EXPECT_EQ(shown(*auth, known("m1")), header(1));
  EXPECT_EQ(asked_, 2) << "not at every read";
  now = expires_;
  EXPECT_NE(shown(*auth, known("m1")).front().find("was answered 503"), std::string::npos);
  status_ = 200;
  expires_ = now + 8;
  EXPECT_EQ(shown(*auth, known("m1")), header(2));
  now += 5;  // a short life is replaced at its half
  EXPECT_EQ(shown(*auth, known("m1")), header(3));
}

TEST_F(DcosTest, NamesTheLoginThatFailsAndNeverASecret) {
  for (const int status : {401, 403, 500}) {
    status_ = status;
    const auto error = load(settings_)->headers(known("m1").all.front(), known("m1"), {});
    ASSERT_FALSE(error);
    EXPECT_EQ(error.error().fault, Fault::Keep);
    EXPECT_NE(error.error().message.find(login_.url()), std::string::npos) << error.error().message;
    EXPECT_NE(error.error().message.find(std::to_string(status)), std::string::npos) << error.error().message;
    EXPECT_EQ(error.error().message.find("BEGIN"), std::string::npos);
  }
}

// The whole source against a master that demands credentials.
class SecuredSource : public ::testing::Test {
 protected:
  SecuredSource() {
    settings_.refresh = std::chrono::milliseconds(100);
    mesos_.add_agent("127.0.0.11", "node1");
    fakes::MesosTask task;
    task.id = "a";
    task.name = "web";
    task.agent = "127.0.0.11";
    mesos_.start(task);
  }

  Result<Update> next(const Strings& urls) {
    if (!source_) {
      settings_.auth = load(auth_);
      std::vector<Master> masters;
      for (const std::string& url : urls) masters.push_back(*parse_master(url));
      source_ = make_source(settings_, leaders_of_list(masters));
    }
    return source_->next({});
  }
  Result<Update> next() { return next({mesos_.url()}); }

  fakes::FakeMesos mesos_;
  AuthSettings auth_;
  SourceSettings settings_;
  std::unique_ptr<Source> source_;
};

TEST_F(SecuredSource, ReadsWithTheRightSecretAndNamesTheFileOfAWrongOne) {
  const Folder folder;
  auth_.principal = "muster";
  auth_.secret_file = folder.write("secret", "wrong-one");
  mesos_.demand([](const std::string& shown) { return shown == "Basic " + encode_base64("muster:right"); });
  const auto refused = next();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::Keep);
  EXPECT_NE(refused.error().message.find("401"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find(auth_.secret_file), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("wrong-one"), std::string::npos) << refused.error().message;
  folder.write("secret", "right\n");
  EXPECT_TRUE(next());
}

// A Location is only words: what it leads to must be a master that ZooKeeper or a flag named, by the scheme given
// there.
TEST_F(SecuredSource, ShowsCredentialsToNobodyThatARedirectNames) {
  auth_.token = "abc";
  std::atomic<int> heard = 0;
  HttpServer thief({"127.0.0.1:0"}, [&](const HttpRequest&) {
    ++heard;
    return HttpReply{};
  });
  mesos_.answer_with([&](const HttpRequest&) {
    HttpReply reply;
    reply.status = 307;
    reply.headers = {"Location: " + thief.url() + "/master/state"};
    return reply;
  });
  EXPECT_FALSE(next());
  EXPECT_EQ(heard, 0);
  fakes::FakeMesos leader;
  std::string seen;
  leader.demand([&](const std::string& shown) {
    seen = shown;
    return true;
  });
  mesos_.answer_with([&](const HttpRequest&) {
    HttpReply reply;
    reply.status = 307;
    reply.headers = {"Location: " + leader.url().substr(5) + "/master/state"};
    return reply;
  });
  source_.reset();
  EXPECT_TRUE(next({mesos_.url(), leader.url()}));
  EXPECT_EQ(seen, "Bearer abc");
}

}  // namespace
}  // namespace muster::mesos
