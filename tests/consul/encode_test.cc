#include "consul/encode.h"

#include <gtest/gtest.h>

namespace muster::consul {
namespace {

TEST(EncodeService, LeavesOutWhatIsEmptyOrConsulsDefault) {
  Service service;
  service.id = "muster:a";
  service.name = "web";
  EXPECT_EQ(encode_service(service), R"({"ID":"muster:a","Name":"web"})");
}

TEST(EncodeService, WritesTheWholeDefinitionWithChecksInline) {
  Service service;
  service.id = "muster:a";
  service.name = "web";
  service.tags = {"b", "a"};
  service.address = "10.0.0.1";
  service.port = 80;
  service.meta = {{"muster_owner", "prod"}};
  service.weight_passing = 3;
  service.enable_tag_override = true;
  Check http;
  http.id = "service:muster:a";
  http.name = "up";
  http.http = "http://10.0.0.1/";
  http.interval = "10s";
  http.timeout = "1s";
  http.status = "passing";
  Check script;
  script.id = "s";
  script.args = {"sh", "-c", "true"};
  script.interval = "1m";
  service.checks = {http, script};
  EXPECT_EQ(encode_service(service),
            R"({"Address":"10.0.0.1","Checks":[)"
            R"({"CheckID":"service:muster:a","HTTP":"http://10.0.0.1/","Interval":"10s","Name":"up",)"
            R"("Status":"passing","Timeout":"1s"},{"Args":["sh","-c","true"],"CheckID":"s","Interval":"1m"}],)"
            R"("EnableTagOverride":true,"ID":"muster:a","Meta":{"muster_owner":"prod"},"Name":"web","Port":80,)"
            R"("Tags":["b","a"],"Weights":{"Passing":3,"Warning":1}})");
}

TEST(EncodeService, ReplacesBytesThatAreNotUtf8) {
  Service service;
  service.id = "a\xff";
  service.tags = {"\xc3("};
  EXPECT_EQ(encode_service(service), "{\"ID\":\"a\xef\xbf\xbd\",\"Tags\":[\"\xef\xbf\xbd(\"]}");
}

TEST(Paths, EncodeIdsAndReasons) {
  EXPECT_EQ(register_path(), "/v1/agent/service/register");
  EXPECT_EQ(deregister_path("a/b ?"), "/v1/agent/service/deregister/a%2Fb%20%3F");
  EXPECT_EQ(deregister_check_path("service:a:1"), "/v1/agent/check/deregister/service%3Aa%3A1");
  EXPECT_EQ(maintenance_path("a", true, "muster: x&y"),
            "/v1/agent/service/maintenance/a?enable=true&reason=muster%3A%20x%26y");
  EXPECT_EQ(maintenance_path("a", false, "ignored"), "/v1/agent/service/maintenance/a?enable=false");
}

}  // namespace
}  // namespace muster::consul
