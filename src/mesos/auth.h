// What muster shows a Mesos master that wants to know who asks: Basic, Bearer, or a DC/OS service account.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "mesos/master.h"
#include "mesos/service_token.h"
#include "muster/result.h"
#include "net/http.h"
#include "net/secret_file.h"

namespace muster::mesos {

// Filled by flags. At most one of principal, token(_file) and dcos_* may be given.
struct AuthSettings {
  std::string principal;  // HTTP Basic, Mesos' default authenticator
  std::string secret;
  std::string secret_file;  // wins over `secret`
  std::string token;        // Bearer
  std::string token_file;   // wins over `token`
  std::string dcos_login;   // "https://leader.mesos", or with the path of the login endpoint
  std::string dcos_uid;
  std::string dcos_key_file;  // the service account's RSA key in PEM
};

// Thread: any; while one logs in, others wait. Files are read at each use, so that a new secret needs no restart; one
// that cannot be read just then leaves the last one in force.
class Authorizer {
 public:
  using Now = std::function<SystemTime()>;

  // `http` is how masters are spoken to; the login takes its certificates and deadlines. Error (Fault::Leave): flags
  // that do not go together, or a file that cannot be used; names both.
  static Result<std::shared_ptr<Authorizer>> load(AuthSettings settings, net::HttpOptions http,
                                                  Now now = std::chrono::system_clock::now);

  // The headers for one request to `master`; none when no credentials were given. A master that is not in `known` gets
  // none either. May log in (DC/OS): without a token, or shortly before it runs out. Error (Fault::Keep): the login
  // failed; names its URL, and never a secret.
  Result<std::vector<std::string>> headers(const Master& master, const Masters& known, std::stop_token stop);
  // A master answered with this status to `shown`, which headers() gave. True: other credentials can be had by now, and
  // asking once more may help. True once at most for what was shown.
  bool refused(int status, const std::vector<std::string>& shown);
  // For the error about that answer: which flags and files the credentials come from, and what is wrong with them.
  std::string describe() const;

 private:
  enum class Scheme : std::uint8_t { None, Basic, Bearer, Dcos };

  Authorizer(AuthSettings settings, net::HttpOptions http, Scheme scheme, Now now);
  Result<std::string> secret();
  Result<std::string> dcos_token(const std::stop_token& stop);
  Result<std::string> log_in(const std::stop_token& stop);
  Result<std::string> value(const std::stop_token& stop);

  const AuthSettings settings_;
  const net::HttpOptions http_;
  const Scheme scheme_;
  const Now now_;
  mutable std::mutex mutex_;
  net::SecretFile file_;    // of the scheme in use; under mutex_, as all below
  std::string dcos_token_;  // empty: none yet, or refused
  SystemTime renew_at_{};   // when it should be replaced
  SystemTime valid_until_{};
};

}  // namespace muster::mesos
