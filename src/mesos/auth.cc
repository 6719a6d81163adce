#include "mesos/auth.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace muster::mesos {
namespace {

using Json = nlohmann::json;
using std::chrono::system_clock;

constexpr char kLoginPath[] = "/acs/api/v1/auth/login";
constexpr std::chrono::minutes kLoginLifetime{5};  // of what we sign: long enough for clocks that disagree a little
constexpr std::chrono::minutes kEarly{5};          // before its end a token is replaced, if it lives that long
constexpr std::chrono::seconds kLoginPause{30};    // between tries while the old token is still good
constexpr std::size_t kLargestLogin = 1u << 20;

bool visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

tl::unexpected<Error> wrong(std::string what) { return fail(Fault::Leave, std::move(what)); }

struct LoginUrl {
  std::string base;
  std::string path;
};

Result<LoginUrl> parse_login(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const bool known = url.starts_with("https://") || url.starts_with("http://");
  const std::size_t slash = known ? url.find('/', scheme + 3) : std::string::npos;
  LoginUrl out{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash)};
  const bool fine = known && out.base.size() > scheme + 3 && visible(url) && url.find_first_of("@?#") == url.npos;
  if (!fine) return wrong("is not the URL of a login; write https://leader.mesos or https://leader.mesos/acs/api/...");
  if (out.path.empty() || out.path == "/") out.path = kLoginPath;
  return out;
}

Result<void> check_basic(const AuthSettings& settings) {
  if (settings.principal.find(':') != std::string::npos || !visible(settings.principal)) {
    return wrong("--mesos-principal: a principal for HTTP Basic holds no ':' and no blanks");
  }
  if (settings.secret.empty() && settings.secret_file.empty()) {
    return wrong("--mesos-principal needs its secret: give --mesos-secret-file=FILE");
  }
  return {};
}

Result<void> check_dcos(const AuthSettings& settings) {
  if (settings.dcos_login.empty() || settings.dcos_uid.empty() || settings.dcos_key_file.empty()) {
    return wrong("a DC/OS service account needs --mesos-dcos-login-url, --mesos-dcos-uid and --mesos-dcos-key-file");
  }
  if (const auto url = parse_login(settings.dcos_login); !url) {
    return wrong("--mesos-dcos-login-url " + url.error().message);
  }
  const std::string flag = "--mesos-dcos-key-file=" + settings.dcos_key_file;
  const auto key = net::read_secret(settings.dcos_key_file, net::Content::Text);
  if (!key) return wrong("--mesos-dcos-key-file=" + key.error().message);
  const auto token = make_service_token(settings.dcos_uid, system_clock::now(), *key);
  if (!token) return wrong(flag + " " + token.error().message);
  return {};
}

Result<void> check_files(const net::TlsSettings& tls) {
  const std::pair<const char*, const std::string*> files[] = {
      {"mesos-ssl-cert", &tls.cert_file}, {"mesos-ssl-key", &tls.key_file}, {"mesos-ssl-cacert", &tls.ca_file}};
  for (const auto& [flag, path] : files) {
    if (path->empty()) continue;
    const auto read = net::read_file(*path);
    if (!read) return wrong("--" + std::string(flag) + "=" + read.error().message);
  }
  if (tls.cert_file.empty() && !tls.key_file.empty()) {
    return wrong("--mesos-ssl-key needs its certificate: give --mesos-ssl-cert=FILE");
  }
  return {};
}

// The login is another server than the masters, and has a name of its own.
net::HttpOptions for_login(net::HttpOptions http) {
  http.tls.server_name.clear();
  http.max_body = kLargestLogin;
  return http;
}

}  // namespace

Authorizer::Authorizer(AuthSettings settings, net::HttpOptions http, Scheme scheme, Now now)
    : settings_(std::move(settings)), http_(for_login(std::move(http))), scheme_(scheme), now_(std::move(now)) {
  if (scheme_ == Scheme::Basic) file_ = {settings_.secret_file, net::Content::Line};
  if (scheme_ == Scheme::Bearer) file_ = {settings_.token_file, net::Content::Word};
  if (scheme_ == Scheme::Dcos) file_ = {settings_.dcos_key_file, net::Content::Text};
}

Result<std::shared_ptr<Authorizer>> Authorizer::load(AuthSettings settings, net::HttpOptions http, Now now) {
  const bool basic = !settings.principal.empty();
  const bool bearer = !settings.token.empty() || !settings.token_file.empty();
  const bool dcos = !settings.dcos_login.empty() || !settings.dcos_uid.empty() || !settings.dcos_key_file.empty();
  if (basic + bearer + dcos > 1) {
    return wrong("give one of --mesos-principal, --mesos-token-file and --mesos-dcos-login-url");
  }
  if (!basic && !(settings.secret.empty() && settings.secret_file.empty())) {
    return wrong("--mesos-secret and --mesos-secret-file need --mesos-principal=NAME");
  }
  if (!visible(settings.token)) return wrong("--mesos-token: give the token without blanks");
  if (auto fine = basic ? check_basic(settings) : Result<void>(); !fine) return tl::unexpected(fine.error());
  if (auto fine = dcos ? check_dcos(settings) : Result<void>(); !fine) return tl::unexpected(fine.error());
  if (auto fine = check_files(http.tls); !fine) return tl::unexpected(fine.error());
  const Scheme scheme = basic ? Scheme::Basic : bearer ? Scheme::Bearer : dcos ? Scheme::Dcos : Scheme::None;
  std::shared_ptr<Authorizer> out(new Authorizer(std::move(settings), std::move(http), scheme, std::move(now)));
  if (scheme == Scheme::Basic || scheme == Scheme::Bearer) {
    const char* flag = basic ? "--mesos-secret-file=" : "--mesos-token-file=";
    if (const auto read = out->secret(); !read) return wrong(flag + read.error().message);
  }
  return out;
}

Result<std::vector<std::string>> Authorizer::headers(const Master& master, const Masters& known, std::stop_token stop) {
  const auto same = [&](const Master& each) { return each.base == master.base; };
  const bool is_known = std::any_of(known.all.begin(), known.all.end(), same);
  if (scheme_ == Scheme::None || !is_known) return std::vector<std::string>{};
  const std::lock_guard lock(mutex_);
  const auto text = value(stop);
  if (!text) return fail(Fault::Keep, text.error().message);
  return std::vector<std::string>{"Authorization: " + *text};
}

bool Authorizer::refused(int status, const std::vector<std::string>& shown) {
  if (status != 401 || scheme_ == Scheme::None || shown.empty()) return false;
  const std::lock_guard lock(mutex_);
  if (scheme_ != Scheme::Dcos) {
    const auto now = value({});
    return now && shown.front() != "Authorization: " + *now;
  }
  if (shown.front() == "Authorization: token=" + dcos_token_) dcos_token_.clear();
  return true;
}

std::string Authorizer::describe() const {
  const std::lock_guard lock(mutex_);
  const std::string problem = file_.problem().empty() ? "" : " (" + file_.problem() + ")";
  switch (scheme_) {
    case Scheme::None:
      break;
    case Scheme::Basic:
      return "--mesos-principal=" + settings_.principal + " and " +
             (settings_.secret_file.empty() ? "--mesos-secret" : "--mesos-secret-file=" + settings_.secret_file) +
             problem;
    case Scheme::Bearer:
      return (settings_.token_file.empty() ? "--mesos-token" : "--mesos-token-file=" + settings_.token_file) + problem;
    case Scheme::Dcos:
      return "--mesos-dcos-uid=" + settings_.dcos_uid + " and --mesos-dcos-key-file=" + settings_.dcos_key_file +
             problem;
  }
  return "none are given (--mesos-principal, --mesos-token-file or --mesos-dcos-login-url)";
}

Result<std::string> Authorizer::secret() {
  if (!file_.path().empty()) return file_.read();
  return scheme_ == Scheme::Basic ? settings_.secret : settings_.token;
}

Result<std::string> Authorizer::value(const std::stop_token& stop) {
  if (scheme_ == Scheme::Dcos) return dcos_token(stop).map([](const std::string& token) { return "token=" + token; });
  const auto text = secret();
  if (!text) return text;
  return scheme_ == Scheme::Basic ? "Basic " + encode_base64(settings_.principal + ":" + *text) : "Bearer " + *text;
}

Result<std::string> Authorizer::dcos_token(const std::stop_token& stop) {
  const SystemTime now = now_();
  if (!dcos_token_.empty() && now < renew_at_) return dcos_token_;
  auto token = log_in(stop);
  if (!token) {
    if (dcos_token_.empty() || now >= valid_until_) return token;
    renew_at_ = std::min(now + kLoginPause, valid_until_);
    return dcos_token_;
  }
  dcos_token_ = *token;
  valid_until_ = decode_expiry(*token).value_or(SystemTime::max());
  const auto life = valid_until_ - now;
  renew_at_ = valid_until_ == SystemTime::max() ? valid_until_ : now + std::max(life - kEarly, life / 2);
  return token;
}

// POST {"uid","token"}, answered by {"token"}: DC/OS' own way for service accounts.
Result<std::string> Authorizer::log_in(const std::stop_token& stop) {
  const auto key = file_.read();
  if (!key) return key;
  const LoginUrl url = *parse_login(settings_.dcos_login);
  const auto fault = [&](const std::string& what) {
    return fail(Fault::Keep, "DC/OS login " + url.base + url.path + " of " + settings_.dcos_uid + " " + what);
  };
  const auto signed_by_us = make_service_token(settings_.dcos_uid, now_() + kLoginLifetime, *key);
  if (!signed_by_us) return fault("is not possible: " + file_.path() + " " + signed_by_us.error().message);
  const Json body = {{"uid", settings_.dcos_uid}, {"token", *signed_by_us}};
  const net::Request request{.method = "POST",
                             .base = url.base,
                             .path = url.path,
                             .body = body.dump(-1, ' ', false, Json::error_handler_t::replace),
                             .headers = {"Content-Type: application/json"}};
  const auto answer = net::HttpClient(http_).send(request, stop);
  if (!answer) return fault("failed: " + answer.error().message);
  if (answer->status == 401) return fault("was refused (401): the account, or its key, is not known there");
  if (answer->status != 200) return fault("was answered " + std::to_string(answer->status));
  const Json root = Json::parse(answer->body, nullptr, false);
  const auto token = root.find("token");
  const bool has = root.is_object() && token != root.end() && token->is_string();
  const std::string text = has ? token->get<std::string>() : "";
  if (text.empty() || !visible(text)) return fault("was answered without a token");
  return text;
}

}  // namespace muster::mesos
