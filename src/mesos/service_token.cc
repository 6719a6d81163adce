#include "mesos/service_token.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace muster::mesos {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* handle) const {
    free(handle);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

// RFC 7515: the URL's alphabet, and no padding.
std::string encode_base64url(std::string_view bytes) {
  std::string text = encode_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  for (char c : text) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

// Without it OpenSSL asks the terminal for the passphrase of a key that has one.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<std::string> sign(std::string_view text, const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
    return fail(Fault::Leave, "holds no RSA private key in PEM without a passphrase");
  }
  const Digest digest(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_size(key.get()));
  std::string signature(size, '\0');
  const bool fine =
      digest && EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size()) == 1;
  if (!fine) return fail(Fault::Leave, "holds a key that cannot sign with RS256");
  signature.resize(size);
  return signature;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Result<std::string> make_service_token(const std::string& uid, SystemTime expires, const std::string& pem) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch()).count();
  const Json claims = {{"uid", uid}, {"exp", seconds}};
  const std::string body = claims.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::string text = encode_base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + encode_base64url(body);
  const auto signature = sign(text, pem);
  if (!signature) return signature;
  return text + "." + encode_base64url(*signature);
}

std::optional<SystemTime> decode_expiry(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto body = decode_base64url(token.substr(first + 1, second - first - 1));
  const Json claims = body ? Json::parse(*body, nullptr, false) : Json();
  const auto expiry = claims.find("exp");
  if (!claims.is_object() || expiry == claims.end() || !expiry->is_number()) return std::nullopt;
  const auto seconds = expiry->get<double>();
  constexpr double kYear9999 = 253402300799.0;
  if (!(seconds > 0 && seconds < kYear9999)) return std::nullopt;
  return SystemTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

}  // namespace muster::mesos
