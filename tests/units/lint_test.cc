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

// A socket that names another service was taken for one of its own name, and not for the one that it starts.
TEST(Lint, TakesThePortOfTheSocketThatStartsTheUnitHoweverItSaysSo) {
  const Folder folder;
  const auto wants = [&](const std::string& unit, const std::string& more = "") {
    return lint(folder.write(unit, more + "[X-Consul]\nPort=socket\n"), kMachine);
  };
  const auto has = [](const Lint& result, const std::string& port) {
    EXPECT_TRUE(result.sound) << result.text;
    EXPECT_NE(result.text.find("Port=" + port + " "), std::string::npos) << port << " in\n" << result.text;
  };
  folder.write("late.socket", "[Socket]\nListenStream=8090\nService=other.service\n");
  has(wants("other.service"), "8090");
  const Lint not_started = wants("late.service");
  EXPECT_FALSE(not_started.sound);
  EXPECT_NE(not_started.text.find("no .socket that listens"), std::string::npos) << not_started.text;

  folder.write("base@.socket", "[Socket]\nListenStream=%i\nService=app@%i.service\n");
  wants("app@.service");
  has(lint(folder / "app@8091.service", kMachine), "8091");
  folder.write("conn.socket", "[Socket]\nListenStream=8092\nAccept=yes\n");
  has(wants("conn@.service"), "8092");
  EXPECT_FALSE(wants("conn.service").sound) << "it starts instances";
  folder.write("apart.socket", "[Socket]\nListenStream=8093\n");
  has(wants("fed.service", "[Service]\nSockets=apart.socket\n"), "8093");
}

TEST(Lint, ReadsASocketsDropInsAndOfASocketItsOwnPort) {
  const Folder folder;
  folder.write("web.socket", "[Socket]\nListenStream=8080\n[X-Consul]\nPort=socket\n");
  std::filesystem::create_directories(folder / "web.socket.d");
  folder.write("web.socket.d/10.conf", "[Socket]\nListenDatagram=\nListenStream=8081\n");
  const Lint service = lint(folder.write("web.service", "[X-Consul]\nPort=socket\n"), kMachine);
  EXPECT_NE(service.text.find("Port=8081 "), std::string::npos) << service.text;
  const Lint socket = lint(folder / "web.socket", kMachine);
  EXPECT_NE(socket.text.find("Port=8081 "), std::string::npos) << socket.text;
  folder.write("web.socket", "[Socket]\nListenStream=8080\nService=other.service\n[X-Consul]\nPort=socket\n");
  EXPECT_TRUE(lint(folder / "web.socket", kMachine).sound) << "it listens, whomever it starts";
}

// It was shown under the name of the alias, as a service that will never be there.
TEST(Lint, LooksAtAnAliasAsTheUnitBehindIt) {
  const Folder folder;
  folder.write("real.service", "[X-Consul]\nPort=1\n");
  std::filesystem::create_symlink("real.service", folder / "alias.service");
  std::filesystem::create_directories(folder / "real.service.d");
  folder.write("real.service.d/10.conf", "[X-Consul]\nTags=t\n");
  const Lint alias = lint(folder / "alias.service", kMachine);
  EXPECT_TRUE(alias.text.starts_with("real.service (alias.service is another name of it)\n")) << alias.text;
  EXPECT_NE(alias.text.find("service real  (" + kMachine.id + "/real.service)"), std::string::npos) << alias.text;
  EXPECT_NE(alias.text.find("Tags=t"), std::string::npos) << alias.text;

  folder.write("foo@.service", "[X-Consul]\nPort=%i\n");
  std::filesystem::create_symlink("foo@.service", folder / "foo@81.service");
  const Lint instance = lint(folder / "foo@81.service", kMachine);
  EXPECT_TRUE(instance.text.starts_with("foo@81.service\n")) << instance.text;
  EXPECT_NE(instance.text.find("Port=81 "), std::string::npos) << instance.text;

  std::filesystem::create_symlink(folder / "alias.socket", folder / "alias.socket");
  EXPECT_FALSE(lint(folder / "alias.socket", kMachine).sound) << "a circle";
}

// Shown as it is registered, and the password was part of it.
TEST(Lint, ShowsNoPasswordOfAUrl) {
  const Folder folder;
  const Lint result =
      lint(folder.write("web.service", "[X-Consul]\nPort=1\nCheck=https://user:s3cr3t@host:8443/x 5s\n"), kMachine);
  EXPECT_TRUE(result.sound) << result.text;
  EXPECT_EQ(result.text.find("s3cr3t"), std::string::npos) << result.text;
  EXPECT_NE(result.text.find("Check=https://...@host:8443/x 5s"), std::string::npos) << result.text;
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

// The page's own example: the label was dropped without a word.
TEST(Lint, SeesTheLabelsOfAQuadletFileWhoseSectionAsks) {
  const Folder folder;
  folder.write("web@.container", "[Container]\nPublishPort=%i:80\nLabel=SERVICE_80_CHECK_HTTP=/health\n[X-Consul]\n");
  const Lint result = lint(folder / "web@8081.container", kMachine);
  EXPECT_TRUE(result.sound) << result.text;
  for (const char* part : {"Port=8081", "Check=${SERVICE_80_CHECK_HTTP}"}) {
    EXPECT_NE(result.text.find(part), std::string::npos) << part << " in\n" << result.text;
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
