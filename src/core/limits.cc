#include "core/limits.h"

#include <algorithm>

#include "core/text.h"

namespace muster {
namespace {

constexpr std::size_t kOwnMeta = 5;
constexpr std::size_t kReasonBytes = 200;

bool key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool meta_key(std::string_view key) {
  return !key.empty() && key.size() <= kMetaKey && !key.starts_with("consul-") && !key.starts_with("muster_") &&
         std::all_of(key.begin(), key.end(), key_character);
}

// Empty where no prefix fits.
std::string key_of_label(const std::string& key, const std::vector<std::string>& prefixes) {
  const auto prefix = std::find_if(prefixes.begin(), prefixes.end(), [&](const std::string& each) {
    return key.size() > each.size() && key.starts_with(each);
  });
  if (prefix == prefixes.end()) return "";
  std::string out = key.substr(prefix->size());
  std::replace_if(out.begin(), out.end(), [](char c) { return !key_character(c); }, '_');
  return out;
}

}  // namespace

void append_tags(std::vector<std::string>& tags, const std::vector<std::string>& more) {
  for (const std::string& tag : more) {
    if (tags.size() > kTags) return;
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
}

void limit_tags(std::vector<std::string>& tags, const Reject& reject) {
  const auto bad = [](const std::string& tag) { return tag.size() > kTagBytes || !printable(tag); };
  if (std::erase_if(tags, bad) > 0) reject(Reason::BadTag, "tags that are not printable or over 255 bytes dropped");
  if (tags.size() <= kTags) return;
  tags.resize(kTags);
  reject(Reason::TooManyTags, "only the first 128 tags kept");
}

Meta limited_meta(const Instance& instance, const std::vector<std::string>& prefixes, const Reject& reject) {
  Meta meta;
  std::size_t dropped = 0;
  const auto fits = [&](const std::string& key, const std::string& value) {
    const bool good =
        meta.size() + kOwnMeta < kMetaPairs && meta_key(key) && value.size() <= kMetaValue && printable(value);
    dropped += !good;
    return good;
  };
  for (const Label& pair : instance.meta) {
    if (fits(pair.key, pair.value)) meta[pair.key] = pair.value;
  }
  for (const Label& label : instance.labels) {
    const std::string key = prefixes.empty() ? std::string() : key_of_label(label.key, prefixes);
    if (!key.empty() && !meta.contains(key) && fits(key, label.value)) meta[key] = label.value;
  }
  if (dropped > 0) reject(Reason::MetaLimit, std::to_string(dropped) + " Meta pairs over Consul's limits dropped");
  return meta;
}

void add_finish(Service& service, const Instance& instance, const Reject& reject) {
  service.weight_passing = instance.weight_passing;
  service.weight_warning = instance.weight_warning;
  service.enable_tag_override = instance.enable_tag_override;
  if (service.weight_passing == 0) {
    service.weight_passing = 1;
    reject(Reason::BadLabel, "a weight of 0 while passing; Consul wants 1 to 65535, and 1 is used");
  }
  for (const auto& [name, tagged] : instance.tagged_addresses) {
    const bool named = !name.empty() && name.size() <= kMetaKey && printable(name);
    if (named && (usable_ip(tagged.address) || host_name(tagged.address)) &&
        service.tagged_addresses.size() < kMetaPairs) {
      service.tagged_addresses[name] = tagged;
    } else {
      reject(Reason::NoAddress, "a tagged address without a name, or that is neither an IP nor a host name; left out");
    }
  }
}

std::string maintenance_text(std::string_view reason) {
  std::string out = "muster: ";
  while (!reason.empty() && out.size() < kReasonBytes) {
    const std::string_view character = reason.substr(0, std::max<std::size_t>(utf8_length(reason), 1));
    out += printable(character) ? character : "?";
    reason.remove_prefix(character.size());
  }
  return out;
}

}  // namespace muster
