// Certificates, and https in front of a fake that speaks http.
#pragma once

#include <memory>
#include <string>

#include "support/folder.h"
#include "support/process.h"

namespace muster::support {

// Why these cannot run here; empty when they can.
std::string no_tls();

// A self-signed certificate and its key in one PEM file, FOLDER/NAME, and the certificate alone in FOLDER/NAME.crt.
// `alternative`: the subjectAltName, "IP:127.0.0.1" or "DNS:server.dc1.consul".
std::string make_pem(const Folder& folder, const std::string& name, const std::string& alternative);

// Thread: one. Listens on a free port of 127.0.0.1 until destroyed and passes what comes on to `address`
// ("127.0.1.1:5050"); with `client_ca`, only of those who show a certificate signed by it.
class TlsFront {
 public:
  TlsFront(const std::string& address, const std::string& pem, const std::string& client_ca = "");

  int port() const { return port_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }

 private:
  const int port_;
  Process process_;
};

}  // namespace muster::support
