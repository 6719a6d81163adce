#include "mesos/module.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/duration.h"
#include "mesos/auth.h"
#include "mesos/source.h"
#include "net/secret_file.h"
#include "zk/url.h"

namespace muster::mesos {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kFile = "file://";
constexpr std::chrono::seconds kZkLimit{2};  // for each question to ZooKeeper

// At least `least`: a refresh of nothing would be a loop without rest.
std::function<Result<void>(const std::string&)> duration(milliseconds& into, milliseconds least) {
  return [&into, least](const std::string& text) -> Result<void> {
    const Result<milliseconds> value = parse_duration(text);
    if (!value) return tl::unexpected(value.error());
    if (*value < least) return fail(Fault::Leave, "must be at least " + std::to_string(least.count()) + "ms");
    into = *value;
    return {};
  };
}

std::function<Result<void>(const std::string&)> text(std::string& into) {
  return [&into](const std::string& value) -> Result<void> {
    if (value.empty()) return fail(Fault::Leave, "give a value, or leave the setting out");
    into = value;
    return {};
  };
}

std::function<Result<void>(const std::string&)> truth(bool& into) {
  return [&into](const std::string& value) -> Result<void> {
    if (value != "true" && value != "false") return fail(Fault::Leave, "give true or false");
    into = value == "true";
    return {};
  };
}

// What --owner may hold: an identity that reads well in Meta and in a log.
std::string cleaned(std::string text) {
  for (char& c : text) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view("._:/,-").find(c) != std::string_view::npos;
    if (!fine) c = '-';
  }
  return text;
}

std::string joined(std::vector<std::string> parts) {
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

class MesosModule final : public Module {
 public:
  std::string_view name() const override { return "mesos"; }
  bool configured() const override { return zk_ || !masters_.empty(); }
  std::string usage() const override {
    return "--zk=zk://host1:2181,host2:2181/mesos, or --mesos-master=http://host:5050[,...] without ZooKeeper";
  }

  FlagGroup flags() override;

  Result<std::string> default_owner() const override {
    if (const Result<void> fine = check(); !fine) return tl::unexpected(fine.error());
    if (zk_) return cleaned(joined(zk_->servers) + zk_->path);
    std::vector<std::string> names;
    for (const Master& master : masters_) names.push_back(master.base.substr(master.base.find("//") + 2));
    return cleaned(joined(names));
  }

  Result<std::unique_ptr<Source>> make() const override {
    if (const Result<void> fine = check(); !fine) return tl::unexpected(fine.error());
    SourceSettings settings = settings_;
    auto auth = Authorizer::load(auth_, settings.http);
    if (!auth) return tl::unexpected(auth.error());
    settings.auth = *std::move(auth);
    if (!zk_) return make_source(std::move(settings), leaders_of_list(masters()));
    zk::Url url = *zk_;
    if (!zk_auth_file_.empty()) {
      auto credentials = read_zk_auth();
      if (!credentials) return tl::unexpected(credentials.error());
      url.credentials = *std::move(credentials);
    }
    return make_source(std::move(settings), leaders_of_zk(std::move(url), kZkLimit, https_));
  }

 private:
  Result<void> check() const {
    if (!zk_ && !zk_auth_file_.empty()) return fail(Fault::Leave, "--zk-auth-file needs --zk=URL");
    if (zk_ && !masters_.empty()) return fail(Fault::Leave, "give --zk or --mesos-master, not both");
    if (!configured()) return fail(Fault::Leave, "no Mesos master is given: " + usage());
    return {};
  }

  Result<void> set_zk(const std::string& text) {
    std::string url = text;
    if (text.starts_with(kFile)) {
      Result<std::string> content = net::read_file(text.substr(kFile.size()));
      if (!content) return tl::unexpected(content.error());
      url = *std::move(content);
    }
    Result<zk::Url> parsed = zk::parse_url(url);
    if (!parsed) return tl::unexpected(parsed.error());
    zk_ = *std::move(parsed);
    return {};
  }

  Result<void> set_masters(const std::string& text) {
    masters_.clear();
    master_texts_.clear();
    for (std::string_view rest = text;;) {
      const std::size_t comma = rest.find(',');
      Result<Master> master = parse_master(rest.substr(0, comma));
      if (!master) return tl::unexpected(master.error());
      masters_.push_back(*std::move(master));
      master_texts_.emplace_back(rest.substr(0, comma));
      if (comma == std::string_view::npos) return {};
      rest.remove_prefix(comma + 1);
    }
  }

  // With the scheme that --mesos-ssl gives to those that have none of their own.
  std::vector<Master> masters() const {
    std::vector<Master> out;
    for (const std::string& each : master_texts_) out.push_back(*parse_master(each, https_));
    return out;
  }

  // A folder is one of certificates under the names of their hashes.
  Result<void> set_ca(const std::string& path) {
    std::error_code ignored;
    const bool folder = std::filesystem::is_directory(path, ignored);
    settings_.http.tls.ca_file = folder ? "" : path;
    settings_.http.tls.ca_path = folder ? path : "";
    return {};
  }

  Result<std::string> read_zk_auth() const {
    auto text = net::read_secret(zk_auth_file_, net::Content::Line);
    if (!text) return fail(Fault::Leave, "--zk-auth-file=" + text.error().message);
    if (const std::size_t colon = text->find(':'); colon == 0 || colon == std::string::npos) {
      return fail(Fault::Leave, "--zk-auth-file=" + zk_auth_file_ + ": it must be one line, user:password");
    }
    return text;
  }

  Result<void> set_api(const std::string& text) {
    if (text != "auto" && text != "stream" && text != "poll") return fail(Fault::Leave, "give auto, stream or poll");
    settings_.api = text == "auto" ? Api::Auto : text == "stream" ? Api::Stream : Api::Poll;
    return {};
  }

  std::vector<Flag> stream_flags();
  std::vector<Flag> security_flags();

  Result<void> set_heartbeats(const std::string& text) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, status] = std::from_chars(text.data(), end, value);
    if (status != std::errc{} || stopped != end || value < 0 || value > 1000) {
      return fail(Fault::Leave, "give a whole number from 0 to 1000");
    }
    settings_.ledger.misses_before_remove = std::max(value, 1);
    return {};
  }

  std::optional<zk::Url> zk_;
  std::vector<Master> masters_;
  std::vector<std::string> master_texts_;
  std::string zk_auth_file_;
  bool https_ = false;
  AuthSettings auth_;
  SourceSettings settings_ = defaults();

  static SourceSettings defaults() {
    SourceSettings settings;
    settings.http.timeout = std::chrono::seconds(30);  // a big master takes seconds to begin its answer
    return settings;
  }
};

FlagGroup MesosModule::flags() {
  Flag zk{"zk",
          "URL",
          "ZooKeeper of the Mesos masters, zk://[user:password@]host1:2181,host2:2181/mesos, or file:///path "
          "of a file that holds it",
          "",
          false,
          true,
          [this](const std::string& text) { return set_zk(text); }};
  Flag masters{"mesos-master",
               "URL[,URL]",
               "Mesos masters to read from without ZooKeeper; the leader is found among them",
               "",
               false,
               false,
               [this](const std::string& text) { return set_masters(text); }};
  Flag refresh{"refresh",
               "DURATION",
               "how often the leader's whole state is read while there are no events, or something is in doubt",
               "10s",
               false,
               false,
               duration(settings_.refresh, milliseconds(100))};
  Flag timeout{"mesos-timeout",
               "DURATION",
               "longest silence of a master while it answers; a whole answer may take four times as long",
               "30s",
               false,
               false,
               duration(settings_.http.timeout, milliseconds(100))};
  Flag heartbeats{"heartbeats-before-remove",
                  "N",
                  "consecutive complete reads without a task before it is removed",
                  "1",
                  false,
                  false,
                  [this](const std::string& text) { return set_heartbeats(text); }};
  Flag grace{"mesos-failover-grace",
             "DURATION",
             "how long after an election tasks of agents that have not come back are kept",
             "11m",
             false,
             false,
             duration(settings_.ledger.failover_grace, milliseconds(0))};
  FlagGroup group{"Mesos",
                  {std::move(zk), std::move(masters), std::move(refresh), std::move(timeout), std::move(heartbeats),
                   std::move(grace)}};
  for (Flag& each : stream_flags()) group.flags.push_back(std::move(each));
  for (Flag& each : security_flags()) group.flags.push_back(std::move(each));
  return group;
}

std::vector<Flag> MesosModule::stream_flags() {
  Flag api{
      "mesos-api",
      "API",
      "how changes are learnt: stream (the master's events, and its state now and then), poll (its state alone), or "
      "auto: stream from Mesos 1.7",
      "auto",
      false,
      false,
      [this](const std::string& text) { return set_api(text); }};
  Flag resync{"mesos-resync",
              "DURATION",
              "how often the whole state is read while events arrive and nothing is in doubt; never more often than "
              "--refresh",
              "5m",
              false,
              false,
              duration(settings_.resync, milliseconds(100))};
  Flag grace{"unreachable-grace",
             "DURATION",
             "how long a task that Mesos calls lost, unreachable or unknown is kept",
             "10m",
             false,
             false,
             duration(settings_.ledger.lost_grace, milliseconds(0))};
  std::vector<Flag> out;
  out.push_back(std::move(api));
  out.push_back(std::move(resync));
  out.push_back(std::move(grace));
  return out;
}

std::vector<Flag> MesosModule::security_flags() {
  net::TlsSettings& tls = settings_.http.tls;
  const auto flag = [](std::string name, std::string value, std::string help,
                       std::function<Result<void>(const std::string&)> set, std::string fallback = "") {
    return Flag{std::move(name), std::move(value), std::move(help), std::move(fallback), false, false, std::move(set)};
  };
  std::vector<Flag> out = {
      flag("zk-auth-file", "FILE", "user:password for ZooKeeper's digest scheme, in place of those in --zk",
           text(zk_auth_file_)),
      flag("mesos-principal", "NAME", "principal for HTTP basic authentication towards the masters",
           text(auth_.principal)),
      flag("mesos-secret", "SECRET", "its secret; prefer --mesos-secret-file, which other users cannot see in ps",
           text(auth_.secret)),
      flag("mesos-secret-file", "FILE", "file that holds it, read at each use; wins over --mesos-secret",
           text(auth_.secret_file)),
      flag("mesos-token", "TOKEN", "bearer token for the masters; prefer --mesos-token-file", text(auth_.token)),
      flag("mesos-token-file", "FILE", "file that holds it, read at each use; wins over --mesos-token",
           text(auth_.token_file)),
      flag("mesos-dcos-login-url", "URL", "where a DC/OS service account logs in, https://leader.mesos",
           text(auth_.dcos_login)),
      flag("mesos-dcos-uid", "UID", "name of the DC/OS service account", text(auth_.dcos_uid)),
      flag("mesos-dcos-key-file", "FILE", "its RSA private key in PEM, read at each login", text(auth_.dcos_key_file)),
      flag("mesos-ssl", "", "speak https to the masters of ZooKeeper, and to those that are given without a scheme",
           truth(https_), "false"),
      flag("mesos-ssl-verify", "", "verify the masters' certificates", truth(tls.verify), "true"),
      flag("mesos-ssl-cacert", "FILE", "certificates in PEM that the masters' must be signed by, or a folder of them",
           [this](const std::string& path) { return set_ca(path); }),
      flag("mesos-ssl-cert", "FILE", "client certificate in PEM, with its key unless --mesos-ssl-key is given",
           text(tls.cert_file)),
      flag("mesos-ssl-key", "FILE", "key of the client certificate in PEM", text(tls.key_file)),
      flag("mesos-tls-server-name", "NAME", "name to ask for and to verify instead of a master's address",
           text(tls.server_name))};
  for (Flag& each : out) each.secret = each.name == "mesos-secret" || each.name == "mesos-token";
  return out;
}

}  // namespace

std::unique_ptr<Module> make_module() { return std::make_unique<MesosModule>(); }

}  // namespace muster::mesos
