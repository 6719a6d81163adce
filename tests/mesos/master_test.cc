#include "mesos/master.h"

#include <gtest/gtest.h>

#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

TEST(Pid, IsANameAndALiteralAddress) {
  EXPECT_EQ(parse_pid("slave(1)@10.0.0.21:5051"), (Pid{"slave(1)", "10.0.0.21", 5051}));
  EXPECT_EQ(parse_pid("master@[fd00::1]:5050"), (Pid{"master", "fd00::1", 5050}));
}

TEST(Pid, IsNotGuessed) {
  for (const char* wrong : {"", "@", "slave(1)", "slave(1)@", "slave(1)@node1:5051", "slave(1)@10.0.0.21",
                            "slave(1)@10.0.0.21:", "slave(1)@10.0.0.21:0", "slave(1)@10.0.0.21:70000",
                            "slave(1)@10.0.0.21:5051x", "10.0.0.21:5051", "slave(1)@10.0.0.256:5051"}) {
    EXPECT_FALSE(parse_pid(wrong)) << wrong;
  }
}

TEST(Znode, OfAMasterIsToldFromItsNeighbours) {
  EXPECT_EQ(parse_znode("json.info_0000000017")->sequence, 17U);
  EXPECT_EQ(parse_znode("json.info_0000000017")->encoding, Encoding::Json);
  EXPECT_EQ(parse_znode("info_0000000003")->encoding, Encoding::Protobuf);
  EXPECT_EQ(parse_znode("0000000002")->encoding, Encoding::Pid);
  for (const char* other : {"log_replicas", "json.info_", "info_x", "json.info_-1", "foo_0000000001", "", "_"}) {
    EXPECT_FALSE(parse_znode(other)) << other;
  }
}

TEST(MasterInfo, IsReadFromTheRecordedNode) {
  const auto master = decode_master(*parse_znode("json.info_0000000000"), recorded("znode-json.info.json"));
  ASSERT_TRUE(master) << master.error().message;
  EXPECT_EQ(*master, (Master{"http://127.0.0.1:25050", "127.0.0.1", 25050, "127.0.0.1"}));
}

TEST(MasterInfo, TrustsTheAddressThenThePidThenThePackedIp) {
  const Znode node = *parse_znode("json.info_1");
  EXPECT_EQ(decode_master(node, R"({"address":{"ip":"fd00::1","port":5051},"ip":184549386,"port":5050})")->base,
            "http://[fd00::1]:5051");
  EXPECT_EQ(decode_master(node, R"({"address":{"port":5051},"pid":"master@10.0.0.12:5052","ip":184549386})")->base,
            "http://10.0.0.12:5052");
  EXPECT_EQ(decode_master(node, R"({"ip":184549386,"port":5050.0,"hostname":"m1"})")->base, "http://10.0.0.11:5050");
}

// MasterInfo {id = "m", ip = 10.0.0.11, port = 5050, pid, hostname = "m1"}, as Mesos before 0.24 published it.
const std::string kProtobuf = std::string("\x0a\x01m", 3) + std::string("\x10\x8a\x80\x80\x58", 5) +
                              std::string("\x18\xba\x27", 3) + "\x22\x15master@10.0.0.11:5050" + "\x2a\x02m1";

TEST(MasterInfo, IsReadFromProtobuf) {
  const Znode node = *parse_znode("info_0000000001");
  const auto master = decode_master(node, kProtobuf);
  ASSERT_TRUE(master) << master.error().message;
  EXPECT_EQ(*master, (Master{"http://10.0.0.11:5050", "10.0.0.11", 5050, "m1"}));
  // Without the pid the packed ip speaks; with an address field that one does.
  const std::string bare = std::string("\x10\x8a\x80\x80\x58", 5);
  EXPECT_EQ(decode_master(node, bare)->base, "http://10.0.0.11:5050");
  EXPECT_EQ(decode_master(node, bare + std::string("\x3a\x0c\x12\x07"
                                                   "fd00::1\x18\xbb\x27",
                                                   14))
                ->base,
            "http://[fd00::1]:5051");
}

TEST(MasterInfo, CutShortIsAnErrorAtEveryByte) {
  const Znode node = *parse_znode("info_0000000001");
  for (std::size_t size = 0; size < kProtobuf.size(); ++size) {
    const auto master = decode_master(node, std::string_view(kProtobuf).substr(0, size));
    if (master) {
      EXPECT_EQ(master->ip, "10.0.0.11") << "only whole fields are believed";
    } else {
      EXPECT_NE(master.error().message.find("info_0000000001"), std::string::npos);
    }
  }
  EXPECT_FALSE(decode_master(node, "\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

TEST(MasterInfo, OfTheOldestMastersIsAPid) {
  EXPECT_EQ(decode_master(*parse_znode("0000000001"), "master@10.0.0.11:5050")->base, "http://10.0.0.11:5050");
  EXPECT_FALSE(decode_master(*parse_znode("0000000001"), "10.0.0.11"));
}

TEST(MasterInfo, ThatIsNoneNamesItsNode) {
  for (const char* wrong : {"", "{}", "[]", "null", "{\"address\":5}", "{\"address\":{\"ip\":\"x\",\"port\":5050}}",
                            "{\"ip\":184549386,\"port\":70000}", "{\"ip\":-1}"}) {
    const auto master = decode_master(*parse_znode("json.info_0000000009"), wrong);
    ASSERT_FALSE(master) << wrong;
    EXPECT_EQ(master.error().fault, Fault::Keep);
    EXPECT_NE(master.error().message.find("json.info_0000000009"), std::string::npos);
  }
}

}  // namespace
}  // namespace muster::mesos
