#include "support/tls.h"

#include <cstdio>
#include <cstdlib>

#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

ProcessOptions relay(int from, const std::string& to, const std::string& pem, const std::string& client_ca) {
  std::string listen = "OPENSSL-LISTEN:" + std::to_string(from) + ",bind=127.0.0.1,reuseaddr,fork,cert=" + pem;
  listen += client_ca.empty() ? ",verify=0" : ",verify=1,cafile=" + client_ca;
  return {.argv = {"socat", "-d", listen, "TCP:" + to}, .env = {}, .folder = ""};
}

bool listens(int port) {
  const std::string connect = "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port);
  return run({.argv = {"bash", "-c", connect}, .env = {}, .folder = ""}).code == 0;
}

}  // namespace

std::string no_tls() {
  for (const char* name : {"openssl", "socat"}) {
    if (find_program(name).empty()) return std::string("no ") + name;
  }
  return "";
}

std::string make_pem(const Folder& folder, const std::string& name, const std::string& alternative) {
  const std::string file = folder / name;
  const std::string certificate = file + ".crt";
  const auto made =
      run({.argv = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=" + alternative, "-keyout", file, "-out", certificate},
           .env = {},
           .folder = ""});
  if (made.code != 0) {
    std::fprintf(stderr, "openssl: %s\n", made.err.c_str());
    abort();
  }
  return folder.write(name, run({.argv = {"cat", file, certificate}, .env = {}, .folder = ""}).out);
}

TlsFront::TlsFront(const std::string& address, const std::string& pem, const std::string& client_ca)
    : port_(free_port()), process_(relay(port_, address, pem, client_ca)) {
  if (eventually(kPatience, [&] { return listens(port_) || !process_.running(); }) && process_.running()) return;
  std::fprintf(stderr, "socat: %s\n", process_.err().c_str());
  abort();
}

}  // namespace muster::support
