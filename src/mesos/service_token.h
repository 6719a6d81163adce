// A DC/OS service account's own signature: what it logs in with. OpenSSL is included by its .cc, and by nothing else.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "muster/result.h"

namespace muster::mesos {

using SystemTime = std::chrono::system_clock::time_point;

std::string encode_base64(std::string_view bytes);

// A JSON Web Token {"uid":..., "exp":...}, signed with RS256 (RFC 7515, 7518). `pem` is an RSA private key without a
// passphrase. Error (Fault::Leave): what the key is instead; never holds the key.
Result<std::string> make_service_token(const std::string& uid, SystemTime expires, const std::string& pem);

// `exp` of a token that somebody else signed, which is not verified; nothing: it does not tell.
std::optional<SystemTime> decode_expiry(std::string_view token);

}  // namespace muster::mesos
