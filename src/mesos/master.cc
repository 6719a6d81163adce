#include "mesos/master.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

namespace muster::mesos {
namespace {

using Json = nlohmann::json;

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  return status == std::errc{} && end == text.data() + text.size();
}

// MasterInfo as it stands on the wire, before one decides which of its addresses to believe.
struct Info {
  std::uint64_t packed_ip = 0;  // the four bytes of an IPv4 address in network order, read as a little-endian integer
  std::uint64_t port = 5050;
  std::string pid;
  std::string hostname;
  std::string address_ip;
  std::string address_hostname;
  std::uint64_t address_port = 0;
};

std::string unpack_ip(std::uint64_t packed) {
  std::array<char, INET_ADDRSTRLEN> text{};
  const std::array<unsigned char, 4> bytes{
      static_cast<unsigned char>(packed & 0xff), static_cast<unsigned char>(packed >> 8 & 0xff),
      static_cast<unsigned char>(packed >> 16 & 0xff), static_cast<unsigned char>(packed >> 24 & 0xff)};
  inet_ntop(AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

// `address` first (the only one that knows IPv6), then the pid, then the packed IPv4.
std::optional<Master> choose(const Info& info) {
  Master master;
  master.hostname = info.address_hostname.empty() ? info.hostname : info.address_hostname;
  std::uint64_t port = info.address_port != 0 ? info.address_port : info.port;
  if (is_ip(info.address_ip)) {
    master.ip = info.address_ip;
  } else if (const std::optional<Pid> pid = parse_pid(info.pid)) {
    master.ip = pid->ip;
    port = pid->port;
  } else if (info.packed_ip != 0) {
    master.ip = unpack_ip(info.packed_ip);
  }
  if (master.ip.empty() || port == 0 || port > 65535) return std::nullopt;
  master.port = static_cast<std::uint16_t>(port);
  master.base = http_base(master.ip, master.port);
  return master;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const Json& object, const char* key, std::uint64_t fallback) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return fallback;
  const auto value = found->get<double>();
  return value >= 0 && value < 4294967296.0 ? static_cast<std::uint64_t>(value) : fallback;
}

std::optional<Info> read_json(std::string_view content) {
  const Json root = Json::parse(content, nullptr, false);
  if (!root.is_object()) return std::nullopt;
  Info info;
  info.packed_ip = number_of(root, "ip", 0);
  info.port = number_of(root, "port", info.port);
  info.pid = text_of(root, "pid");
  info.hostname = text_of(root, "hostname");
  if (const auto address = root.find("address"); address != root.end() && address->is_object()) {
    info.address_ip = text_of(*address, "ip");
    info.address_hostname = text_of(*address, "hostname");
    info.address_port = number_of(*address, "port", 0);
  }
  return info;
}

// One field of a protobuf message: varints in `number`, length-delimited ones in `bytes`.
struct Field {
  std::uint64_t id = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
};

class Protobuf {
 public:
  explicit Protobuf(std::string_view in) : in_(in) {}
  bool broken() const { return broken_; }

  bool next(Field& field) {
    if (in_.empty() || broken_) return false;
    const std::uint64_t tag = varint();
    field = {tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field.number = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        broken_ = true;
    }
    return !broken_;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !in_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t size) {
    if (size > in_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view bytes = in_.substr(0, size);
    in_.remove_prefix(size);
    return bytes;
  }

  std::string_view in_;
  bool broken_ = false;
};

// mesos.proto: Address {hostname = 1, ip = 2, port = 3}
bool read_address(std::string_view content, Info& info) {
  Protobuf in(content);
  for (Field field; in.next(field);) {
    if (field.id == 1) info.address_hostname = field.bytes;
    if (field.id == 2) info.address_ip = field.bytes;
    if (field.id == 3) info.address_port = field.number;
  }
  return !in.broken();
}

// mesos.proto: MasterInfo {id = 1, ip = 2, port = 3, pid = 4, hostname = 5, version = 6, address = 7}
std::optional<Info> read_protobuf(std::string_view content) {
  Info info;
  Protobuf in(content);
  bool fine = true;
  for (Field field; in.next(field);) {
    if (field.id == 2) info.packed_ip = field.number;
    if (field.id == 3) info.port = field.number;
    if (field.id == 4) info.pid = field.bytes;
    if (field.id == 5) info.hostname = field.bytes;
    if (field.id == 7) fine = read_address(field.bytes, info) && fine;
  }
  if (in.broken() || !fine) return std::nullopt;
  return info;
}

std::optional<Info> read_pid(std::string_view content) {
  Info info;
  info.pid = content;
  return info;
}

}  // namespace

bool is_ip(std::string_view text) {
  std::array<unsigned char, 16> ignored{};
  const std::string terminated(text);
  return inet_pton(AF_INET, terminated.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, terminated.c_str(), ignored.data()) == 1;
}

std::optional<Pid> parse_pid(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const std::size_t colon = text.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at) return std::nullopt;
  std::string_view ip = text.substr(at + 1, colon - at - 1);
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  Pid pid;
  pid.name = text.substr(0, at);
  pid.ip = ip;
  if (!is_ip(ip) || !parse_number(text.substr(colon + 1), pid.port) || pid.port == 0) return std::nullopt;
  return pid;
}

std::string http_base(std::string_view ip, std::uint16_t port) {
  const bool v6 = ip.find(':') != std::string_view::npos;
  return "http://" + (v6 ? "[" + std::string(ip) + "]" : std::string(ip)) + ":" + std::to_string(port);
}

std::optional<Znode> parse_znode(std::string_view name) {
  const std::size_t underscore = name.rfind('_');
  const std::string_view label = underscore == std::string_view::npos ? std::string_view() : name.substr(0, underscore);
  const std::string_view digits = underscore == std::string_view::npos ? name : name.substr(underscore + 1);
  Znode node{std::string(name), 0, Encoding::Pid};
  if (!parse_number(digits, node.sequence)) return std::nullopt;
  if (underscore == std::string_view::npos) return node;
  if (label != "json.info" && label != "info") return std::nullopt;
  node.encoding = label == "info" ? Encoding::Protobuf : Encoding::Json;
  return node;
}

Result<Master> decode_master(const Znode& node, std::string_view content) {
  std::optional<Info> info;
  switch (node.encoding) {
    case Encoding::Json:
      info = read_json(content);
      break;
    case Encoding::Protobuf:
      info = read_protobuf(content);
      break;
    case Encoding::Pid:
      info = read_pid(content);
      break;
  }
  std::optional<Master> master = info ? choose(*info) : std::nullopt;
  if (!master) return fail(Fault::Keep, "znode " + node.name + " holds no address of a Mesos master");
  return *std::move(master);
}

}  // namespace muster::mesos
