#include "units/lint.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/folder.h"

namespace muster::units {
namespace {

using support::Folder;

const Machine kMachine{"0123456789abcdef0123456789abcdef"};

TEST(Lint, ShowsWhereEachValueIsFrom) {
  const Folder folder;
  folder.write("web@.service", "[X-Consul]\nName=hello\nPort=%i\nTags=a\n");
  std::filesystem::create_directories(folder / "web@8081.service.d");
  const std::string drop_in = folder.write("web@8081.service.d/10.conf", "[X-Consul]\nTags=b\n");
  const Lint result = lint(folder / "web@8081.service", kMachine);
  EXPECT_TRUE(result.sound) << result.text;
  for (const std::string& part : {std::string("service hello"), "Port=8081   " + (folder / "web@.service") + ":3",
                                  drop_in + ":2", kMachine.id + "/web@8081.service"}) {
    EXPECT_NE(result.text.find(part), std::string::npos) << part << " in\n" << result.text;
  }
}

TEST(Lint, NamesEachMistakeWithItsLine) {
  const Folder folder;
  const std::string path = folder.write("web.service", "[X-Consul]\nPort=http\nTgas=a\n");
  const Lint result = lint(path, kMachine);
  EXPECT_FALSE(result.sound);
  EXPECT_NE(result.text.find("mistake: " + path + ":2: Port=http"), std::string::npos) << result.text;
  EXPECT_NE(result.text.find("mistake: " + path + ":3: Tgas"), std::string::npos) << result.text;
}

TEST(Lint, AUnitThatAsksForNothingIsNoMistakeAndAMissingOneIs) {
  const Folder folder;
  EXPECT_TRUE(lint(folder.write("web.service", "[Service]\n"), kMachine).sound);
  EXPECT_FALSE(lint(folder / "none.service", kMachine).sound);
  EXPECT_FALSE(lint(folder.write("web.exe", "[X-Consul]\n"), kMachine).sound);
}

TEST(Lint, ReadsTheSocketBesideTheUnitAndQuadletFiles) {
  const Folder folder;
  folder.write("web.socket", "[Socket]\nListenStream=127.0.0.1:8080\n");
  const Lint with_socket = lint(folder.write("web.service", "[X-Consul]\nPort=socket\n"), kMachine);
  EXPECT_NE(with_socket.text.find("Port=8080"), std::string::npos) << with_socket.text;
  const Lint quadlet = lint(folder.write("box.container", "[Container]\nPublishPort=81:80\n[X-Consul]\n"), kMachine);
  EXPECT_NE(quadlet.text.find("/box.service"), std::string::npos) << quadlet.text;
  EXPECT_NE(quadlet.text.find("Port=81"), std::string::npos) << quadlet.text;
}

}  // namespace
}  // namespace muster::units
