#include "core/canonical.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace muster {
namespace {

// Length-prefixed, so that no two definitions give the same bytes.
void put(std::string& out, const std::string& text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

void put(std::string& out, const Check& check) {
  for (const std::string* field :
       {&check.id, &check.name, &check.http, &check.tcp, &check.grpc, &check.ttl, &check.interval, &check.timeout}) {
    put(out, *field);
  }
  put(out, std::to_string(check.args.size()));
  for (const std::string& arg : check.args) put(out, arg);
  put(out, check.method);
  put(out, check.tls_server_name);
  put(out, check.notes);
  put(out, std::to_string(check.header.size()));
  for (const Header& header : check.header) {
    put(out, header.name);
    put(out, header.value);
  }
  for (const int number : {int{check.tls_skip_verify}, int{check.grpc_use_tls}, int{check.success_before_passing},
                           int{check.failures_before_critical}}) {
    put(out, std::to_string(number));
  }
}

}  // namespace

std::string definition_hash(const Service& service) {
  std::string bytes = "2";  // version of this form
  put(bytes, service.id);
  put(bytes, service.name);
  put(bytes, service.address);
  put(bytes, std::to_string(service.port));
  put(bytes, std::to_string(service.weight_passing));
  put(bytes, std::to_string(service.weight_warning));
  put(bytes, service.enable_tag_override ? "1" : "0");
  put(bytes, std::to_string(service.tagged_addresses.size()));
  for (const auto& [name, tagged] : service.tagged_addresses) {
    put(bytes, name);
    put(bytes, tagged.address);
    put(bytes, std::to_string(tagged.port));
  }
  put(bytes, std::to_string(service.tags.size()));
  for (const std::string& tag : service.tags) put(bytes, tag);
  put(bytes, std::to_string(service.meta.size() - service.meta.count(kMetaHash) - service.meta.count(kMetaEpoch)));
  for (const auto& [key, value] : service.meta) {
    if (key == kMetaHash || key == kMetaEpoch) continue;
    put(bytes, key);
    put(bytes, value);
  }
  for (const Check& check : service.checks) put(bytes, check);

  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text.data();
}

std::string check_id(std::string_view head, std::string_view service_id) {
  return std::string(head).append(":").append(service_id);
}

std::string_view kind_of(const Check& check) {
  if (!check.ttl.empty()) return "ttl";
  if (!check.http.empty()) return "http";
  if (!check.tcp.empty()) return "tcp";
  return check.grpc.empty() ? "script" : "grpc";
}

bool our_check_id(std::string_view id, std::string_view service_id) {
  const std::size_t colon = id.find(':');
  if (colon == std::string_view::npos || id.substr(colon + 1) != service_id) return false;
  const std::string_view head = id.substr(0, std::min(colon, id.find('-')));  // "http-2" is the second of its kind
  constexpr std::array<std::string_view, 6> kHeads{"service", "http", "tcp", "grpc", "ttl", "script"};
  return std::find(kHeads.begin(), kHeads.end(), head) != kHeads.end();
}

}  // namespace muster
