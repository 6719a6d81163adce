#include "units/config.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace muster::units {
namespace {

using Strings = std::vector<std::string>;

const Machine kMachine{"0123456789abcdef0123456789abcdef", {{'H', "host"}}};

UnitConfig config(const std::string& text, const std::string& name = "web@8081.service") {
  UnitInput input{name, decode_text(text, "f")};
  return make_config(input, kMachine);
}

UnitConfig of_environment(Strings environment, const std::string& text = "") {
  UnitInput input{"web.service", decode_text(text, "f")};
  input.environment = std::move(environment);
  return make_config(input, kMachine);
}

// The only service of a unit without mistakes.
ServiceConfig only(const UnitConfig& config) {
  for (const Mistake& mistake : config.mistakes) ADD_FAILURE() << to_string(mistake.place) << ": " << mistake.text;
  EXPECT_EQ(config.services.size(), 1U);
  return config.services.empty() ? ServiceConfig{} : config.services.front();
}

// "f:2 text" of the only mistake.
std::string mistake(const UnitConfig& config) {
  EXPECT_EQ(config.mistakes.size(), 1U);
  return config.mistakes.empty() ? "" : to_string(config.mistakes[0].place) + " " + config.mistakes[0].text;
}

TEST(UnitConfig, AUnitWithoutASectionAsksForNothing) {
  EXPECT_FALSE(config("[Service]\nExecStart=/bin/true\n").wanted);
  EXPECT_FALSE(config("[X-Consulting]\nName=a\n").wanted);
  EXPECT_FALSE(of_environment({"PATH=/bin", "CONSUL_HTTP_TOKEN=secret", "SERVICE_ACCOUNT=x"}).wanted);
}

TEST(UnitConfig, ABareSectionRegistersThePrefixWithTheUnitCheck) {
  const ServiceConfig service = only(config("[X-Consul]\n"));
  EXPECT_EQ(service.name, "web");
  EXPECT_EQ(service.port, 0);
  EXPECT_TRUE(service.unit_check);
  EXPECT_TRUE(service.checks.empty());
}

TEST(UnitConfig, ReadsEveryKey) {
  const UnitConfig unit = config(
      "[X-Consul]\nName=hello\nPort=%i\nAddress=10.0.0.9\nTags=routed, v1\nTags=\"a b\"\nMeta=version=1.2 \"t=x y\"\n"
      "Check=http:/health 10s 2s method=HEAD\nCheck=unit 1h\nWeight=10 2\nEnableTagOverride=yes\nDrain=5\n"
      "Ready=check\nOnRestart=hold 1m\n");
  const ServiceConfig service = only(unit);
  EXPECT_EQ(service.name, "hello");
  EXPECT_EQ(service.port, 8081);
  EXPECT_EQ(service.address, "10.0.0.9");
  EXPECT_EQ(service.tags, (Strings{"routed", "v1", "a b"}));
  EXPECT_EQ(service.meta, (Meta{{"version", "1.2"}, {"t", "x y"}}));
  ASSERT_EQ(service.checks.size(), 1U);
  EXPECT_EQ(service.checks[0].http, "http://10.0.0.9:8081/health");
  EXPECT_EQ(service.checks[0].interval, "10s");
  EXPECT_EQ(service.checks[0].timeout, "2s");
  EXPECT_EQ(service.checks[0].method, "HEAD");
  EXPECT_EQ(service.unit_check_ttl, "1h");
  EXPECT_EQ(service.weight, 10);
  EXPECT_EQ(service.weight_warning, 2);
  EXPECT_TRUE(service.enable_tag_override);
  EXPECT_EQ(unit.drain, std::chrono::seconds(5));
  EXPECT_EQ(unit.ready, Ready::Check);
  EXPECT_EQ(unit.on_restart.hold, std::chrono::minutes(1));
}

TEST(UnitConfig, ALaterScalarWinsListsAppendAndAnEmptyValueResets) {
  const ServiceConfig service = only(config("[X-Consul]\nName=a\nTags=x\nTags=\nTags=y z\nPort=1\nPort=\nName=b\n"));
  EXPECT_EQ(service.name, "b");
  EXPECT_EQ(service.tags, (Strings{"y", "z"}));
  EXPECT_EQ(service.port, 0);
}

TEST(UnitConfig, EveryValueKnowsItsLine) {
  const ServiceConfig service = only(config("[X-Consul]\nName=a\nTags=x\nTags=y\n"));
  EXPECT_EQ(service.told, (std::vector<Told>{{"Name", "a", {"f", 2}},
                                             {"Tags", "x", {"f", 3}},
                                             {"Tags", "y", {"f", 4}},
                                             {"Check", "unit", {"default", 0}}}));
}

TEST(UnitConfig, AFurtherSectionIsAFurtherService) {
  const UnitConfig unit = config("[X-Consul]\nPort=1\n[X-Consul:admin]\nPort=2\n");
  ASSERT_EQ(unit.services.size(), 2U);
  EXPECT_EQ(unit.services[1].section, "admin");
  EXPECT_EQ(unit.services[1].name, "web-admin");
  EXPECT_EQ(unit.services[1].port, 2);
  EXPECT_EQ(config("[X-Consul \"admin\"]\nPort=2\n").services.at(0).section, "admin");
}

TEST(UnitConfig, APortComesFromTheEnvironmentOrTheSocket) {
  EXPECT_EQ(only(config("[Service]\nEnvironment=A=1 PORT=90%i\n[X-Consul]\nPort=${PORT}\n", "w@80.service")).port,
            9080);
  UnitInput input{"web.service", decode_text("[X-Consul]\nPort=socket\n", "f")};
  input.listen = {"/run/x.sock", "[::]:8080", "9090"};
  EXPECT_EQ(only(make_config(input, kMachine)).port, 8080);
  input.listen = {"/run/x:80", "@x:80", "vsock:2:80", "[::1]:81"};
  EXPECT_EQ(only(make_config(input, kMachine)).port, 81) << "paths and vsock have no port";
  input.listen = {"/run/x.sock"};
  EXPECT_EQ(make_config(input, kMachine).broken, (Strings{""}));
}

// Host names were refused, though Consul takes them as a service's address.
TEST(UnitConfig, AnAddressMayBeAHostName) {
  for (const char* good : {"db.example", "localhost", "10.0.0.9", "fd00::1"}) {
    EXPECT_EQ(only(config("[X-Consul]\nPort=1\nAddress=" + std::string(good) + "\n")).address, good);
  }
  EXPECT_EQ(only(config("[X-Consul]\nPort=1\nAddress=db.example\nCheck=tcp\n")).checks.at(0).tcp, "db.example:1");
}

// Consul's catalog compares ids without case: the two would take turns in one entry.
TEST(UnitConfig, OfTwoSectionsThatDifferInCaseAloneTheFirstIsTaken) {
  const UnitConfig unit = config("[X-Consul:b]\nPort=1\n[X-Consul:B]\nPort=2\nDrain=1m\n[X-Consul:B]\nTags=x\n");
  ASSERT_EQ(unit.services.size(), 1U);
  EXPECT_EQ(unit.services[0].section, "b");
  EXPECT_EQ(unit.services[0].port, 1);
  EXPECT_TRUE(unit.broken.empty());
  EXPECT_EQ(unit.drain.count(), 0) << "nothing of the other counts";
  const std::string said = mistake(unit);
  EXPECT_TRUE(said.starts_with("f:3 [X-Consul:B]")) << said;
  EXPECT_NE(said.find("[X-Consul:b] at f:1"), std::string::npos) << said;
  EXPECT_EQ(config("[X-Consul:B]\n[X-Consul:b]\n").services.at(0).section, "B");
}

// Unknown is not empty: a mistyped port neither registers nor removes.
TEST(UnitConfig, AServiceThatCannotBeMadeIsInDoubtAndTheOthersStay) {
  for (const char* bad :
       {"Port=http", "Port=0", "Port=65536", "Port=80 81", "Port=${NONE}", "Port=%z", "Port=-1", "Address=10.0.0.256",
        "Address=a_b c", "Address=0.0.0.0", "Address=[::1]", "Name=___", "Name=%q"}) {
    const UnitConfig unit = config("[X-Consul:a]\nPort=1\n[X-Consul:b]\n" + std::string(bad) + "\n");
    EXPECT_EQ(unit.broken, (Strings{"b"})) << bad;
    EXPECT_EQ(unit.services.size(), 1U) << bad;
    EXPECT_EQ(mistake(unit).substr(0, 4), "f:4 ") << bad;
  }
}

TEST(UnitConfig, OneBadItemIsLeftOutAndNamed) {
  for (const char* bad : {"Tags=%z",           "Meta=novalue",    "Meta=a.b=1",   "Meta=unit=x",
                          "Meta=\"a=b",        "Check=script:/x", "Check=ping",   "Check=http:/x 10 frog",
                          "Check=tcp:nowhere", "Weight=0",        "Weight=a",     "EnableTagOverride=maybe",
                          "Drain=soon",        "Ready=steady",    "Ready=notify", "OnRestart=hold x",
                          "OnRestart=flee",    "Prot=80",         "tags=x",       "Check=http::99999/"}) {
    const UnitConfig unit = config("[Service]\nType=simple\n[X-Consul]\nPort=1\n" + std::string(bad) + "\n");
    EXPECT_EQ(mistake(unit).substr(0, 4), "f:5 ") << bad;
    ASSERT_EQ(unit.services.size(), 1U) << bad;
    ServiceConfig same = unit.services[0];
    const ServiceConfig plain = only(config("[X-Consul]\nPort=1\n"));
    same.told = plain.told;
    EXPECT_EQ(same, plain) << bad;
  }
}

TEST(UnitConfig, ANameThatIsNoDnsLabelIsMadeOne) {
  const UnitConfig unit = config("[X-Consul]\nName=_hello_World.x\n");
  EXPECT_EQ(unit.services.at(0).name, "hello-World-x");
  EXPECT_NE(mistake(unit).find("registered as hello-World-x"), std::string::npos);
  EXPECT_EQ(only(config("[X-Consul]\n", "my_app.service")).name, "my-app");
  EXPECT_EQ(only(config("[X-Consul]\n", "dev-a\\x2db.service")).name, "dev-a-b");
  EXPECT_EQ(only(config("[X-Consul]\n", "a--b.service")).name, "a--b");
}

TEST(UnitConfig, ATagThatExpandsToNothingIsNone) {
  EXPECT_EQ(only(config("[X-Consul]\nTags=a %i\n", "web.service")).tags, (Strings{"a"}));
}

TEST(UnitConfig, ANearMissIsRecognised) {
  EXPECT_NE(mistake(config("[X-Consul]\ntag=x\n")).find("did you mean Tags?"), std::string::npos);
}

TEST(UnitConfig, ChecksAreAimedAtTheService) {
  const auto check = [](const std::string& line) {
    const ServiceConfig service = only(config("[X-Consul]\nPort=80\nCheck=" + line + "\n"));
    return service.checks.empty() ? Check{} : service.checks[0];
  };
  EXPECT_EQ(check("http").http, "http://{host}:80/");
  EXPECT_EQ(check("https::81/x 5").http, "https://{host}:81/x");
  EXPECT_EQ(check("https::81/x 5").interval, "5s");
  EXPECT_EQ(check("http://other:1/x").http, "http://other:1/x");
  EXPECT_EQ(check("tcp").tcp, "{host}:80");
  EXPECT_EQ(check("tcp::81").tcp, "{host}:81");
  EXPECT_EQ(check("tcp:db:81").tcp, "db:81");
  EXPECT_EQ(check("grpc:my.Service").grpc, "{host}:80/my.Service");
  EXPECT_TRUE(check("grpcs 10s skip-verify").tls_skip_verify);
  EXPECT_EQ(check("ttl:30s").ttl, "30s");
  EXPECT_EQ(check("http:/ 10s \"header=X-A: b c\"").header, (std::vector<Header>{{"X-A", "b c"}}));
  EXPECT_EQ(check("tcp status=warning").status, "warning");
}

TEST(UnitConfig, ANotifyingUnitsChecksBeginAsPassing) {
  const UnitConfig unit = config("[Service]\nType=notify\n[X-Consul]\nPort=1\nReady=notify\nCheck=tcp\n");
  EXPECT_EQ(only(unit).checks.at(0).status, "passing");
  EXPECT_EQ(only(config("[X-Consul]\nPort=1\nCheck=tcp\n")).checks.at(0).status, "");
}

TEST(UnitConfig, NoneTakesTheUnitCheckAway) { EXPECT_FALSE(only(config("[X-Consul]\nCheck=none\n")).unit_check); }

TEST(UnitConfig, VariablesStandForKeys) {
  const ServiceConfig service =
      only(of_environment({"CONSUL_NAME=job", "CONSUL_PORT=99", "CONSUL_TAGS=a,b 5%", "CONSUL_META_team=x=y",
                           "CONSUL_CHECK=http:/a%20b 5s", "CONSUL_HTTP_ADDR=http://x"}));
  EXPECT_EQ(service.name, "job");
  EXPECT_EQ(service.port, 99);
  EXPECT_EQ(service.tags, (Strings{"a", "b", "5%"}));
  EXPECT_EQ(service.meta, (Meta{{"team", "x=y"}}));
  EXPECT_EQ(service.checks.at(0).http, "http://{host}:99/a%20b");
}

// An empty variable registered a service, and the place of Consul itself was taken for the unit's port.
TEST(UnitConfig, OnlyAVariableThatSaysSomethingOfAServiceAsksForOne) {
  for (const char* empty : {"CONSUL_NAME=", "CONSUL_PORT=", "CONSUL_TAGS=", "CONSUL_META_a=", "SERVICE_NAME="}) {
    EXPECT_FALSE(of_environment({empty}).wanted) << empty;
  }
  EXPECT_EQ(only(of_environment({"CONSUL_TAGS=", "CONSUL_PORT=80"})).port, 80);
  for (const char* place : {"CONSUL_HOST=c", "CONSUL_ADDR=c:8500", "CONSUL_HTTP_ADDR=c:8500", "CONSUL_URL=http://c"}) {
    EXPECT_FALSE(of_environment({place, "CONSUL_PORT=8500"}).wanted) << place;
    EXPECT_FALSE(of_environment({"CONSUL_ADDRESS=10.0.0.9", "CONSUL_PORT=8500", place}).wanted) << place;
    EXPECT_EQ(only(of_environment({place, "CONSUL_PORT=8500"}, "[X-Consul:b]\nPort=1\n")).section, "b") << place;
    EXPECT_EQ(only(of_environment({place, "CONSUL_PORT=80", "CONSUL_NAME=a"})).port, 80) << place;
    EXPECT_EQ(only(of_environment({place, "CONSUL_PORT=80"}, "[X-Consul]\n")).port, 80) << place;
  }
}

TEST(UnitConfig, FilesWinOverVariablesKeyByKey) {
  const ServiceConfig service =
      only(of_environment({"CONSUL_NAME=job", "CONSUL_TAGS=a", "CONSUL_PORT=99"}, "[X-Consul]\nPort=1\nTags=\n"));
  EXPECT_EQ(service.name, "job");
  EXPECT_EQ(service.port, 1);
  EXPECT_TRUE(service.tags.empty());  // reset, which is a word too
}

TEST(UnitConfig, RegistratorsVariablesMeanWhatTheyMeanThere) {
  const ServiceConfig service =
      only(of_environment({"SERVICE_NAME=db", "SERVICE_5432_NAME=pg", "SERVICE_TAGS=a\\,b,c", "SERVICE_REGION=us",
                           "SERVICE_CHECK_TCP=true", "SERVICE_CHECK_INTERVAL=15s", "SERVICE_CHECK_TIMEOUT=3s"}));
  EXPECT_EQ(service.name, "pg");
  EXPECT_EQ(service.port, 5432);
  EXPECT_EQ(service.tags, (Strings{"a,b", "c"}));
  EXPECT_EQ(service.meta, (Meta{{"region", "us"}}));
  EXPECT_EQ(service.checks.at(0).tcp, "{host}:5432");
  EXPECT_EQ(service.checks.at(0).interval, "15s");
  EXPECT_EQ(service.checks.at(0).timeout, "3s");
}

TEST(UnitConfig, SeveralPortsOfRegistratorAreSeveralServices) {
  const UnitConfig unit = of_environment({"SERVICE_NAME=web", "SERVICE_80_CHECK_HTTP=/h", "SERVICE_443_NAME=tls",
                                          "SERVICE_443_CHECK_HTTPS=/h", "SERVICE_9_IGNORE=1", "SERVICE_9_NAME=no"});
  ASSERT_EQ(unit.services.size(), 2U);
  EXPECT_EQ(unit.services[0].name, "tls");
  EXPECT_EQ(unit.services[0].checks.at(0).http, "https://{host}:443/h");
  EXPECT_EQ(unit.services[1].name, "web-80");
  EXPECT_FALSE(of_environment({"SERVICE_NAME=web", "SERVICE_IGNORE=true"}).wanted);
}

TEST(UnitConfig, WhatLooksLikeASecretIsNotPublished) {
  const UnitConfig unit = of_environment({"SERVICE_NAME=web", "SERVICE_API_TOKEN=s3cret"});
  EXPECT_TRUE(unit.services.at(0).meta.empty());
  EXPECT_NE(mistake(unit).find("SERVICE_API_TOKEN"), std::string::npos);
  EXPECT_EQ(mistake(unit).find("s3cret"), std::string::npos);
}

// A mistake is logged, and lint prints what it would register: a token of the unit's environment stood in both.
TEST(UnitConfig, NoVariablesOrHeadersValueIsEverShown) {
  const std::string header = "\"header=Authorization: ${TOK}\"";
  for (const std::string& line : Strings{"Check=http:/h " + header + " bogus",
                                         "Check=http:/h " + header,
                                         "Check=http:/h header=${TOK}",
                                         "Check=http::${TOK}/",
                                         "Check=${TOK}",
                                         "Check=http:/h ${TOK}",
                                         "Check=http:/h \"header=A: ${TOK}\" ${NONE}",
                                         "Check=http:/h \"Header=A: s3cr3t\"",
                                         "Check=http:/h \"header=A: Basic ab%Zs3cr3t\"",
                                         "Check=http:/h header=A: s3cr3t",
                                         "Check=http:/h header=A: Basic s3cr3t",
                                         "Check=http://u:s3cr3t@h/x bogus",
                                         "Check=http://u:%Zs3cr3t@h/x",
                                         "Check=http://s3cr3t@h/x ${NONE}",
                                         "Check=http:u:s3cr3t@h/x",
                                         "Check=tcp:u:s3cr3t@h",
                                         "Check=http: //u:s3cr3t@h/x",
                                         "Check: http://u:s3cr3t@h/x?a=b",
                                         "Check=http:/h \"header=A: s3cr3t\" bogus",
                                         "Check=http:/h header=s3cr3t",
                                         "Port=${TOK}",
                                         "Address=${TOK}:80",
                                         "Name=${TOK}_",
                                         "Weight=${TOK}",
                                         "Drain=${TOK}",
                                         "Ready=${TOK}",
                                         "OnRestart=${TOK}",
                                         "OnRestart=hold ${TOK}",
                                         "EnableTagOverride=${TOK}",
                                         "Name=${TOK}${NONE}"}) {
    const UnitConfig unit =
        config("[Service]\nEnvironment=TOK=s3cr3t\n[X-Consul:a]\nPort=2\n" + line + "\n[X-Consul]\nPort=1\n");
    for (const Mistake& each : unit.mistakes) EXPECT_EQ(each.text.find("s3cr3t"), std::string::npos) << each.text;
    for (const ServiceConfig& service : unit.services) {
      for (const Told& told : service.told) {
        if (told.key == "Name") continue;  // that is what it is for
        EXPECT_EQ(told.value.find("s3cr3t"), std::string::npos) << told.value;
      }
    }
    EXPECT_EQ(unit.mistakes.empty(), line == "Check=http:/h " + header) << line;
  }
}

TEST(UnitConfig, NoValueOfAVariableThatStandsForAKeyIsEverShown) {
  for (const char* name :
       {"CONSUL_PORT=", "CONSUL_CHECK=", "CONSUL_CHECK=http:/ header=A", "CONSUL_META_a.b=", "CONSUL_WEIGHT=",
        "CONSUL_ADDRESS=", "CONSUL_DRAIN=", "CONSUL_READY=", "CONSUL_ON_RESTART=", "SERVICE_PORT="}) {
    for (const char* value : {"s3cr3t x", "${s3cr3t} s3cr3t"}) {
      const std::string said = mistake(of_environment({"SERVICE_NAME=a", std::string(name) + value}));
      EXPECT_EQ(said.find("s3cr3t"), std::string::npos) << said;
      EXPECT_NE(said.find("${"), std::string::npos) << said << " names the variable";
    }
  }
}

// Whether its .socket is asked for was guessed from the letters of the file.
TEST(UnitConfig, AUnitThatTakesItsPortFromASocketSaysSoHoweverItWritesIt) {
  EXPECT_TRUE(config("[X-Consul]\nPort=Socket\n").listens);
  EXPECT_TRUE(of_environment({"CONSUL_PORT=socket", "CONSUL_NAME=a"}).listens);
  EXPECT_FALSE(config("[X-Consul]\nPort=80\n").listens);
}

TEST(UnitConfig, WhatAQuadletFileSaysOfItsContainerIsTheLowestLayer) {
  UnitInput input{"web.service", decode_text("[X-Consul]\nTags=top\n[Container]\nPublishPort=127.0.0.1:8080:80/tcp\n"
                                             "Label=SERVICE_NAME=box \"SERVICE_80_TAGS=x\"\n[Container]\n"
                                             "Label=CONSUL_WEIGHT=3\n",
                                             "web.container")};
  input.environment = Strings{};
  const ServiceConfig service = only(make_config(input, kMachine));
  EXPECT_EQ(service.name, "box");
  EXPECT_EQ(service.port, 8080);
  EXPECT_EQ(service.tags, (Strings{"top"}));
  EXPECT_EQ(service.weight, 3);
}

// Labels were dropped unless there was a name or a tag among them, though the section had asked.
TEST(UnitConfig, ASectionAsksForTheLabelsOfItsContainerToo) {
  const std::string quadlet = "[X-Container]\nPublishPort=8080:80\nPublishPort=81\n";
  const ServiceConfig service =
      only(config(quadlet + "Label=SERVICE_80_CHECK_HTTP=/health SERVICE_REGION=us\n[X-Consul]\n"));
  EXPECT_EQ(service.port, 8080);
  EXPECT_EQ(service.meta, (Meta{{"region", "us"}}));
  ASSERT_EQ(service.checks.size(), 1U);
  EXPECT_EQ(service.checks[0].http, "http://{host}:8080/health");
  EXPECT_FALSE(config(quadlet + "Label=SERVICE_80_CHECK_HTTP=/health\n").wanted);
  const UnitConfig admin = config(quadlet + "Label=SERVICE_REGION=us\n[X-Consul:admin]\n");
  EXPECT_EQ(only(admin).section, "admin") << "which asks for itself alone";
  EXPECT_TRUE(only(config("[Service]\nEnvironment=SERVICE_ACCOUNT=x\n[X-Consul]\n")).meta.empty());
  EXPECT_EQ(only(config(quadlet + "Label=SERVICE_81_TAGS=t\n[X-Consul]\n")).port, 0) << "only podman knows which";
}

TEST(UnitConfig, TheFirstPublishedTcpPortIsTheDefaultOfASection) {
  const auto port = [](const std::string& lines) {
    const UnitConfig unit = config("[X-Consul]\n" + lines + "[Service]\nEnvironment=PORT=7123\n");
    return unit.services.empty() ? 0 : int{only(unit).port};
  };
  EXPECT_EQ(port("[Container]\nPublishPort=80\nPublishPort=8080:80\n"), 8080);
  EXPECT_EQ(port("[X-Container]\nPublishPort=53:53/udp\nPublishPort=127.0.0.1::81\nPublishPort=[::1]:8443:443\n"),
            8443);
  EXPECT_EQ(port("[X-Pod]\nPublishPort=9000-9002:90-92\n"), 9000);
  EXPECT_EQ(port("[X-Kube]\nPublishPort=%i:80\n"), 8081);
  EXPECT_EQ(port("[Container]\nPublishPort=${PORT}:80\n"), 7123);
  EXPECT_EQ(port("[Container]\nPublishPort=1:80\nPublishPort=\n"), 0);
  EXPECT_EQ(port("[Image]\nPublishPort=1:80\n"), 0);
  EXPECT_FALSE(config("[Container]\nPublishPort=8080:80\n").wanted) << "which asks for nothing";
  EXPECT_EQ(config("[Container]\nPublishPort=8080:80\n[X-Consul:admin]\n").services.at(0).port, 0);
}

UnitConfig with_files(const std::string& text, std::initializer_list<FileText> files) {
  UnitInput input{"web@8081.service", decode_text("[Service]\nEnvironment=PORT=1\n[X-Consul]\n" + text, "f")};
  input.files = files;
  return make_config(input, kMachine);
}

TEST(UnitConfig, EnvironmentFilesWinOverEnvironmentAndLaterOverEarlier) {
  const UnitConfig unit =
      with_files("Port=${PORT}\nWeight=${W}\n", {{"/a", "PORT=2\nW=7\n"}, {"/b", "# x\n\n PORT = '3'\n"}});
  const ServiceConfig service = only(unit);
  EXPECT_TRUE(unit.fills);
  EXPECT_EQ(service.port, 3);
  EXPECT_EQ(service.weight, 7);
  EXPECT_EQ(service.told.at(1), (Told{"Port", "3", {"f", 4}, "PORT at /b:3"}));
  EXPECT_FALSE(config("[X-Consul]\nPort=1\n").fills);
}

// Files may hold tokens, and CONSUL_HTTP_ADDR.
TEST(UnitConfig, NoVariableOfAFileAsksForAService) {
  UnitInput input{"web.service", decode_text("[Service]\nExecStart=/bin/true\n", "f")};
  input.files = {FileText{"/a", "CONSUL_NAME=x\nSERVICE_NAME=y\nSERVICE_80_TAGS=z\n"}};
  EXPECT_FALSE(make_config(input, kMachine).wanted);
  EXPECT_EQ(only(with_files("Port=5\n", {{"/a", "CONSUL_NAME=x\nCONSUL_TAGS=t\n"}})).tags, Strings{});
}

// It may say otherwise of what stands before it, and of nothing else.
TEST(UnitConfig, AFileThatCannotBeReadLeavesUnknownWhatOnlyItCouldSay) {
  const FileText bad{"/b", "", "/b: Permission denied; a file of EnvironmentFile= must be readable"};
  const UnitConfig unit = with_files("Port=${PORT}\n", {{"/a", "PORT=2\n"}, bad});
  EXPECT_EQ(unit.broken, Strings{""});
  EXPECT_TRUE(unit.partial) << "nothing of it is removed";
  EXPECT_NE(mistake(unit).find("/b: Permission denied"), std::string::npos) << mistake(unit);
  const UnitConfig known = with_files("Port=${PORT}\n", {bad, {"/c", "PORT=4\n"}});
  EXPECT_EQ(only(known).port, 4);
  EXPECT_FALSE(known.partial);
  EXPECT_FALSE(with_files("Port=6\n", {bad}).partial) << "nobody asks what it says";
  const std::string binary = mistake(with_files("Port=${PORT}\n", {{"/b", std::string("PORT=\0 7", 8)}}));
  EXPECT_NE(binary.find("/b: not a text"), std::string::npos) << binary;
  EXPECT_EQ(only(with_files("Port=${PORT}\n", {{"/b", "PORT=\xff", "", true}})).port, 1) << "-/b: systemd goes on";
}

TEST(UnitConfig, AVariableThatNobodySetsIsAMistakeThatSaysWhereItWasLookedFor) {
  EXPECT_NE(mistake(with_files("Port=${NONE}\n", {{"/a", "X=1\n"}})).find("nor in a file of its EnvironmentFile="),
            std::string::npos);
  EXPECT_NE(mistake(config("[X-Consul]\nPort=${NONE}\n")).find("of the machine that it runs on"), std::string::npos);
  EXPECT_NE(mistake(with_files("Port=${PORT\n", {})).find("${ without its }"), std::string::npos);
  for (const std::string& line : Strings{"Port=${TOK}", "Check=http::${TOK}/", "Check=${TOK}", "Weight=${TOK}"}) {
    const std::string said = mistake(with_files(line + "\n", {{"/a", "TOK=s3cr3t\n"}}));
    EXPECT_EQ(said.find("s3cr3t"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace muster::units
