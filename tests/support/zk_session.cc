#include "support/zookeeper.h"
#define THREADED
#include <zookeeper/zookeeper.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "support/wait.h"

namespace muster::support {

struct ZkSession::Handle {
  zhandle_t* zk = nullptr;
  bool digest = false;
  const ACL_vector* acl() const { return digest ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE; }

  void make_parents(const std::string& path) const {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
      zoo_create(zk, path.substr(0, at).c_str(), "", 0, acl(), 0, nullptr, 0);
    }
  }
};

ZkSession::ZkSession(const std::string& hosts, const std::string& digest) : handle_(std::make_unique<Handle>()) {
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  handle_->zk = zookeeper_init(hosts.c_str(), nullptr, 10000, nullptr, nullptr, 0);
  if (handle_->zk == nullptr || !eventually(kPatience, [&] { return zoo_state(handle_->zk) == ZOO_CONNECTED_STATE; })) {
    fprintf(stderr, "no session with ZooKeeper at %s\n", hosts.c_str());
    abort();
  }
  if (digest.empty()) return;
  handle_->digest = true;
  zoo_add_auth(handle_->zk, "digest", digest.data(), static_cast<int>(digest.size()), nullptr, nullptr);
}

ZkSession::~ZkSession() { zookeeper_close(handle_->zk); }

bool ZkSession::create(const std::string& path, const std::string& data) {
  handle_->make_parents(path);
  return zoo_create(handle_->zk, path.c_str(), data.data(), static_cast<int>(data.size()), handle_->acl(), 0, nullptr,
                    0) == ZOK;
}

std::string ZkSession::announce(const std::string& prefix, const std::string& data) {
  handle_->make_parents(prefix);
  std::array<char, 1024> name{};
  const int code = zoo_create(handle_->zk, prefix.c_str(), data.data(), static_cast<int>(data.size()), handle_->acl(),
                              ZOO_EPHEMERAL | ZOO_SEQUENCE, name.data(), static_cast<int>(name.size()));
  return code == ZOK ? name.data() : "";
}

bool ZkSession::set(const std::string& path, const std::string& data) {
  return zoo_set(handle_->zk, path.c_str(), data.data(), static_cast<int>(data.size()), -1) == ZOK;
}

bool ZkSession::remove(const std::string& path) { return zoo_delete(handle_->zk, path.c_str(), -1) == ZOK; }

}  // namespace muster::support
