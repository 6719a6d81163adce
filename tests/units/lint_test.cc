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
  folder.write("t@.socket", "[Socket]\nListenDatagram=81\nListenStream=%i\n");
  folder.write("t@.service", "[X-Consul]\nPort=socket\n");
  EXPECT_NE(lint(folder / "t@8082.service", kMachine).text.find("Port=8082"), std::string::npos);
  const Lint quadlet = lint(folder.write("box.container", "[Container]\nPublishPort=81:80\n[X-Consul]\n"), kMachine);
  EXPECT_NE(quadlet.text.find("/box.service"), std::string::npos) << quadlet.text;
  EXPECT_NE(quadlet.text.find("Port=81"), std::string::npos) << quadlet.text;
}

// The container's own drop-ins, [Service] and names were not seen.
TEST(Lint, SeesAQuadletFileAsTheUnitThatIsGeneratedFromIt) {
  const Folder folder;
  const std::string text = lint(folder.write("app.pod", "[Pod]\nPublishPort=81:80\n[X-Consul]\n"), kMachine).text;
  EXPECT_NE(text.find("/app-pod.service"), std::string::npos) << text;
  EXPECT_NE(text.find("Name=app-pod"), std::string::npos) << text;
  folder.write("web@.container",
               "[Container]\nPublishPort=80\n[Service]\nEnvironment=ADMIN=9000\n[X-Consul:admin]\n"
               "Port=${ADMIN}\n");
  std::filesystem::create_directories(folder / "web@.container.d");
  folder.write("web@.container.d/10.conf", "[Container]\nPublishPort=%i:81\n[X-Consul]\n");
  const std::string named =
      lint(folder.write("a.kube", "[Kube]\nServiceName=site\nPublishPort=82:80\n[X-Consul]\n"), kMachine).text;
  EXPECT_NE(named.find("/site.service"), std::string::npos) << named;
  const Lint instance = lint(folder / "web@8081.container", kMachine);
  EXPECT_TRUE(instance.sound) << instance.text;
  for (const char* part : {"Port=8081", "Port=9000", "(ADMIN at "}) {
    EXPECT_NE(instance.text.find(part), std::string::npos) << part << " in\n" << instance.text;
  }
}

TEST(Lint, SaysWhichEnvironmentFileAValueIsFromOrWhyItIsNotKnown) {
  const Folder folder;
  const std::string file = folder.write("web.env", "# ports\nPORT=8080\nTOKEN=s3cr3t\n");
  const std::string unit =
      folder.write("web.service", "[Service]\nEnvironmentFile=" + file +
                                      "\n[X-Consul]\nPort=${PORT}\nCheck=http:/ \"header=A: ${TOKEN}\"\n");
  const Lint result = lint(unit, kMachine);
  EXPECT_TRUE(result.sound) << result.text;
  EXPECT_NE(result.text.find("(PORT at " + file + ":2)"), std::string::npos) << result.text;
  EXPECT_EQ(result.text.find("s3cr3t"), std::string::npos) << result.text;
  std::filesystem::remove(file);
  const Lint missing = lint(unit, kMachine);
  EXPECT_FALSE(missing.sound);
  EXPECT_NE(missing.text.find(file + ": No such file"), std::string::npos) << missing.text;
}

}  // namespace
}  // namespace muster::units
